package perf

import (
	"math"
	"time"
)

// awaitConsumers waits for the consumers to have all, or all that they want, or
// for the end, or for the interrupt. Those that verify are not interrupted.
func (t *Test) awaitConsumers(interrupt <-chan struct{}) {
	if len(t.consuming) == 0 {
		return
	}
	stop, want := t.stop.Done(), uint64(math.MaxUint64)
	idle := time.NewTimer(t.load.Patience)
	defer idle.Stop()
	if t.load.Drain {
		stop, want = interrupt, t.expected()
	}
	if t.load.Verify {
		stop = nil
	}
	for t.failure() == nil && t.arrived() < want {
		select {
		case <-t.progress:
			idle.Reset(t.load.Patience)
		case <-t.enough:
			return
		case <-stop:
			return
		case <-idle.C:
			if t.load.Drain {
				return
			}
		}
	}
}

// expected is how many deliveries there are to be. The producers have ended.
func (t *Test) expected() (n uint64) {
	for _, p := range t.producers {
		n += (p.sent - p.refused.count()) * uint64(len(t.load.reached(p.queue)))
	}
	if !t.load.Verify { // then nobody knows which were returned
		n -= min(n, t.returned.Load())
	}
	return n
}

// arrived is how many of those there were.
func (t *Test) arrived() uint64 {
	if t.audit != nil {
		return t.audit.arrived.Load()
	}
	return t.delivered.Load()
}

// count counts deliveries that came at a time.
func (t *Test) count(n uint64, at time.Time) {
	t.latest.Store(at.UnixNano())
	t.delivered.Add(n)
	t.poke()
}

func (t *Test) poke() {
	select {
	case t.progress <- struct{}{}:
	default:
	}
}

// ended tells whether consumers are to end.
func (t *Test) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// fail ends the test. The first reason counts.
func (t *Test) fail(err error) {
	t.failed.CompareAndSwap(nil, &err)
	t.cancel()
	t.poke()
}

func (t *Test) failure() error {
	if err := t.failed.Load(); err != nil {
		return *err
	}
	return nil
}
