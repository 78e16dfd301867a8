package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// mustNotLie opens a damaged disk: either the damage is named, or it does not
// matter. When loss is accepted what is found was there, what is missing is
// counted, and from then on nothing is damaged.
func (h *history) mustNotLie(t *testing.T, d *disk, what string) (noticed bool) {
	t.Helper()
	whole := h.states[len(h.states)-1]
	state, _, err := foundOn(d.copied(), h.o)
	var corrupt *CorruptError
	switch {
	case err != nil && !errors.As(err, &corrupt):
		t.Fatalf("%s: %v", what, err)
	case err == nil && state != whole:
		t.Fatalf("%s: opened with another state:\n%.1000s", what, state)
	}
	noticed = err != nil

	accepting := h.o
	accepting.AcceptLoss = true
	state, opened, err := foundOn(d, accepting)
	if err != nil {
		t.Fatalf("%s, accepted: %v", what, err)
	}
	if noticed != (len(opened.Lost.Damages) > 0) {
		t.Fatalf("%s: noticed is %v, and accepted was %+v", what, noticed, opened.Lost)
	}
	missing := uint64(0)
	for _, line := range strings.Split(whole, "\n") {
		if !strings.Contains(line, "=") && !strings.Contains(state, line+"\n") && line != "" {
			missing++
		}
	}
	if missing > opened.Lost.Messages {
		t.Fatalf("%s: %d messages are missing, and %+v is said to be lost", what, missing, opened.Lost)
	}
	h.mustHaveBeen(t, state, what)
	again, reopened, err := foundOn(d, h.o)
	if err != nil || again != state || len(reopened.Lost.Damages) > 0 {
		t.Fatalf("%s, after it was accepted: %v, lost %+v, the same %v", what, err, reopened, again == state)
	}
	return noticed
}

// mustHaveBeen fails unless each line of a state was in some state.
func (h *history) mustHaveBeen(t *testing.T, state, what string) {
	t.Helper()
	if h.lines == nil {
		h.lines = map[string]bool{"": true}
		for _, s := range h.states {
			for _, line := range strings.Split(s, "\n") {
				h.lines[line] = true
			}
		}
	}
	for _, line := range strings.Split(state, "\n") {
		if !h.lines[line] {
			t.Fatalf("%s: found %.200q, which never was", what, line)
		}
	}
}

func TestFlippedBits(t *testing.T) {
	for _, clean := range []bool{true, false} {
		h := script(t, 40)
		ops := h.d.ops()
		mustClose(t, h.db)
		d := h.d
		if !clean {
			d = d.killed(ops, 0)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for path, f := range d.names {
			noticed := 0
			for range 150 {
				c := d.copied()
				at, bit := r.IntN(len(f.data)), byte(1)<<r.IntN(8)
				if f.data[at] == 0 && r.IntN(10) > 0 {
					continue // there is much of that
				}
				c.names[path].data[at] ^= bit
				if h.mustNotLie(t, c, fmt.Sprintf("%s, bit %#x at %d, clean %v", path, bit, at, clean)) {
					noticed++
				}
			}
			t.Logf("%s: %d noticed", path, noticed)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	h := script(t, 120)
	mustClose(t, h.db)
	paths := h.d.segments()
	if len(paths) < 4 {
		t.Fatalf("only %d segments", len(paths))
	}
	for i, path := range paths {
		size := len(h.d.names[path].data)
		for _, n := range []int{0, 10, segmentHead, segmentHead + 50, size / 2, size - 1} {
			c := h.d.copied()
			c.names[path].data = c.names[path].data[:n]
			h.mustNotLie(t, c, fmt.Sprintf("%s cut to %d", path, n))
		}
		for _, at := range []int{0, segmentHead, 2 * segmentHead, size - segmentHead} {
			c := h.d.copied()
			clear(c.names[path].data[at : at+segmentHead])
			h.mustNotLie(t, c, fmt.Sprintf("%s without 4 KiB at %d", path, at))
		}
		c := h.d.copied()
		delete(c.names, path)
		h.mustNotLie(t, c, path+" removed")
		for _, other := range paths[i+1:] {
			c := h.d.copied()
			c.names[path], c.names[other] = c.names[other], c.names[path]
			if h.mustNotLie(t, c, path+" swapped with "+other) {
				t.Errorf("%s swapped with %s was damage, and nothing was lost", path, other)
			}
		}
	}
	c := h.d.copied()
	for _, path := range paths {
		delete(c.names, path)
	}
	if !h.mustNotLie(t, c, "all segments removed") {
		t.Error("that all segments are gone was not noticed")
	}
}

func TestDamagedMark(t *testing.T) {
	h := script(t, 20)
	mustClose(t, h.db)
	path := h.o.Dir + "/mark"
	removed, cleared, cut := h.d.copied(), h.d.copied(), h.d.copied()
	delete(removed.names, path)
	clear(cleared.names[path].data)
	cut.names[path].data = nil
	for what, c := range map[string]*disk{"removed": removed, "cleared": cleared, "cut": cut} {
		if !h.mustNotLie(t, c, "mark "+what) {
			t.Errorf("mark %s: not noticed", what)
		}
	}
}

func TestOlderMark(t *testing.T) {
	h := script(t, 20)
	mustClose(t, h.db)
	for k, o := range h.d.log {
		if o.kind != "sync" || !strings.HasSuffix(o.path, "mark") {
			continue
		}
		c := h.d.copied()
		c.names[o.path] = h.d.killed(k, 0).names[o.path]
		h.mustNotLie(t, c, fmt.Sprintf("the mark after %d operations", k))
	}
}

func TestNewerFormat(t *testing.T) {
	h := script(t, 2)
	mustClose(t, h.db)
	f := h.d.names[h.o.Dir+"/mark"]
	for slot := range 2 {
		b := f.data[slot*markSlot:]
		b[8] = 2
		sealSum(b[:markLen])
	}
	_, _, err := foundOn(h.d, h.o)
	if err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("opened a newer format: %v", err)
	}
}
