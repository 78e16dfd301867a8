package storage

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// Bodies that take several parts, some of them shared by two queues, move to
// Badger, and from there to another generation when little else is left.
func TestLongBodiesAreEvacuated(t *testing.T) {
	const size = 1 << 20
	o := Options{Dir: t.TempDir(), JournalSize: 16 << 20}
	db, _ := mustOpen(t, o)
	one, other := db.Queue(db.NewID()), db.Queue(db.NewID())
	for seq := uint64(1); seq <= 50; seq++ {
		unit(t, db, func() {
			m := &text{b: body(one.ID(), seq, size+int(seq%7)*partSize)}
			one.Append(Item{Seq: seq}, m)
			if seq%10 == 3 {
				other.Append(Item{Seq: seq}, m)
			}
		})
	}
	a := archiveOf(db)
	a.rested()
	first := a.generations.path(1)
	if _, err := os.Stat(first); err != nil || a.live < 40 {
		t.Fatalf("%d messages have moved, %v", a.live, err)
	}
	unit(t, db, func() {
		one.Settle(Range{1, 9})
		one.Settle(Range{11, 28})
	})
	a.rested()
	if _, err := os.Stat(first); err == nil {
		t.Error("the first generation is still there")
	}
	left := append([]uint64{10}, seqs(29, 50)...)
	check := func(db *DB, state *State) {
		t.Helper()
		for _, q := range []struct {
			id   uint64
			seqs []uint64
		}{{one.ID(), left}, {other.ID(), []uint64{3, 13, 23, 33, 43}}} {
			items := state.Queues[q.id]
			if found := seqsOf(items); !slices.Equal(found, q.seqs) {
				t.Fatalf("queue %d has %v", q.id, found)
			}
			n := 0
			err := db.Load(q.id, items, func(i int, b []byte) {
				n++
				if seq := items[i].Seq; !bytes.Equal(b, body(one.ID(), seq, size+int(seq%7)*partSize)) {
					t.Errorf("message %d has the wrong bytes", seq)
				}
			})
			if err != nil || n != len(items) {
				t.Fatalf("%d messages of %d, %v", n, len(items), err)
			}
		}
	}
	mustClose(t, db)
	db, state := mustOpen(t, o)
	check(db, state)
	one, other = db.Queue(one.ID()), db.Queue(other.ID())
	unit(t, db, one.Delete)
	archiveOf(db).rested()
	left = nil
	mustClose(t, db)
	db, state = mustOpen(t, o)
	check(db, state)
	other = db.Queue(other.ID())
	unit(t, db, other.Delete)
	archiveOf(db).full()
	archiveOf(db).rested()
	if n := diskUsage(t, a.generations.dir); n > 1<<20 {
		t.Errorf("%d bytes of fragments are left", n)
	}
	mustClose(t, db)
}

func seqs(from, to uint64) (all []uint64) {
	for ; from <= to; from++ {
		all = append(all, from)
	}
	return all
}

func seqsOf(items []Item) (all []uint64) {
	for _, it := range items {
		all = append(all, it.Seq)
	}
	return all
}
