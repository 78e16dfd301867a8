package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// writeSize is about how many bytes of small messages a producer hands to the
// system at once.
const writeSize = 64 << 10

// producer publishes on one connection. One goroutine writes, another reads
// confirms and notices a close.
type producer struct {
	r         *run
	c         *client
	count     int // messages to publish; negative: until the run's deadline
	confirmed atomic.Uint64
	wake      chan struct{} // confirmed has grown
	dead      chan struct{} // closed when the reader ends

	// writer only
	sent uint64
	body []byte
	one  []byte // a whole encoded publish
	at   int    // where its body begins
}

// startProducer publishes until the deadline, or count messages where count
// is not negative.
func (r *run) startProducer(count int) error {
	c, err := connect(r.broker)
	if err != nil {
		return err
	}
	if r.window > 0 {
		if err := c.confirmSelect(); err != nil {
			return err
		}
	}
	p := &producer{
		r: r, c: c, count: count,
		wake: make(chan struct{}, 1), dead: make(chan struct{}),
		body: make([]byte, max(8, r.size)),
	}
	go p.read() // ends with the connection; write waits for it
	r.producing.Go(func() {
		defer c.close()
		err := p.write()
		if err == nil {
			err = p.settle()
		}
		if err != nil {
			r.fail(err)
		}
	})
	return nil
}

// read counts confirms until the connection ends.
func (p *producer) read() {
	defer close(p.dead)
	seen := confirms{ahead: map[uint64]struct{}{}}
	for {
		f, err := p.c.readFrame()
		if err != nil {
			return
		}
		if f.typ != frameMethod {
			continue
		}
		switch f.method() {
		case basicAck:
			seen.ack(binary.BigEndian.Uint64(f.payload[4:]), f.payload[12]&1 != 0)
			p.confirmed.Store(seen.total())
			select {
			case p.wake <- struct{}{}:
			default:
			}
		case basicNack, basicReturn:
			p.r.fail(errors.New("nack or return"))
		case connectionCloseOk:
			return
		case connectionClose, channelClose:
			p.r.fail(closeError(f.payload[4:]))
			return
		}
	}
}

// write publishes many messages a system call, or one where a rate is asked.
func (p *producer) write() error {
	p.encode(-1)
	perWrite, interval := max(1, min(512, writeSize/len(p.one))), time.Duration(0)
	if p.r.rate > 0 {
		perWrite, interval = 1, time.Second*time.Duration(p.r.producers)/time.Duration(p.r.rate)
	}
	batch := make([]byte, 0, perWrite*len(p.one)+4096)
	next := time.Now()
	for {
		now := time.Now()
		n := p.due(now, perWrite)
		if n == 0 {
			return nil
		}
		n, err := p.awaitWindow(n)
		if err != nil {
			return err
		}
		if interval > 0 {
			time.Sleep(time.Until(next))
			next = next.Add(interval)
			now = time.Now()
		}
		batch = p.appendBatch(batch[:0], n, now)
		if _, err := p.c.nc.Write(batch); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		p.sent += uint64(n)
		p.r.published.Add(uint64(n))
	}
}

// due is how many messages to publish next, 0 at the end. However short the
// run, every producer publishes once.
func (p *producer) due(now time.Time, perWrite int) int {
	if p.count >= 0 {
		return min(perWrite, p.count-int(p.sent))
	}
	if p.sent > 0 && !now.Before(p.r.deadline) {
		return 0
	}
	return perWrite
}

// awaitWindow waits until at least one more message may be unconfirmed, and
// returns how many of n may.
func (p *producer) awaitWindow(n int) (int, error) {
	if p.r.window == 0 {
		return n, nil
	}
	for p.sent-p.confirmed.Load() >= uint64(p.r.window) {
		select {
		case <-p.wake:
		case <-p.dead:
			return 0, errors.New("producer connection lost")
		}
	}
	return min(n, p.r.window-int(p.sent-p.confirmed.Load())), nil
}

// appendBatch appends n publishes that carry now.
func (p *producer) appendBatch(b []byte, n int, now time.Time) []byte {
	for i := range n {
		if p.r.priorities > 0 {
			p.encode(int(p.sent+uint64(i)) % p.r.priorities)
		}
		binary.BigEndian.PutUint64(p.one[p.at:], uint64(now.UnixNano()))
		b = append(b, p.one...)
	}
	return b
}

func (p *producer) encode(priority int) {
	m := publish{
		exchange: p.r.topology.exchange, key: p.r.topology.key,
		body: p.body, persistent: p.r.persistent, priority: priority,
	}
	p.one, p.at = m.append(p.one[:0], p.c.frameMax)
}

// settle waits until the broker has read everything: it has confirmed it, or
// answers the close that was written after it.
func (p *producer) settle() error {
	if p.r.window == 0 {
		p.c.setDeadline(drainLimit)
		err := p.c.sendMethod(0, connectionClose, []byte{0, 200, 0, 0, 0, 0, 0})
		<-p.dead
		return err
	}
	limit := time.After(drainLimit)
	for p.confirmed.Load() < p.sent {
		select {
		case <-p.wake:
		case <-p.dead:
			return fmt.Errorf("connection lost with %d unconfirmed", p.sent-p.confirmed.Load())
		case <-limit:
			return fmt.Errorf("%d never confirmed", p.sent-p.confirmed.Load())
		}
	}
	return nil
}
