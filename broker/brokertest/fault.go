package brokertest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// When says how often a fault happens.
type When func(*Fault)

// Next has it happen the next n times that it can, and then no more.
func Next(n int) When { return func(f *Fault) { f.left = n } }

// After has it not happen the first n times that it could.
func After(n int) When { return func(f *Fault) { f.skip = n } }

// Odds has it happen with a probability between 0 and 1 each time, drawn by Seed.
func Odds(p float64) When { return func(f *Fault) { f.odds = p } }

// Of has it happen only to connections that have given themselves a name: see
// Connection.Name. Before they are open, nobody knows.
func Of(connection string) When { return func(f *Fault) { f.name = connection } }

// Fault is one that was injected.
type Fault struct {
	faults *faults
	at     Point
	action Action

	// faults.mu
	skip  int
	left  int // negative: any number
	odds  float64
	name  string // of connections; empty: of all
	rand  *rand.Rand
	times int
}

// faults are those of a broker.
type faults struct {
	broker *Broker // immutable
	seed   uint64  // likewise

	mu       sync.Mutex // guards what follows; a leaf
	injected []*Fault
	ever     uint64
	ended    chan struct{} // closed when the broker goes down: no delay holds it up
}

// begin and release are for when the broker starts and when it ends: then no
// delay goes on.
func (f *faults) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = make(chan struct{})
}

func (f *faults) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.ended)
}

// Inject has something go wrong: whenever a connection comes to a point an action
// is taken, or, if there are whens, when all of them say so. Of several faults at
// a point all delays are served, and the first other one that happens. It panics if
// there is no such point, or if the action makes no sense there.
//
// The same seed, faults and order of what clients do give the same faults; on
// several connections at once their order is for the scheduler.
func (b *Broker) Inject(at Point, action Action, whens ...When) *Fault {
	switch {
	case !slices.Contains(points, at):
		panic(fmt.Sprintf("brokertest: there is no point %q; there are %q", at, points))
	case !action.fits(at):
		panic(fmt.Sprintf("brokertest: this cannot be done at %s", at))
	}
	f := &Fault{faults: &b.faults, at: at, action: action, left: -1, odds: 1}
	for _, when := range whens {
		when(f)
	}
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.ever++
	f.rand = rand.New(rand.NewPCG(b.faults.seed, b.faults.ever))
	b.faults.injected = append(b.faults.injected, f)
	return f
}

// Times is how often the fault has happened.
func (f *Fault) Times() int {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	return f.times
}

// Wait waits until the fault has happened at least n times.
func (f *Fault) Wait(t testing.TB, n int) {
	t.Helper()
	f.faults.broker.wait(t, count(n, "fault")+" at "+string(f.at), func() (bool, string) {
		times := f.Times()
		return times >= n, count(times, "fault")
	})
}

// Remove has the fault happen no more.
func (f *Fault) Remove() {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.faults.injected = slices.DeleteFunc(f.faults.injected, func(other *Fault) bool { return other == f })
}

// happens decides whether the fault happens. faults.mu is held.
func (f *Fault) happens(at Point, name string) bool {
	switch {
	case f.at != at || f.name != "" && f.name != name || f.left == 0:
		return false
	case f.skip > 0:
		f.skip--
		return false
	case f.odds < 1 && f.rand.Float64() >= f.odds:
		return false
	}
	f.left--
	f.times++
	return true
}

// draw returns what happens to a connection at a point.
func (f *faults) draw(at Point, name string) (delays []Action, other Action) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.injected {
		if fault.action.kind != delay && other.kind != nothing || !fault.happens(at, name) {
			continue
		}
		if fault.action.kind == delay {
			delays = append(delays, fault.action)
		} else {
			other = fault.action
		}
	}
	return delays, other
}

// meet has a connection meet the faults at a point. It has been delayed, or
// dropped, when that returns; the rest is up to the caller.
func (f *faults) meet(at Point, k *Connection) Action {
	delays, other := f.draw(at, f.broker.nameOf(k))
	if len(delays) > 0 || other.kind != nothing {
		f.broker.events.notify()
	}
	for _, d := range delays {
		f.pause(d, k)
	}
	if other.kind == drop && at != AtConfirm {
		k.Drop()
	}
	return other
}

// pause holds a connection up, unless it or the broker ends.
func (f *faults) pause(a Action, k *Connection) {
	over := make(chan struct{})
	timer := f.broker.clock.AfterFunc(a.time, func() { close(over) })
	defer timer.Stop()
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	select {
	case <-over:
	case <-k.closed:
	case <-ended:
	}
}
