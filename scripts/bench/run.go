package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// drainLimit is how long a broker may take to hand out, or to confirm, what
// has been published.
const drainLimit = 3 * time.Minute

// run is one scenario on one broker.
type run struct {
	scenario
	broker               broker
	topology             topology
	deadline             time.Time // producers stop here
	published, delivered atomic.Uint64
	producing, reading   sync.WaitGroup
	finished             atomic.Bool // consumers' connections may end now
	consumers            []*client

	mu struct {
		sync.Mutex
		latency histogram
		err     error
	}
}

// result is what a run has measured.
type result struct {
	published, delivered uint64
	seconds              float64
	cpu                  time.Duration
	peakMiB              float64
	writtenPerByte       float64 // to disks, for each byte of a body
	latency              histogram
	filled, drained      float64 // a second, of a backlog
	err                  error
}

func (r *result) cpuMicrosPerMessage() float64 {
	return float64(r.cpu.Microseconds()) / float64(max(1, r.delivered))
}

// run sets the scenario up on b, publishes for d, waits until everything was
// delivered, and removes what it declared.
func (s scenario) run(b broker, d time.Duration) (res result, err error) {
	admin, err := connect(b)
	if err != nil {
		return result{}, err
	}
	defer admin.close()
	t, err := declareTopology(admin, s.load)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, t.remove(admin)) }()

	r := &run{scenario: s, broker: b, topology: t}
	if s.backlog > 0 {
		return r.fillThenDrain()
	}
	return r.stream(d)
}

// stream publishes and consumes at the same time.
func (r *run) stream(d time.Duration) (result, error) {
	for _, q := range r.topology.queues {
		for range r.load.consumers {
			if err := r.startConsumer(q); err != nil {
				return result{}, err
			}
		}
	}
	m := r.startMeter()
	r.deadline = m.start.Add(d)
	for range r.producers {
		if err := r.startProducer(-1); err != nil {
			return result{}, err
		}
	}
	r.producing.Wait()
	// The consumers get what was published: a broker that only buffered the
	// messages is not credited with having delivered them in time.
	want := r.published.Load() * uint64(len(r.topology.queues))
	r.awaitDelivered(want)
	res := r.finish(m)
	return res, r.check(res, want)
}

// fillThenDrain publishes everything before the consumer starts.
func (r *run) fillThenDrain() (result, error) {
	m := r.startMeter()
	r.deadline = m.start.Add(drainLimit)
	if err := r.startProducer(r.backlog); err != nil {
		return result{}, err
	}
	r.producing.Wait()
	if err := r.failure(); err != nil {
		return result{}, err
	}
	filled := time.Now()
	if err := r.startConsumer(r.topology.queues[0]); err != nil {
		return result{}, err
	}
	r.awaitDelivered(r.published.Load())
	drained := time.Now()
	res := r.finish(m)
	res.filled = float64(res.published) / filled.Sub(m.start).Seconds()
	res.drained = float64(res.delivered) / drained.Sub(filled).Seconds()
	return res, r.check(res, res.published)
}

// check compares the counts at the end of a run.
func (r *run) check(res result, want uint64) error {
	if err := r.failure(); err != nil {
		return err
	}
	if res.delivered != want {
		return fmt.Errorf("published %d, expected %d deliveries, got %d", res.published, want, res.delivered)
	}
	return nil
}

// awaitDelivered waits for so many deliveries, or for a failure, or too long.
func (r *run) awaitDelivered(want uint64) {
	limit := time.Now().Add(drainLimit)
	for r.delivered.Load() < want && time.Now().Before(limit) && r.failure() == nil {
		time.Sleep(2 * time.Millisecond)
	}
}

// meter is the state of clock and broker when a run began.
type meter struct {
	start   time.Time
	cpu     time.Duration
	written float64
}

func (r *run) startMeter() meter {
	resetPeak(r.broker.pid)
	return meter{time.Now(), cpuTime(r.broker.pid), written(r.broker.pid)}
}

// finish takes the counts and ends the consumers.
func (r *run) finish(m meter) result {
	res := result{
		published: r.published.Load(), delivered: r.delivered.Load(),
		seconds: time.Since(m.start).Seconds(),
		cpu:     cpuTime(r.broker.pid) - m.cpu, peakMiB: peakMiB(r.broker.pid),
	}
	res.writtenPerByte = (written(r.broker.pid) - m.written) / (float64(r.size) * float64(max(1, res.published)))
	// Closing a consumer requeues what it has not acknowledged, which another
	// consumer may still get: the counts above are taken before.
	r.finished.Store(true)
	for _, c := range r.consumers {
		c.close()
	}
	r.reading.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	res.latency = r.mu.latency
	return res
}

// fail keeps the first error of the run.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.err == nil {
		r.mu.err = err
	}
}

func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.err
}
