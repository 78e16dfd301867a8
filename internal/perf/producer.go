package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// writeSize is about how many bytes of small messages a producer hands to the
// system at once.
const writeSize = 64 << 10

// producer publishes on one connection. One goroutine writes, another reads
// confirms and returns.
type producer struct {
	t     *Test
	c     *client
	index int
	queue int // for which it publishes

	confirmed atomic.Uint64
	wake      chan struct{} // confirmed has grown
	dead      chan struct{} // closed when the reader has ended

	// The writer's.
	messages []*message // one for each priority
	sent     uint64

	// The writer's for tags that are not out yet, then the reader's.
	sentAt []atomic.Int64 // by tag, of those that are unconfirmed

	// The reader's, and whose the run is when it has ended.
	settled  sequence // tags
	refused  sequence // numbers of messages that were returned, or not taken
	returned bool     // what comes now is the content of a message that was
	times    []int64  // from publishing to confirming
}

func (t *Test) newProducer(ctx context.Context, index int) (*producer, error) {
	c, err := t.connect(ctx, index)
	if err != nil {
		return nil, err
	}
	p := &producer{
		t: t, c: c, index: index, queue: index % len(t.load.Queues),
		wake: make(chan struct{}, 1), dead: make(chan struct{}),
	}
	for i := range max(1, t.load.Priorities) {
		properties := t.load.Properties
		if t.load.Priorities > 0 {
			properties.Priority = uint8(i)
		}
		p.messages = append(p.messages, newMessage(&t.load, p.queue, c.frameMax, properties))
	}
	if t.load.Confirm > 0 {
		p.sentAt = make([]atomic.Int64, t.load.Confirm)
		if err := c.call(&amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{}); err != nil {
			c.abort()
			return nil, err
		}
	}
	return p, nil
}

// run publishes until the test says stop, or as much as was asked for.
func (p *producer) run() error {
	// A broker that takes nothing any more does not hold the end up.
	defer context.AfterFunc(p.t.stop, func() { _ = p.c.nc.SetWriteDeadline(time.Now().Add(p.t.load.Patience)) })()
	err := p.write()
	if err == nil {
		err = p.settle()
	}
	p.c.abort()
	<-p.dead
	return err
}

// read counts confirms until the connection ends.
func (p *producer) read() {
	defer close(p.dead)
	for {
		f, err := p.c.readFrame()
		if err != nil {
			return
		}
		switch f.kind {
		case amqp.FrameMethod:
			if id := f.method(); id == idCloseOk {
				return
			} else if err := p.handle(id, f); err != nil {
				p.t.fail(err)
				return
			}
		case amqp.FrameBody:
			p.refuse(f.payload)
		default:
		}
	}
}

func (p *producer) handle(id amqp.MethodID, f frame) error {
	switch id {
	case idAck, idNack:
		if len(f.payload) < 13 {
			return fmt.Errorf("producer %d: a confirm of %d bytes", p.index, len(f.payload))
		}
		return p.confirm(binary.BigEndian.Uint64(f.payload[4:]), f.payload[12]&1 != 0, id == idAck)
	case idReturn:
		p.returned = true
		p.t.returned.Add(1)
	case idChannelClose, idConnectionClose:
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
	now := p.c.arrived.UnixNano()
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
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// write publishes many messages a system call, or what is due where a rate is
// asked for.
func (p *producer) write() error {
	size := len(p.messages[0].encoded)
	atOnce := max(1, min(512, writeSize/size))
	batch := make([]byte, 0, atOnce*size+4096)
	pace := newPace(p.t.load.Rate, time.Second/wakesPerSecond*time.Duration(p.t.load.Producers))
	defer pace.stop()
	for {
		n := p.wanted(atOnce)
		if n == 0 {
			return nil
		}
		if n = pace.wait(n, p.t.stop.Done()); n == 0 {
			continue
		}
		n, err := p.awaitWindow(n)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		batch = p.appendBatch(batch[:0], n, time.Now())
		if _, err := p.c.nc.Write(batch); err != nil {
			return p.lost(err)
		}
		pace.took(n)
		p.sent += uint64(n)
		p.t.published.Add(uint64(n))
	}
}

// lost is what a write that failed means: the reader may know better.
func (p *producer) lost(err error) error {
	p.c.abort()
	<-p.dead
	return fmt.Errorf("producer %d: publish: %w", p.index, err)
}

// wanted is how many messages are still to be published at once, 0 at the end.
// However short the test, every producer publishes once.
func (p *producer) wanted(atOnce int) int {
	if p.sent > 0 {
		select {
		case <-p.t.stop.Done():
			return 0
		default:
		}
	}
	if total := p.t.load.Publish; total > 0 {
		return min(atOnce, total-int(p.sent))
	}
	return atOnce
}

// awaitWindow waits until at least one more message may be unconfirmed, and
// returns how many of n may; 0 when the test stops.
func (p *producer) awaitWindow(n int) (int, error) {
	window := p.t.load.Confirm
	if window == 0 {
		return n, nil
	}
	for p.sent-p.confirmed.Load() >= uint64(window) {
		select {
		case <-p.wake:
		case <-p.t.stop.Done():
			return 0, nil
		case <-p.dead:
			return 0, fmt.Errorf("producer %d: connection lost", p.index)
		}
	}
	return min(n, window-int(p.sent-p.confirmed.Load())), nil
}

// appendBatch appends n publishes that carry now.
func (p *producer) appendBatch(b []byte, n int, now time.Time) []byte {
	l := &p.t.load
	for i := range uint64(n) {
		number := p.sent + i + 1
		m := p.messages[(number-1)%uint64(len(p.messages))]
		if l.Verify {
			m.sign(stamp{sent: now.UnixNano(), test: p.t.number, producer: uint32(p.index), number: number})
		} else {
			m.mark(now)
		}
		if p.sentAt != nil {
			p.sentAt[number%uint64(len(p.sentAt))].Store(now.UnixNano())
		}
		b = append(b, m.encoded...)
	}
	return b
}

// settle waits until the broker has read everything: it has confirmed it, and
// answers the close that is written after it.
func (p *producer) settle() error {
	if p.t.load.Confirm > 0 {
		if err := p.awaitConfirms(); err != nil {
			return err
		}
	}
	_ = p.c.nc.SetDeadline(time.Now().Add(p.t.load.Patience + replyTime))
	err := p.c.send(0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess)})
	<-p.dead
	return err
}

func (p *producer) awaitConfirms() error {
	idle := time.NewTimer(p.t.load.Patience)
	defer idle.Stop()
	for p.confirmed.Load() < p.sent {
		select {
		case <-p.wake:
			idle.Reset(p.t.load.Patience)
		case <-p.dead:
			return fmt.Errorf("producer %d: connection lost with %d unconfirmed", p.index, p.sent-p.confirmed.Load())
		case <-idle.C:
			return errors.Join(errUnconfirmed, fmt.Errorf("producer %d: %d of %d", p.index, p.sent-p.confirmed.Load(), p.sent))
		}
	}
	return nil
}

var errUnconfirmed = errors.New("messages were never confirmed")
