package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// mostGarbage replaces Go's default of 100. The live heap of a broker whose
	// consumers keep up is small, while bodies pass through it at hundreds of
	// megabytes a second: at 100 the collector would run many times a second
	// to free what is nearly all garbage.
	mostGarbage = 400

	// leastGarbage keeps the collector from running all the time when much is
	// alive, such as the index of a long backlog.
	leastGarbage = 25

	// garbageSize is how many bytes of garbage there may be between these
	// limits: with a large heap, 400 % of it would be too much.
	garbageSize = 80 << 20
)

// garbage is how much of a live heap the garbage may be, in percent.
func garbage(live uint64) int {
	return int(min(max(garbageSize*100/max(live, 1), leastGarbage), mostGarbage))
}

// collector bounds the garbage: each collection sets how far the heap may grow
// until the next one.
type collector struct {
	mu      sync.Mutex // guards what follows
	stopped bool
	percent int
}

// boundGarbage bounds the garbage until stop is called.
func boundGarbage() (stop func()) {
	c := &collector{percent: mostGarbage}
	debug.SetGCPercent(mostGarbage)
	c.await()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stopped = true
	}
}

// collection is something that the next collection finds to be garbage.
type collection struct{ _ *collection }

func (c *collector) await() { runtime.AddCleanup(new(collection), (*collector).collected, c) }

// collected follows a collection.
func (c *collector) collected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if p := garbage(live[0].Value.Uint64()); p != c.percent {
		debug.SetGCPercent(p)
		c.percent = p
	}
	c.await()
}
