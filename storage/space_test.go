package storage

import (
	"errors"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
)

// With little room on the disk nothing moves to Badger, but what is settled
// there is given back.
func TestDrainOfAFullDisk(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	told := make(chan bool, 100)
	o := Options{
		Dir: t.TempDir(), JournalSize: 4 << 20, OnSpace: func(short bool) { told <- short },
		space: func(string) (int64, error) { return free.Load(), nil },
	}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10_000}, 1000)
	archiveOf(db).rested()
	moved := archiveOf(db).live
	free.Store(minFree - 1)
	appendMany(t, db, q, Range{10_001, 12_000}, 1000)
	if short := <-told; !short {
		t.Error("that there is room again was told first")
	}
	archiveOf(db).rested()
	if n := archiveOf(db).live; moved == 0 || n != moved {
		t.Errorf("%d messages were in Badger, now %d", moved, n)
	}
	unit(t, db, func() { q.Settle(Range{1, 11_999}) })
	archiveOf(db).rested()
	if n := diskUsage(t, filepath.Join(o.Dir, "fragments")); n > 1<<20 {
		t.Errorf("%d bytes of fragments are left", n)
	}
	free.Store(minFree)
	if short := <-told; short {
		t.Error("it was told twice that there is no room")
	}
	mustClose(t, db)
}

func TestAShortageIsOverWhenNobodyHasIt(t *testing.T) {
	var told []bool
	s := shortage{tell: func(short bool) { told = append(told, short) }}
	for _, short := range []bool{true, true, false, true, false, false, true, false} {
		s.note(short)
	}
	if want := []bool{true, false, true, false}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// While there is no room to move anything, what is settled gets into the
// journal all the same, beyond any limit of it: that is what ends the shortage.
func TestAJournalThatCannotMoveGoesOn(t *testing.T) {
	var free atomic.Int64
	free.Store(minFree - 1)
	db, _ := mustOpen(t, Options{Dir: t.TempDir(), JournalSize: 1 << 20, space: func(string) (int64, error) { return free.Load(), nil }})
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10_000}, 1000)
	unit(t, db, func() { q.Settle(Range{1, 10_000}) })
	mustClose(t, db)
}

// Badger is neither opened nor closed where it would meet a full disk.
func TestAFullDiskAtTheStartAndAtTheEnd(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20, space: func(string) (int64, error) { return free.Load(), nil }}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10_000}, 1000)
	archiveOf(db).rested()
	free.Store(leastFree - 1)
	mustClose(t, db)
	if _, _, err := Open(o); !errors.Is(err, syscall.ENOSPC) || isCorrupt(err) {
		t.Fatalf("opened with %v", err)
	}
	free.Store(1 << 40)
	db, state := mustOpen(t, o)
	if n := len(state.Queues[q.ID()]); n != 10_000 || !state.Clean {
		t.Errorf("%d messages are there, clean %v", n, state.Clean)
	}
	mustClose(t, db)
}
