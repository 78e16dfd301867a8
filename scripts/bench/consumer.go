package main

import (
	"encoding/binary"
	"fmt"
	"time"
)

const (
	ackBytes     = 16 << 10 // acknowledgements are written at the latest at this size
	countEvery   = 256      // deliveries are added to the run's count in such steps
	latencyEvery = 64       // one latency in so many is taken, where no rate is set
)

// consumer reads deliveries on one connection, in one goroutine.
type consumer struct {
	r       *run
	c       *client
	latency histogram

	tag       uint64 // of the delivery being read
	remaining uint64 // body bytes still to come
	first     bool   // the next body frame is the first
	got       uint64
	uncounted uint64
	unacked   int
	acks      []byte // encoded, not yet written
}

func (r *run) startConsumer(queue string) error {
	c, err := connect(r.broker)
	if err != nil {
		return err
	}
	r.consumers = append(r.consumers, c)
	if r.prefetch > 0 {
		if err := c.qos(r.prefetch); err != nil {
			return err
		}
	}
	if err := c.consume(queue, r.noAck); err != nil {
		return err
	}
	r.reading.Go(func() {
		k := &consumer{r: r, c: c}
		if err := k.read(); !r.finished.Load() {
			r.fail(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.mu.latency.merge(&k.latency)
	})
	return nil
}

// read handles frames until the connection ends, and says why.
func (k *consumer) read() error {
	for {
		if k.c.r.Buffered() < frameHeaderSize { // about to wait
			k.count()
			if err := k.writeAcks(); err != nil {
				return err
			}
		}
		f, err := k.c.readFrame()
		if err != nil {
			return fmt.Errorf("consumer connection lost: %w", err)
		}
		if err := k.handle(f); err != nil {
			return err
		}
	}
}

func (k *consumer) handle(f frame) error {
	switch f.typ {
	case frameMethod:
		switch f.method() {
		case basicDeliver:
			n := int(f.payload[4]) // length of the consumer tag
			k.tag = binary.BigEndian.Uint64(f.payload[5+n:])
		case connectionClose, channelClose:
			return closeError(f.payload[4:])
		}
	case frameHeader:
		k.remaining = binary.BigEndian.Uint64(f.payload[4:])
		k.first = true
	case frameBody:
		if k.first {
			k.first = false
			k.measure(f.payload)
		}
		if k.remaining -= uint64(len(f.payload)); k.remaining == 0 {
			return k.delivered()
		}
	}
	return nil
}

// measure takes the time since the message was sent.
func (k *consumer) measure(body []byte) {
	if k.got%latencyEvery == 0 || k.r.rate > 0 {
		sent := time.Unix(0, int64(binary.BigEndian.Uint64(body)))
		k.latency.add(time.Since(sent))
	}
}

// delivered counts a whole message and acknowledges it when its turn has come.
func (k *consumer) delivered() error {
	k.got++
	if k.uncounted++; k.uncounted >= countEvery {
		k.count()
	}
	if k.r.noAck {
		return nil
	}
	if k.unacked++; k.unacked < k.r.ackEvery {
		return nil
	}
	k.unacked = 0
	var args [9]byte
	binary.BigEndian.PutUint64(args[:], k.tag)
	args[8] = bit(0, k.r.ackEvery > 1)
	k.acks = appendMethod(k.acks, 1, basicAck, args[:])
	if len(k.acks) > ackBytes {
		return k.writeAcks()
	}
	return nil
}

func (k *consumer) count() {
	if k.uncounted > 0 {
		k.r.delivered.Add(k.uncounted)
		k.uncounted = 0
	}
}

func (k *consumer) writeAcks() error {
	if len(k.acks) == 0 {
		return nil
	}
	_, err := k.c.nc.Write(k.acks)
	k.acks = k.acks[:0]
	return err
}
