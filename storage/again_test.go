package storage

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWhatWasFoundIsDurable kills the process between a write and its sync, and
// cuts the power when the store has been opened again.
func TestWhatWasFoundIsDurable(t *testing.T) {
	h := script(t, 4)
	at := h.d.ops()
	h.unit(func() { h.publish(strings.Repeat("the last ", 1000), 1) })
	mustClose(t, h.db)
	d := h.d
	for d.log[at].kind != "write" {
		at++
	}
	at++
	again := d.killed(at, 0)
	again.log = slices.Clone(d.log[:at])
	o := h.o
	o.files = again
	db, state := mustOpen(t, o)
	opened := again.ops()
	mustClose(t, db)
	n := len(state.Queues[1])
	for seed := range uint64(50) {
		_, state, err := foundOn(again.lost(opened, rand.New(rand.NewPCG(seed, 0))), h.o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(state.Queues[1]) != n {
			t.Fatalf("seed %d: %d messages, and %d were found before", seed, len(state.Queues[1]), n)
		}
	}
}

// TestAnEmptyJournalIsNotFresh takes away all but what Badger has.
func TestAnEmptyJournalIsNotFresh(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 3000}, 1000)
	archiveOf(db).rested()
	mustClose(t, db)
	for _, name := range []string{"journal", "mark"} {
		if err := os.RemoveAll(filepath.Join(o.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	db, state, err := Open(o)
	if err == nil {
		mustClose(t, db)
		t.Fatalf("opened with %d messages of 3000", len(state.Queues[q.ID()]))
	}
	if !isCorrupt(err) {
		t.Fatal(err)
	}
}

// TestAnAcceptedGapOutlivesTheSegmentBeforeIt has Badger cover the journal up to
// a gap.
func TestAnAcceptedGapOutlivesTheSegmentBeforeIt(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 4 << 20, Durability: OS}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 3000}, 1000)
	archiveOf(db).rested()
	mustClose(t, db)
	if err := os.Remove(filepath.Join(o.Dir, "journal", segmentName(3))); err != nil {
		t.Fatal(err)
	}
	accepting := o
	accepting.AcceptLoss = true
	db, state := mustOpen(t, accepting)
	items := len(state.Queues[q.ID()])
	if state.Lost.Messages == 0 || items == 0 {
		t.Fatalf("lost %+v", state.Lost)
	}
	b := archiveOf(db) // nothing else runs
	for segment, ok := b.journal.oldest(); ok && segment < 3; segment, ok = b.journal.oldest() {
		if err := b.checkpoint(segment); err != nil {
			t.Fatal(err)
		}
		b.journal.release(segment)
	}
	mustClose(t, db)
	db, state = mustOpen(t, o)
	if n := len(state.Queues[q.ID()]); n != items {
		t.Errorf("%d messages instead of %d", n, items)
	}
	mustClose(t, db)
}
