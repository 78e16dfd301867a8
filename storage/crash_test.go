package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestKilledAnywhere(t *testing.T) {
	h := script(t, 40)
	mustClose(t, h.db)
	ops, o := h.d.ops(), h.o
	for k := range ops + 1 {
		written := []int{0}
		if k < ops && h.d.log[k].kind == "write" {
			n := len(h.d.log[k].data)
			written = append(written, 1, headerSize-1, headerSize, n/2, n-1, n)
		}
		for _, n := range written {
			state, _, err := foundOn(h.d.killed(k, n), o)
			if err != nil {
				t.Fatalf("after %d operations and %d bytes: %v", k, n, err)
			}
			h.mustHave(t, state, h.durable(k), fmt.Sprintf("after %d operations and %d bytes", k, n))
		}
	}
}

func TestTornAtEveryByte(t *testing.T) {
	h := script(t, 4)
	last := h.d.ops()
	h.unit(func() {
		h.publish("the first of the last", 1, 2)
		h.publish("the second", 2)
		h.settle(2, 1, 2)
	})
	ops, o := h.d.ops(), h.o
	mustClose(t, h.db)
	for k := last; k < ops; k++ {
		if h.d.log[k].kind != "write" {
			continue
		}
		for n := range len(h.d.log[k].data) + 1 {
			d := h.d.killed(k, n)
			state, _, err := foundOn(d, o)
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			h.mustHave(t, state, len(h.states)-2, fmt.Sprintf("after %d bytes", n))
			if again, _, err := foundOn(d, o); err != nil || again != state {
				t.Fatalf("after %d bytes, the second time: %v", n, err)
			}
		}
	}
}

func TestPowerCut(t *testing.T) {
	h := script(t, 40)
	mustClose(t, h.db)
	o := h.o
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 0))
		k := r.IntN(len(h.d.log) + 1)
		state, _, err := foundOn(h.d.lost(k, r), o)
		if err != nil {
			t.Fatalf("seed %d, after %d operations: %v", seed, k, err)
		}
		h.mustHave(t, state, h.durable(k), fmt.Sprintf("seed %d, after %d operations", seed, k))
	}
}

// TestPowerCutNotices sees to it that the test above can fail.
func TestPowerCutNotices(t *testing.T) {
	h := script(t, 40)
	mustClose(t, h.db)
	var log []op
	for _, o := range h.d.log {
		if o.kind != "sync" || o.path[len(o.path)-4:] == "mark" {
			log = append(log, o)
		}
	}
	h.d.log = log
	o := h.o
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 0))
		k := r.IntN(len(h.d.log) + 1)
		state, _, err := foundOn(h.d.lost(k, r), o)
		if err != nil || h.states[len(h.states)-1] != state && state != h.states[h.durable(k)] {
			return
		}
	}
	t.Error("without a sync nothing was lost")
}

// TestPowerCutAfterOS loses what was handed to the kernel, and never more than
// that, or a part of a unit.
func TestPowerCutAfterOS(t *testing.T) {
	h := newHistory(t)
	h.db.Close()
	h.o.Durability = OS
	h.open()
	for i := range 60 {
		h.unit(func() { h.publish(fmt.Sprint(i, string(make([]byte, 4000))), 1, 2) })
	}
	ops := h.d.ops()
	mustClose(t, h.db)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		k := r.IntN(ops + 1)
		d := h.d.lost(k, r)
		for path, f := range d.names {
			if len(f.data) == 2*markSlot {
				otherBoot(t, path, f)
			}
		}
		state, _, err := foundOn(d, h.o)
		if err != nil {
			t.Fatalf("seed %d, after %d operations: %v", seed, k, err)
		}
		h.mustHave(t, state, 0, fmt.Sprintf("seed %d, after %d operations", seed, k))
		again, _, err := foundOn(d, h.o)
		if err != nil || again != state {
			t.Fatalf("seed %d, after %d operations, the second time: %v", seed, k, err)
		}
	}
}

// otherBoot makes a mark one of another run of the machine.
func otherBoot(t *testing.T, path string, f *memory) {
	for slot := range 2 {
		var m mark
		if b := f.data[slot*markSlot:]; m.parse(b) {
			m.boot++
			m.seal(b)
		}
	}
}

// TestFailing has each sync, write and other operation fail in turn: from then
// on nobody is told of anything, and what was told before is there.
func TestFailing(t *testing.T) {
	broken := errors.New("broken")
	for _, kind := range []string{"sync", "write", "rename", "syncdir", "create", "size"} {
		failures := 0
		for n := 1; ; n++ {
			if !failing(t, kind, n, broken, &failures) {
				break
			}
		}
		if failures == 0 {
			t.Errorf("no %s made the store fail", kind)
		}
	}
}

// failing does a few units of which the n-th operation of a kind fails; false
// if there are not so many.
func failing(t *testing.T, kind string, n int, broken error, failures *int) (failed bool) {
	d, count := newDisk(), 0
	d.fail = func(k, _ string) error {
		if k == kind {
			count++
			if count == n {
				return broken
			}
		}
		return nil
	}
	var mu sync.Mutex
	var errs []error
	o := Options{Dir: t.TempDir(), JournalSize: 1, behind: &shelf{endless: true}, files: d, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}}
	db, _, err := Open(o)
	if err != nil {
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		*failures++
		return true
	}
	q, c := db.Queue(1), new(told)
	confirmed := uint64(0)
	for seq := uint64(1); seq <= 10; seq++ {
		db.Begin()
		q.Append(Item{Seq: seq}, message("%d %20000d", seq, seq))
		db.Confirm(c, seq, seq)
		if err := db.Wait(db.End()); err != nil {
			if !errors.Is(err, broken) {
				t.Fatalf("%s %d: Wait says %v", kind, n, err)
			}
			break
		}
		confirmed = seq
	}
	err = db.Close()
	failed = count >= n
	mu.Lock()
	defer mu.Unlock()
	if confirmed < 10 {
		*failures++
		if !errors.Is(err, broken) || len(errs) != 1 {
			t.Fatalf("%s %d: Close says %v, and OnError was told of %v", kind, n, err, errs)
		}
	}
	if told := uint64(len(c.ranges)); told < confirmed || told > confirmed+1 || told == confirmed+1 && confirmed < 10 {
		t.Fatalf("%s %d: %d were durable, told of were %v", kind, n, confirmed, c.ranges)
	}
	d.fail = nil
	_, state, err := foundOn(d, o)
	if err != nil || uint64(len(state.Queues[1])) < confirmed {
		t.Fatalf("%s %d: of %d confirmed, found %v, %v", kind, n, confirmed, state, err)
	}
	return failed
}
