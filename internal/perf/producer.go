package perf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// writeSize is about how many bytes of small messages a producer hands to the
// system at once.
const writeSize = 64 << 10

// producer publishes on one channel. Its goroutine writes; what comes is handled
// by the one that reads the connection.
type producer struct {
	t       *Test
	conn    *producerConn
	channel uint16
	index   int // among all
	queue   int // for which it publishes

	confirmed atomic.Uint64
	committed atomic.Uint64 // transactions
	wake      chan struct{} // confirmed or committed has grown

	// The writer's.
	messages []*message // one for each priority
	sent     uint64
	before   uint64 // sent on connections that were lost
	commits  uint64 // that were asked for

	// The writer's for tags that are not out yet, then the reader's.
	sentAt []atomic.Int64 // by tag, of those that are unconfirmed

	// The reader's, and whose the run is when it has ended.
	settled  sequence // tags
	refused  sequence // numbers of messages that were returned, or not taken
	returned bool     // what comes now is the content of a message that was
	times    []int64  // from publishing to confirming
}

// newProducer is the producer on the next channel of a connection.
func (k *producerConn) newProducer() (*producer, error) {
	l, n := &k.t.load, len(k.producers)
	p := &producer{t: k.t, conn: k, channel: uint16(n + 1), index: k.index*l.ProducerChannels + n, wake: make(chan struct{}, 1)}
	p.queue = p.index % len(l.Queues)
	for i := range max(1, l.Priorities) {
		properties := l.Properties
		if l.Priorities > 0 {
			properties.Priority = uint8(i)
		}
		m := newMessage(l, p.queue, k.c.frameMax, properties)
		m.move(p.channel)
		p.messages = append(p.messages, m)
	}
	if err := k.c.openChannel(p.channel); err != nil {
		return nil, err
	}
	switch {
	case l.Confirm > 0:
		p.sentAt = make([]atomic.Int64, l.Confirm)
		return p, k.c.ask(p.channel, &amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{})
	case l.CommitPublishes > 0:
		return p, k.c.ask(p.channel, &amqp.TxSelect{}, &amqp.TxSelectOk{})
	}
	return p, nil
}

// run publishes until the test says stop, or as much as was asked for.
func (p *producer) run() error {
	// A broker that takes nothing any more does not hold the end up.
	defer context.AfterFunc(p.t.stop, func() { _ = p.conn.c.nc.SetWriteDeadline(time.Now().Add(p.t.load.Patience)) })()
	err := p.write()
	if err == nil {
		err = p.settle()
	}
	return p.conn.leave(err)
}

// write publishes many messages a system call, or what is due where a rate is
// asked for.
func (p *producer) write() error {
	size := len(p.messages[0].encoded)
	atOnce := max(1, min(512, writeSize/size))
	batch := make([]byte, 0, atOnce*size+4096)
	pace := newPace(p.t.load.Rate, time.Second/wakesPerSecond*time.Duration(p.t.load.producers()))
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
		if p.open()+n == p.t.load.CommitPublishes {
			batch = p.commit(batch)
		}
		if _, err := p.conn.c.nc.Write(batch); err != nil {
			return p.lost(err)
		}
		pace.took(n)
		p.sent += uint64(n)
		p.t.published.Add(uint64(n))
	}
}

// lost is what a write that failed means: the reader may know better.
func (p *producer) lost(err error) error {
	p.conn.c.abort()
	<-p.conn.dead
	return lost{fmt.Errorf("producer %d: publish: %w", p.index, err)}
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
	if size := p.t.load.CommitPublishes; size > 0 {
		atOnce = min(atOnce, size-p.open())
	}
	if total := p.t.load.Publish; total > 0 {
		return min(atOnce, total-int(p.before+p.sent))
	}
	return atOnce
}

// awaitWindow waits until at least one more message may be published, and
// returns how many of n may; 0 when the test stops.
func (p *producer) awaitWindow(n int) (int, error) {
	for p.room() <= 0 {
		select {
		case <-p.wake:
		case <-p.t.stop.Done():
			return 0, nil
		case <-p.conn.dead:
			return 0, lost{fmt.Errorf("producer %d: connection lost", p.index)}
		}
	}
	return min(n, p.room()), nil
}

// room is how many messages may be published: none while a transaction is being
// committed.
func (p *producer) room() int {
	switch window := p.t.load.Confirm; {
	case window > 0:
		return window - int(p.sent-p.confirmed.Load())
	case p.committed.Load() < p.commits:
		return 0
	}
	return math.MaxInt
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

// settle waits until the broker has confirmed or committed everything, as far as
// the channel has confirms or transactions.
func (p *producer) settle() error {
	if p.open() > 0 {
		if _, err := p.conn.c.nc.Write(p.commit(nil)); err != nil {
			return p.lost(err)
		}
	}
	idle := time.NewTimer(p.t.load.Patience)
	defer idle.Stop()
	for p.unsettled() > 0 {
		select {
		case <-p.wake:
			idle.Reset(p.t.load.Patience)
		case <-p.conn.dead:
			return lost{fmt.Errorf("producer %d: connection lost with %d unconfirmed", p.index, p.unsettled())}
		case <-idle.C:
			return errors.Join(errUnconfirmed, fmt.Errorf("producer %d: %d of %d", p.index, p.unsettled(), p.sent))
		}
	}
	return nil
}

// unsettled is how many messages are neither confirmed nor committed and ought
// to be.
func (p *producer) unsettled() uint64 {
	switch l := &p.t.load; {
	case l.Confirm > 0:
		return p.sent - p.confirmed.Load()
	case l.CommitPublishes > 0:
		return p.sent - min(p.sent, p.committed.Load()*uint64(l.CommitPublishes))
	}
	return 0
}

var errUnconfirmed = errors.New("messages were never confirmed")
