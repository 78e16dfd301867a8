package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
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

const (
	// calm is how long nothing was collected when memory that is not in use goes
	// back to the system. After two minutes Go collects without a reason.
	calm = 110 * time.Second
	// worthwhile is how much of it there is then.
	worthwhile = 8 << 20
)

// collector bounds the garbage: each collection sets how far the heap may grow
// until the next one.
type collector struct {
	headroom headroom
	release  func() // gives back memory to the system

	mu      sync.Mutex // guards what follows
	stopped bool
	percent int
	last    time.Time // when there was a collection
}

// boundGarbage bounds the garbage until stop is called.
func boundGarbage(h headroom) (stop func()) {
	c := &collector{headroom: h, percent: mostGarbage, release: debug.FreeOSMemory, last: time.Now()}
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
	if c.bound(time.Now()) {
		c.release() // collects as well, which is soon after this one
	}
}

// bound sets how far the heap may grow, and tells whether it has not grown for
// long and much of it is not in use.
func (c *collector) bound(now time.Time) (wasteful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(heap)
	if p := c.headroom.percent(heap[0].Value.Uint64()); p != c.percent {
		debug.SetGCPercent(p)
		c.percent = p
	}
	c.await()
	before := c.last
	c.last = now
	return now.Sub(before) >= calm && heap[1].Value.Uint64() >= worthwhile
}
