package perf

import (
	"context"
	"errors"
	"fmt"
)

const (
	outBytes   = 16 << 10 // acknowledgements are written at the latest at this size
	countEvery = 256      // deliveries are added to the test's count in such steps
)

// consumerConn is a connection with consumers, each on a channel of its own. One
// goroutine reads deliveries for all of them.
type consumerConn struct {
	t         *Test
	c         *client
	index     int
	consumers []*consumer // by channel, from 1 up
	wanting   int         // consumers that want more

	got     int
	counted int    // of got
	out     []byte // acknowledgements and the like, encoded, not yet written
	times   []int64
	pace    *pace
}

func (t *Test) newConsumerConn(ctx context.Context, index int) (*consumerConn, error) {
	c, err := t.connect(ctx, t.load.Producers+index)
	if err != nil {
		return nil, err
	}
	k := &consumerConn{t: t, c: c, index: index, wanting: t.load.ConsumerChannels}
	if err := k.open(nil); err != nil {
		c.abort()
		return nil, fmt.Errorf("consumer %d: %w", index*t.load.ConsumerChannels, err)
	}
	return k, nil
}

// open opens all channels before the first delivery may come. Consumers go on
// from where they were on another connection, if they were.
func (k *consumerConn) open(before []*consumer) error {
	for range k.t.load.ConsumerChannels {
		c, err := k.newConsumer()
		if err != nil {
			return err
		}
		k.consumers = append(k.consumers, c)
	}
	for i, c := range before {
		k.consumers[i].got, k.consumers[i].left = c.got, c.left
	}
	for _, c := range k.consumers {
		if c.left {
			continue
		}
		if err := c.subscribe(); err != nil {
			return err
		}
	}
	return nil
}

// run handles frames until the test is over, or the consumers have enough.
func (k *consumerConn) run() error {
	defer k.c.abort()
	k.pace = newPace(k.t.load.ConsumeRate*float64(len(k.consumers)), 0)
	defer k.pace.stop()
	err := k.read()
	k.count()
	if errors.Is(err, errEnough) || k.t.ended() {
		err = k.leave()
	}
	if k.t.ended() {
		return nil
	}
	return err
}

// end has the consumers leave. It ends a wait for the broker, of which the reader
// loses nothing.
func (k *consumerConn) end() {
	k.t.mu.Lock()
	defer k.t.mu.Unlock()
	k.c.end(k.t.load.Patience)
}

// leave settles the rest, and waits for the broker to have read it. What else
// was sent goes back.
func (k *consumerConn) leave() error {
	for _, c := range k.consumers {
		if !c.left {
			c.settle()
		}
	}
	if err := k.write(); err != nil {
		return err
	}
	return k.c.close()
}

func (k *consumerConn) read() error {
	for {
		if k.c.r.Buffered() < frameHeaderSize { // about to wait
			k.count()
			if err := k.write(); err != nil {
				return err
			}
		}
		f, err := k.c.readFrame()
		if err != nil {
			return lost{fmt.Errorf("consumer %d: connection lost: %w", k.consumers[0].index, err)}
		}
		if err := k.handle(f); err != nil {
			return err
		}
	}
}

// handle gives a frame to the consumer of its channel. The last one that has
// enough ends the connection, those before it their channels.
func (k *consumerConn) handle(f frame) error {
	n := int(f.channel)
	if f.method() == idConnectionClose {
		return lost{fmt.Errorf("consumer %d: %w", k.consumers[0].index, f.refusal())}
	}
	if n == 0 || n > len(k.consumers) || k.consumers[n-1].left {
		return nil
	}
	c := k.consumers[n-1]
	err := c.handle(f)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, errEnough):
		return fmt.Errorf("consumer %d: %w", c.index, err)
	}
	if k.wanting--; k.wanting == 0 {
		return errEnough
	}
	c.leave()
	return nil
}

// next is after each delivery.
func (k *consumerConn) next() error {
	if k.got-k.counted >= countEvery {
		k.count()
	}
	if k.t.load.ConsumeRate > 0 {
		k.count()
		k.pace.took(1)
		if err := k.write(); err != nil {
			return err
		}
		k.pace.wait(1, k.t.over)
	}
	if len(k.out) > outBytes {
		return k.write()
	}
	return nil
}

// count has the test know what has come.
func (k *consumerConn) count() {
	if n := k.got - k.counted; n > 0 {
		k.counted = k.got
		k.t.consumeTimes.record(k.times)
		k.times = k.times[:0]
		k.t.count(uint64(n), k.c.arrived)
	}
}

// write writes what consumers have to say.
func (k *consumerConn) write() error {
	if len(k.out) == 0 {
		return nil
	}
	_, err := k.c.nc.Write(k.out)
	k.out = k.out[:0]
	if err != nil {
		return lost{fmt.Errorf("consumer %d: %w", k.consumers[0].index, err)}
	}
	return nil
}
