package main

import (
	"errors"
	"fmt"
	"time"
)

// storedRun is the load of one queue that outlives connections.
type storedRun struct {
	*run
	begun time.Time
}

func storeRun(p *process, size int) storedRun {
	const queue = "bench-store"
	return storedRun{&run{
		scenario: scenario{load: load{size: size, persistent: true, window: 2000, ackEvery: 50, prefetch: 1000, producers: 1}},
		broker:   p.broker, topology: topology{queues: []string{queue}, key: queue},
	}, p.begun}
}

func (r storedRun) declare() error {
	c, err := connect(r.broker)
	if err != nil {
		return err
	}
	defer c.close()
	return c.declareQueue(r.topology.key, true, nil)
}

// fill publishes n messages and returns the time that it took; if it is one,
// the time since the broker was started.
func (r storedRun) fill(n int) time.Duration {
	began := time.Now()
	if n == 1 {
		began = r.begun
	}
	if err := r.startProducer(n); err != nil {
		r.fail(err)
	}
	r.producing.Wait()
	return time.Since(began)
}

// drain takes n messages.
func (r storedRun) drain(n int) time.Duration {
	began := time.Now()
	if err := r.startConsumer(r.topology.key); err != nil {
		r.fail(err)
	}
	r.awaitDelivered(uint64(n))
	took := time.Since(began)
	if got := r.delivered.Load(); got != uint64(n) {
		r.fail(fmt.Errorf("%d messages of %d were there", got, n))
	}
	r.finished.Store(true)
	for _, c := range r.consumers {
		c.close()
	}
	r.reading.Wait()
	return took
}

// firstDelivery is the time from the start of the broker until a consumer has a
// message, which goes back then.
func (r storedRun) firstDelivery() (time.Duration, error) {
	c, err := connect(r.broker)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := errors.Join(c.qos(1), c.consume(r.topology.key, false)); err != nil {
		return 0, err
	}
	_, err = c.expect(basicDeliver)
	return time.Since(r.begun), err
}
