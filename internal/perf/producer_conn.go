package perf

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// producerConn is a connection with producers, each on a channel of its own.
// They write; one goroutine reads confirms and returns for all of them.
type producerConn struct {
	t         *Test
	c         *client
	index     int
	producers []*producer  // by channel, from 1 up
	left      atomic.Int64 // producers that are not done
	failed    atomic.Pointer[error]
	dead      chan struct{} // closed when the reader has ended
}

func (t *Test) newProducerConn(ctx context.Context, index int) (*producerConn, error) {
	c, err := t.connect(ctx, index)
	if err != nil {
		return nil, err
	}
	k := &producerConn{t: t, c: c, index: index, dead: make(chan struct{})}
	k.left.Store(int64(t.load.ProducerChannels))
	for range t.load.ProducerChannels {
		p, err := k.newProducer()
		if err != nil {
			c.abort()
			return nil, err
		}
		k.producers = append(k.producers, p)
	}
	return k, nil
}

// run has the producers publish until all have, and returns what went wrong
// first.
func (k *producerConn) run() error {
	var producing sync.WaitGroup
	go k.read() // ends with the connection; who leaves last waits for it
	for _, p := range k.producers {
		producing.Go(func() {
			if err := p.run(); err != nil {
				k.failed.CompareAndSwap(nil, &err)
			}
		})
	}
	producing.Wait()
	if err := k.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// read handles what comes until the connection ends.
func (k *producerConn) read() {
	defer close(k.dead)
	for {
		f, err := k.c.readFrame()
		if err != nil || f.method() == idCloseOk {
			return
		}
		if err := k.handle(f); err != nil {
			if k.failed.CompareAndSwap(nil, &err); !k.t.recovers(err) {
				k.t.fail(err)
			}
			k.c.abort()
			return
		}
	}
}

func (k *producerConn) handle(f frame) error {
	switch n := int(f.channel); {
	case f.method() == idConnectionClose:
		return lost{fmt.Errorf("producer %d: %w", k.producers[0].index, f.refusal())}
	case n == 0 || n > len(k.producers):
		return nil
	default:
		return k.producers[n-1].handle(f)
	}
}

// leave is for a producer that has failed, or is done. The last one that is done
// waits until the broker has read everything: it answers the close that is
// written after it.
func (k *producerConn) leave(err error) error {
	last := k.left.Add(-1) == 0
	switch {
	case err != nil:
	case !last:
		return nil
	default:
		_ = k.c.nc.SetDeadline(time.Now().Add(k.t.load.Patience + replyTime))
		err = k.c.send(0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess)})
		<-k.dead
	}
	k.c.abort()
	<-k.dead
	return err
}
