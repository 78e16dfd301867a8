package brokertest

import (
	"container/heap"
	"sync"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// clock is the time of a broker: that of the operating system, ahead of it by all
// that was advanced so far, or one that stands still. It implements amqp.Clock.
type clock struct {
	running sync.Mutex // held by who calls what is due: one at a time; above mu

	mu     sync.Mutex // guards what follows; a leaf
	now    time.Time  // at the moment since, or if it stands still for good
	since  time.Time  // by the operating system
	still  bool
	timers timers
	ever   uint64      // timers that were set so far
	wake   *time.Timer // calls run when the first timer is due; nil: there was none yet
	closed bool
}

func newClock(at time.Time, still bool) *clock {
	if at.IsZero() {
		at = time.Now()
	}
	return &clock{now: at, since: time.Now(), still: still}
}

// Now implements amqp.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *clock) nowLocked() time.Time {
	if c.still {
		return c.now
	}
	return c.now.Add(time.Since(c.since))
}

// AfterFunc implements amqp.Clock.
func (c *clock) AfterFunc(d time.Duration, f func()) amqp.Timer {
	t := &timer{clock: c, call: f, at: -1}
	t.Reset(d)
	return t
}

// run calls what is due, in order.
func (c *clock) run() {
	c.running.Lock()
	defer c.running.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) > 0 && !c.timers[0].due.After(c.nowLocked()) && !c.closed {
		c.callFirst()
	}
	c.setWake()
}

// callFirst calls what the first timer is for, with mu released meanwhile.
func (c *clock) callFirst() {
	t := heap.Pop(&c.timers).(*timer)
	c.mu.Unlock()
	defer c.mu.Lock()
	t.call()
}

// setWake has the operating system call run for the first timer.
func (c *clock) setWake() {
	switch {
	case c.still || c.closed || len(c.timers) == 0:
		if c.wake != nil {
			c.wake.Stop()
		}
	case c.wake == nil:
		c.wake = time.AfterFunc(c.timers[0].due.Sub(c.nowLocked()), c.run)
	default:
		c.wake.Reset(c.timers[0].due.Sub(c.nowLocked()))
	}
}

// advance moves the time by d. It stands at the very moment of each timer that
// is due until then, and between before and after its function is called.
func (c *clock) advance(d time.Duration, before, after func()) {
	c.running.Lock()
	defer c.running.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	still := c.still
	c.now, c.still = c.nowLocked(), true
	for until := c.now.Add(d); ; {
		if len(c.timers) == 0 || c.timers[0].due.After(until) || c.closed {
			c.now = until
			break
		}
		if due := c.timers[0].due; due.After(c.now) {
			c.now = due
		}
		c.mu.Unlock()
		before()
		c.mu.Lock()
		if len(c.timers) > 0 && !c.timers[0].due.After(c.now) { // it may have been stopped
			c.callFirst()
		}
		c.mu.Unlock()
		after()
		c.mu.Lock()
	}
	c.still, c.since = still, time.Now()
	c.setWake()
}

// stop has the clock call nothing any more, and waits for what it has called.
func (c *clock) stop() {
	c.mu.Lock()
	c.closed = true
	c.setWake()
	c.mu.Unlock()
	c.running.Lock()
	defer c.running.Unlock()
}

// timer is one of a clock, which guards it.
type timer struct {
	clock *clock
	call  func()
	due   time.Time
	order uint64 // among those that are due at the same time
	at    int    // in the heap; negative: it is not there
}

// Stop implements amqp.Timer.
func (t *timer) Stop() bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.removeLocked()
}

// Reset implements amqp.Timer.
func (t *timer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	was := t.removeLocked()
	c.ever++
	t.due, t.order = c.nowLocked().Add(d), c.ever
	if heap.Push(&c.timers, t); t.at == 0 {
		c.setWake()
	}
	return was
}

func (t *timer) removeLocked() bool {
	if t.at < 0 {
		return false
	}
	first := t.at == 0
	heap.Remove(&t.clock.timers, t.at)
	if first {
		t.clock.setWake()
	}
	return true
}

// timers is a heap.
type timers []*timer

func (h timers) Len() int { return len(h) }

func (h timers) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].order < h[j].order
	}
	return h[i].due.Before(h[j].due)
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *timers) Push(x any) {
	t := x.(*timer)
	t.at = len(*h)
	*h = append(*h, t)
}

func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h, t.at = (*h)[:last], -1
	return t
}
