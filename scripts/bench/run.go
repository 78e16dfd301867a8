package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leveretmq/leveret/internal/perf"
)

// drainLimit is how long a broker may take to hand out what it has.
const drainLimit = 3 * time.Minute

// result is what a run has measured.
type result struct {
	published, delivered uint64
	seconds              float64
	cpu                  time.Duration
	peakMiB              float64
	writtenPerByte       float64 // to disks, for each byte of a body
	latency              perf.Latency
	filled, drained      float64 // a second, of a backlog
	err                  error
}

func (r *result) cpuMicrosPerMessage() float64 {
	return float64(r.cpu.Microseconds()) / float64(max(1, r.delivered))
}

func (b broker) uri() string { return "amqp://guest:guest@" + b.addr }

// run sets the scenario up on b, publishes for d, waits until everything was
// delivered, and removes what it declared.
func (s scenario) run(ctx context.Context, b broker, d time.Duration) (result, error) {
	l := s.on(b)
	if !l.Backlog {
		l.Time = d
	}
	test, err := perf.Prepare(ctx, l)
	if err != nil {
		return result{}, err
	}
	m := startMeter(b)
	r, err := test.Run(ctx)
	res := m.result(l, r)
	return res, errors.Join(err, check(r), test.Close(context.WithoutCancel(ctx)))
}

// on is the load of a scenario on a broker, under names of its own. What was
// published counts when the consumers have it: a broker that only buffers is not
// credited with having delivered.
func (s scenario) on(b broker) perf.Load {
	l, prefix := s.load, fmt.Sprintf("bench-%d", time.Now().UnixNano())
	for i := range max(1, s.queues) {
		l.Queues = append(l.Queues, fmt.Sprintf("%s-%d", prefix, i))
	}
	if l.Type != "" {
		l.Exchange, l.RoutingKey = prefix, "bench.key.of.this"
	}
	l.URIs, l.Remove, l.Drain, l.Patience = []string{b.uri()}, true, true, drainLimit
	return l
}

// check compares the counts at the end of a run.
func check(r perf.Result) error {
	switch {
	case r.Nacked+r.Returned > 0:
		return fmt.Errorf("%d nacked, %d returned", r.Nacked, r.Returned)
	case r.Delivered != r.Expected:
		return fmt.Errorf("published %d, expected %d deliveries, got %d", r.Published, r.Expected, r.Delivered)
	}
	return nil
}

// meter is the state of a broker when a run began.
type meter struct {
	broker  broker
	cpu     time.Duration
	written float64
}

func startMeter(b broker) meter {
	resetPeak(b.pid)
	return meter{b, cpuTime(b.pid), written(b.pid)}
}

func (m meter) result(l perf.Load, r perf.Result) result {
	res := result{
		published: r.Published, delivered: r.Delivered, latency: r.Consumed,
		seconds: max(r.SendingSeconds, r.ReceivingSeconds),
		cpu:     cpuTime(m.broker.pid) - m.cpu, peakMiB: peakMiB(m.broker.pid),
	}
	if l.Backlog {
		res.seconds = r.SendingSeconds + r.ReceivingSeconds
		res.filled, res.drained = r.SendingRate, r.ReceivingRate
	}
	res.writtenPerByte = (written(m.broker.pid) - m.written) / (float64(l.Size) * float64(max(1, r.Published)))
	return res
}
