package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// mostGarbage replaces Go's default of 100. The live heap of a broker whose
// consumers keep up is small, while bodies pass through it at hundreds of
// megabytes a second: at 100 the collector would run many times a second
// to free what is nearly all garbage.
const mostGarbage = 400

// headroom is how much garbage there may be beside a large live heap, of which
// mostGarbage would be too much.
type headroom struct {
	size  uint64 // in bytes
	least int    // in percent: the collector must not run all the time
}

var (
	// With a store, what is alive is mostly the index of backlogs, and small.
	storeHeadroom = headroom{40 << 20, 25}

	// Without, it is the backlogs themselves, and the collector looks at all of
	// them each time.
	memoryHeadroom = headroom{256 << 20, 100}
)

// percent is how much of a live heap the garbage may be.
func (h headroom) percent(live uint64) int {
	return int(min(max(h.size*100/max(live, 1), uint64(h.least)), mostGarbage))
}

// collector bounds the garbage: each collection sets how far the heap may grow
// until the next one.
type collector struct {
	headroom headroom

	mu      sync.Mutex // guards what follows
	stopped bool
	percent int
}

// boundGarbage bounds the garbage until stop is called.
func boundGarbage(h headroom) (stop func()) {
	c := &collector{headroom: h, percent: mostGarbage}
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
	if p := c.headroom.percent(live[0].Value.Uint64()); p != c.percent {
		debug.SetGCPercent(p)
		c.percent = p
	}
	c.await()
}
