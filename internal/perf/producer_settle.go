package perf

import (
	"encoding/binary"
	"fmt"

	"github.com/leveretmq/leveret/amqp"
)

// handle takes what has come on the channel.
func (p *producer) handle(f frame) error {
	if f.kind == amqp.FrameBody {
		p.refuse(f.payload)
	}
	switch id := f.method(); id {
	case idAck, idNack:
		if len(f.payload) < 13 {
			return fmt.Errorf("producer %d: a confirm of %d bytes", p.index, len(f.payload))
		}
		return p.confirm(binary.BigEndian.Uint64(f.payload[4:]), f.payload[12]&1 != 0, id == idAck)
	case idCommitOk:
		p.committed.Add(1)
		p.poke()
	case idReturn:
		p.returned = true
		p.t.returned.Add(1)
	case idChannelClose:
		return fmt.Errorf("producer %d: %w", p.index, f.refusal())
	}
	return nil
}

// refuse notes which message was returned, by the beginning of its body.
func (p *producer) refuse(body []byte) {
	if s, ok := readStamp(body); ok && p.returned && p.t.load.Verify {
		p.refused.add(s.number)
	}
	p.returned = false
}

// confirm settles a tag, or all up to it.
func (p *producer) confirm(tag uint64, multiple, taken bool) error {
	first := tag
	if multiple {
		first = p.settled.lowest()
	}
	if first <= tag && tag-first >= uint64(len(p.sentAt)) {
		return fmt.Errorf("producer %d: the broker confirms messages up to %d, which were not sent", p.index, tag)
	}
	now := p.conn.c.arrived.UnixNano()
	p.times = p.times[:0]
	for n := first; n <= tag; n++ {
		switch {
		case !p.settled.add(n):
		case taken:
			p.times = append(p.times, (now-p.sentAt[n%uint64(len(p.sentAt))].Load())/1e3)
		default:
			p.refused.add(n)
			p.t.nacked.Add(1)
		}
	}
	p.t.confirmTimes.record(p.times)
	p.t.confirmed.Add(uint64(len(p.times)))
	p.confirmed.Store(p.settled.count())
	p.poke()
	return nil
}

// poke has the writer look again.
func (p *producer) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// open is how many messages are in the transaction that is open.
func (p *producer) open() int {
	size := p.t.load.CommitPublishes
	if size == 0 {
		return 0
	}
	return int(p.sent % uint64(size))
}

// commit appends the end of the transaction.
func (p *producer) commit(b []byte) []byte {
	p.commits++
	return amqp.AppendMethod(b, p.channel, &amqp.TxCommit{})
}
