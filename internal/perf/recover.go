package perf

import (
	"context"
	"errors"
	"time"
)

// lost is why a connection ended that may be opened again.
type lost struct{ error }

// Unwrap returns the reason.
func (l lost) Unwrap() error { return l.error }

// recovers tells whether a connection that ended for a reason is opened again.
func (t *Test) recovers(err error) bool { return t.load.Recover > 0 && errors.As(err, new(lost)) }

// again opens a connection in place of one that was lost, and declares before
// what may have gone with it, as often as it takes; false if there is no more
// use of it.
func (t *Test) again(enough <-chan struct{}, open func(context.Context) error) bool {
	ctx := context.WithoutCancel(t.stop)
	pause := time.NewTimer(t.load.Recover)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-enough:
			return false
		}
		err := t.load.declare(ctx, t.addresses[0])
		if err == nil {
			err = open(ctx)
		}
		if err == nil {
			t.recovered.Add(1)
			return true
		}
		pause.Reset(t.load.Recover)
	}
}

// keep has producers publish, on another connection when theirs is lost.
func (k *producerConn) keep() error {
	for {
		err := k.run()
		if !k.t.recovers(err) {
			return err
		}
		next := k
		if !k.t.again(k.t.stop.Done(), func(ctx context.Context) (err error) {
			next, err = k.t.newProducerConn(ctx, k.index)
			return err
		}) {
			return nil
		}
		for i, p := range next.producers {
			p.before = k.producers[i].before + k.producers[i].sent
		}
		k = next
		k.t.mu.Lock()
		k.t.producers = append(k.t.producers, k.producers...)
		k.t.mu.Unlock()
	}
}

// keep has consumers consume, on another connection when theirs is lost.
func (k *consumerConn) keep() error {
	for {
		err := k.run()
		if !k.t.recovers(err) {
			return err
		}
		if !k.t.again(k.t.over, k.reopen) {
			return nil
		}
	}
}

// reopen has the consumers that want more go on, on a new connection.
func (k *consumerConn) reopen(ctx context.Context) error {
	c, err := k.t.connect(ctx, k.t.load.Producers+k.index)
	if err != nil {
		return err
	}
	k.t.mu.Lock()
	k.c = c
	if k.t.ended() { // and end has looked at the connection before
		c.end(0)
	}
	k.t.mu.Unlock()
	before := k.consumers
	k.consumers, k.out = nil, nil
	if err := k.open(before); err != nil {
		k.consumers = before
		c.abort()
		return err
	}
	return nil
}
