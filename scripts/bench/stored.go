package main

import (
	"context"
	"fmt"
	"time"

	"github.com/leveretmq/leveret/internal/perf"
)

// storedRun is the load of one queue that outlives connections.
type storedRun struct {
	load  perf.Load
	begun time.Time // when the broker was started
	// One is enough: the first error ends all.
	err error
}

func storeRun(p *process, size int) *storedRun {
	return &storedRun{begun: p.begun, load: perf.Load{
		URIs: []string{p.broker.uri()}, Topology: perf.Topology{Queues: []string{"bench-store"}, Durable: true},
		Size: size, Persistent: true, Confirm: 2000, AckEvery: 50, Prefetch: 1000, Time: drainLimit, Patience: drainLimit,
	}}
}

// fill publishes n messages and returns the time that it took; if it is one,
// the time since the broker was started.
func (r *storedRun) fill(ctx context.Context, n int) time.Duration {
	l := r.load
	l.Producers, l.Publish = 1, n
	res := r.run(ctx, l)
	if n == 1 {
		return time.Since(r.begun)
	}
	return time.Duration(res.SendingSeconds * float64(time.Second))
}

// drain takes n messages.
func (r *storedRun) drain(ctx context.Context, n int) time.Duration {
	l := r.load
	l.Consumers, l.Consume = 1, n
	res := r.run(ctx, l)
	if res.Delivered != uint64(n) && r.err == nil {
		r.err = fmt.Errorf("%d messages of %d were there", res.Delivered, n)
	}
	return time.Duration(res.ReceivingSeconds * float64(time.Second))
}

// firstDelivery is the time from the start of the broker until a consumer has a
// message, which is gone then.
func (r *storedRun) firstDelivery(ctx context.Context) (time.Duration, error) {
	l := r.load
	l.Consumers, l.Consume, l.Prefetch, l.AckEvery = 1, 1, 1, 1
	r.run(ctx, l)
	return time.Since(r.begun), r.err
}

func (r *storedRun) run(ctx context.Context, l perf.Load) perf.Result {
	if r.err != nil {
		return perf.Result{}
	}
	test, err := perf.Prepare(ctx, l)
	if err != nil {
		r.err = err
		return perf.Result{}
	}
	res, err := test.Run(ctx)
	r.err = err
	return res
}
