package watch

import (
	"sync"
	"time"
)

// Resource is what can run short.
type Resource struct {
	// Spare reads how many bytes there are beyond the limit, negative once it
	// is crossed.
	Spare func() (int64, error)

	// Margin is how many bytes must be spare again for a shortage to be over,
	// so that it does not come and go with every message.
	Margin int64

	// Reclaim gives back what is in use for nothing; nil if there is no such
	// thing. It is called before a shortage is believed and now and then while
	// one lasts, for a tenth of the time at most.
	Reclaim func()

	// Changed is told when a shortage begins and when it ends.
	Changed func(short bool, spare int64)

	// Failed is told when reading begins to fail; what held goes on to hold.
	Failed func(error)
}

// Memory is allocated at less than 1 GB a second: a limit is overrun by some
// 25 MB before it is noticed. The next reading costs some 30 us.
var memoryPace = pace{rate: 1e9, fast: 25 * time.Millisecond, lax: 250 * time.Millisecond}

// Few disks take more than 1 GB a second for long, but other programs write to
// them as well.
var diskPace = pace{rate: 1e9, fast: 100 * time.Millisecond, lax: 10 * time.Second}

// reclaimPause is the shortest time between two calls of Resource.Reclaim.
const reclaimPause = time.Second

// Watch looks at a resource now and then, by a timer: the closer to its limit
// the more often.
type Watch struct {
	resource Resource
	pace     pace

	mu      sync.Mutex // guards what follows, and is held while looking
	level   level
	timer   *time.Timer
	reclaim time.Time // when Reclaim may be called again
	failing bool
	stopped bool
}

// Memory watches a resource that can change as fast as memory does. It has
// looked once when it returns.
func Memory(r Resource) *Watch { return start(r, memoryPace) }

// Disk watches a resource that can change as fast as the space on a disk does.
// It has looked once when it returns.
func Disk(r Resource) *Watch { return start(r, diskPace) }

func start(r Resource, p pace) *Watch {
	w := &Watch{resource: r, pace: p, level: level{margin: r.Margin}}
	w.look()
	return w
}

// Stop ends the watch. Nothing of the resource is called any more when it
// returns. A shortage that there is stays.
func (w *Watch) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

// look reads the resource, tells what has changed, and sets the timer for the
// next time.
func (w *Watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	wait := w.pace.lax
	spare, err := w.read()
	switch {
	case err == nil:
		wait = w.judge(spare)
	case !w.failing:
		w.resource.Failed(err)
	}
	w.failing = err != nil
	w.timer = time.AfterFunc(wait, w.look)
}

// read reads what is spare, after reclaiming if it is too little.
func (w *Watch) read() (int64, error) {
	spare, err := w.resource.Spare()
	enough := spare >= 0 && !w.level.short || spare >= w.level.margin
	began := time.Now()
	if err != nil || enough || w.resource.Reclaim == nil || began.Before(w.reclaim) {
		return spare, err
	}
	w.resource.Reclaim()
	took := time.Since(began)
	w.reclaim = began.Add(max(10*took, reclaimPause))
	return w.resource.Spare()
}

// judge takes a reading and returns the time until the next.
func (w *Watch) judge(spare int64) time.Duration {
	if w.level.take(spare) {
		w.resource.Changed(w.level.short, spare)
	}
	if w.level.short {
		return w.pace.wait(w.level.margin - spare)
	}
	return w.pace.wait(spare)
}
