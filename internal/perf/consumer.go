package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

const (
	ackBytes   = 16 << 10 // acknowledgements are written at the latest at this size
	countEvery = 256      // deliveries are added to the test's count in such steps
)

// consumer reads deliveries on one connection, in one goroutine.
type consumer struct {
	t      *Test
	c      *client
	index  int
	reader *reader // of what is verified; nil: nothing is

	queue     int    // from which the delivery that is being read comes
	tag       uint64 // of it
	remaining uint64 // bytes of its body that are still to come
	first     bool   // the next body frame is the first

	got     int
	unacked int
	acks    []byte // encoded, not yet written
	times   []int64
	counted int // of got
	pace    *pace
}

var errEnough = errors.New("the consumer has what it wanted")

// newConsumer is a consumer of its share of the queues: if there are more
// consumers than queues, they share them, else each has some for itself.
func (t *Test) newConsumer(ctx context.Context, index int) (*consumer, error) {
	c, err := t.connect(ctx, t.load.Producers+index)
	if err != nil {
		return nil, err
	}
	k := &consumer{t: t, c: c, index: index}
	if t.load.Verify {
		k.reader = t.audit.newReader()
	}
	if err := k.subscribe(); err != nil {
		c.abort()
		return nil, fmt.Errorf("consumer %d: %w", index, err)
	}
	return k, nil
}

func (k *consumer) subscribe() error {
	l := &k.t.load
	if l.Prefetch > 0 {
		if err := k.c.call(&amqp.BasicQos{PrefetchCount: l.Prefetch}, &amqp.BasicQosOk{}); err != nil {
			return err
		}
	}
	for i := k.index; i < max(len(l.Queues), l.Consumers); i += l.Consumers {
		queue := i % len(l.Queues)
		m := &amqp.BasicConsume{Queue: l.Queues[queue], ConsumerTag: strconv.Itoa(queue), NoAck: l.AutoAck, Arguments: l.ConsumerArguments}
		// Deliveries of the queues before may come already, so the reply is not
		// waited for.
		m.NoWait = true
		if err := k.c.send(1, m); err != nil {
			return err
		}
	}
	return nil
}

// run handles frames until the test is over, or the consumer has enough.
func (k *consumer) run() error {
	defer k.c.abort()
	k.pace = newPace(k.t.load.ConsumeRate, 0)
	defer k.pace.stop()
	err := k.read()
	k.count()
	if errors.Is(err, errEnough) || k.t.ended() {
		err = k.leave()
	}
	if err == nil || k.t.ended() {
		return nil
	}
	return fmt.Errorf("consumer %d: %w", k.index, err)
}

// end has the consumer leave. It ends a wait for the broker, of which the reader
// loses nothing.
func (k *consumer) end() {
	now := time.Now()
	_ = k.c.nc.SetReadDeadline(now)
	_ = k.c.nc.SetWriteDeadline(now.Add(k.t.load.Patience))
}

// leave acknowledges the rest, and waits for the broker to have read it. What
// else was sent goes back.
func (k *consumer) leave() error {
	if k.unacked > 0 {
		k.ack(true)
	}
	if err := k.writeAcks(); err != nil {
		return err
	}
	return k.c.close()
}

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
			return fmt.Errorf("connection lost: %w", err)
		}
		if err := k.handle(f); err != nil {
			return err
		}
	}
}

func (k *consumer) handle(f frame) error {
	switch f.kind {
	case amqp.FrameMethod:
		switch f.method() {
		case idDeliver:
			return k.deliver(f.payload[4:])
		case idConnectionClose, idChannelClose:
			return f.refusal()
		case idCancel:
			return errors.New("cancelled by the broker: the queue is gone")
		}
	case amqp.FrameHeader:
		if len(f.payload) < 12 {
			return errors.New("a content header without a size")
		}
		k.remaining = binary.BigEndian.Uint64(f.payload[4:])
		k.first = true
		if k.remaining == 0 {
			return k.delivered()
		}
	case amqp.FrameBody:
		return k.body(f.payload)
	default:
	}
	return nil
}

// deliver reads the arguments of basic.deliver, as far as they matter: the
// consumer tag, which is the number of the queue, and the delivery tag.
func (k *consumer) deliver(arguments []byte) error {
	if len(arguments) < 1 || len(arguments) < 1+int(arguments[0])+9 {
		return errors.New("a delivery without a tag")
	}
	n := int(arguments[0])
	k.queue = 0
	for _, digit := range arguments[1 : 1+n] {
		k.queue = 10*k.queue + int(digit-'0')
	}
	k.tag = binary.BigEndian.Uint64(arguments[1+n:])
	return nil
}

func (k *consumer) body(piece []byte) error {
	if k.first {
		k.first = false
		if len(piece) >= timeSize {
			k.times = append(k.times, (k.c.arrived.UnixNano()-int64(binary.BigEndian.Uint64(piece)))/1e3)
		}
	}
	if k.reader != nil {
		k.reader.add(piece)
	}
	k.remaining -= min(k.remaining, uint64(len(piece)))
	if k.remaining == 0 {
		return k.delivered()
	}
	return nil
}

// delivered counts a whole message and acknowledges it when its turn has come.
func (k *consumer) delivered() error {
	l := &k.t.load
	k.got++
	if k.reader != nil {
		k.reader.end(k.queue)
	}
	if k.got-k.counted >= countEvery {
		k.count()
	}
	if !l.AutoAck {
		if k.unacked++; k.unacked >= l.AckEvery {
			k.ack(l.AckEvery > 1)
		}
	}
	if k.got == l.Consume {
		return errEnough
	}
	if l.ConsumeRate > 0 {
		k.count()
		k.pace.took(1)
		if err := k.writeAcks(); err != nil {
			return err
		}
		k.pace.wait(1, k.t.over)
	}
	if len(k.acks) > ackBytes {
		return k.writeAcks()
	}
	return nil
}

func (k *consumer) ack(multiple bool) {
	k.unacked = 0
	k.acks = amqp.AppendMethod(k.acks, 1, &amqp.BasicAck{DeliveryTag: k.tag, Multiple: multiple})
}

// count has the test know what has come.
func (k *consumer) count() {
	if n := k.got - k.counted; n > 0 {
		k.counted = k.got
		k.t.consumeTimes.record(k.times)
		k.times = k.times[:0]
		k.t.count(uint64(n), k.c.arrived)
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
