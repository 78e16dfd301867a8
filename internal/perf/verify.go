package perf

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// maxExamples is how many faults are told one by one.
const maxExamples = 10

// Verification is what was found by looking at every message.
type Verification struct {
	Checked    uint64   `json:"checked"`
	Lost       uint64   `json:"lost"`       // published and not refused, and did not come
	Doubled    uint64   `json:"doubled"`    // came again
	Reordered  uint64   `json:"reordered"`  // came to a consumer after one that was published later
	Changed    uint64   `json:"changed"`    // are not as they were published
	Unexpected uint64   `json:"unexpected"` // came to a queue that they were not for
	Foreign    uint64   `json:"foreign"`    // were there before, of another test; no fault
	Faults     []string `json:"faults"`     // the first few
}

// OK is true if all is as it should be.
func (v *Verification) OK() bool {
	return v.Lost+v.Doubled+v.Reordered+v.Changed+v.Unexpected == 0
}

// audit keeps account of the messages of a test.
type audit struct {
	load    *Load
	test    uint32
	arrived atomic.Uint64 // messages, each counted once

	mu    sync.Mutex
	came  [][]sequence // by queue and producer; guarded by mu
	found Verification // guarded by mu
}

func newAudit(l *Load, test uint32) *audit {
	a := &audit{load: l, test: test, came: make([][]sequence, len(l.Queues))}
	for i := range a.came {
		a.came[i] = make([]sequence, l.producers())
	}
	a.found.Faults = []string{}
	return a
}

// fault counts one, and tells of it if it is among the first. The caller holds
// the lock.
func (a *audit) fault(count *uint64, n uint64, format string, args ...any) {
	*count += n
	if len(a.found.Faults) < maxExamples {
		a.found.Faults = append(a.found.Faults, fmt.Sprintf(format, args...))
	}
}

// reader looks at what one consumer gets.
type reader struct {
	a      *audit
	latest map[[2]int]uint64 // by queue and producer, the number of the message that came last
	digest digest
	stamp  stamp
	whole  bool // the stamp was there
}

func (a *audit) newReader() *reader { return &reader{a: a, latest: map[[2]int]uint64{}} }

// add takes a piece of a body.
func (r *reader) add(piece []byte) {
	if r.digest.at == 0 {
		r.stamp, r.whole = readStamp(piece)
	}
	r.digest.add(piece)
}

// end is the end of a message of a queue.
func (r *reader) end(queue int) {
	s, size, sum, whole := r.stamp, r.digest.at, r.digest.sum, r.whole
	r.digest, r.stamp, r.whole = digest{}, stamp{}, false
	a := r.a
	a.mu.Lock()
	defer a.mu.Unlock()
	a.found.Checked++
	switch name := a.name(queue); {
	case !whole || sum != s.sum:
		a.fault(&a.found.Changed, 1, "a message of %d bytes in %s is not as it was published", size, name)
	case s.test != a.test:
		a.found.Foreign++
	case size != a.load.Size || int(s.producer) >= a.load.producers() || queue >= len(a.came):
		a.fault(&a.found.Changed, 1, "a message of %d bytes in %s is not as it was published", size, name)
	case !a.isFor(queue, int(s.producer)):
		a.fault(&a.found.Unexpected, 1, "message %d of producer %d came to %s", s.number, s.producer, name)
	case !a.came[queue][s.producer].add(s.number):
		a.fault(&a.found.Doubled, 1, "message %d of producer %d came twice from %s", s.number, s.producer, name)
	default:
		a.arrived.Add(1)
		key := [2]int{queue, int(s.producer)}
		if latest := r.latest[key]; s.number < latest {
			a.fault(&a.found.Reordered, 1, "message %d of producer %d came after its message %d from %s", s.number, s.producer, latest, name)
		} else {
			r.latest[key] = s.number
		}
	}
}

func (a *audit) name(queue int) string {
	if queue < len(a.load.Queues) {
		return "queue " + a.load.Queues[queue]
	}
	return "no queue"
}

// isFor tells whether what a producer publishes reaches a queue.
func (a *audit) isFor(queue, producer int) bool {
	for _, q := range a.load.reached(producer % len(a.load.Queues)) {
		if q == queue {
			return true
		}
	}
	return false
}

// end looks for what has not come. Nothing comes any more.
func (a *audit) end(producers []*producer) *Verification {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range producers {
		for _, queue := range a.load.reached(p.queue) {
			for _, s := range a.came[queue][p.index].without(p.sent, &p.refused) {
				what := fmt.Sprintf("message %d", s.from)
				if s.size() > 1 {
					what = fmt.Sprintf("messages %d to %d", s.from, s.to)
				}
				a.fault(&a.found.Lost, s.size(), "%s of producer %d did not come from %s", what, p.index, a.name(queue))
			}
		}
	}
	found := a.found
	return &found
}
