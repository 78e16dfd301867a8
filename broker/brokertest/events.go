package brokertest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// events tell those who wait that something has changed.
type events struct {
	waited  atomic.Bool // changed is not nil
	mu      sync.Mutex  // guards what follows; a leaf
	changed chan struct{}
}

// notify is called very often, by the broker with its locks held.
func (e *events) notify() {
	if !e.waited.Load() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
		e.waited.Store(false)
	}
}

// next is closed with the next change.
func (e *events) next() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
		e.waited.Store(true)
	}
	return e.changed
}

// wait waits until a condition holds, and looks again whenever something has
// changed. It ends the test if that takes too long: what says what there is, and
// want what it was to be.
func (b *Broker) wait(t testing.TB, want string, holds func() (yes bool, what string)) {
	t.Helper()
	limit := time.NewTimer(b.patience)
	defer limit.Stop()
	for {
		changed := b.events.next() // before looking: what happens after it is not missed
		yes, what := holds()
		if yes {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("after %v there is %s; want %s", b.patience, what, want)
		}
	}
}

// count is a number of things, in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
