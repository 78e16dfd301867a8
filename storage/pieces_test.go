package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// overflow appends and settles so much that all before moves to Badger.
func overflow(t *testing.T, db *DB) {
	t.Helper()
	limit := db.engine.(*store).limit
	q := db.Queue(db.NewID())
	size := limit / 16
	for seq := range uint64(24) {
		unit(t, db, func() { q.Append(Item{Seq: seq + 1}, &text{b: body(q.ID(), seq+1, int(size))}) })
	}
	unit(t, db, func() { q.Settle(Range{1, 24}) })
	archiveOf(db).rested()
}

// TestASharedMessageMovesInPieces appends more messages in one unit than a
// checkpoint writes at once; one that is shared is in several of its pieces.
func TestASharedMessageMovesInPieces(t *testing.T) {
	const queues, shared, own = 64, 100, 2 * pieceItems / 64
	o := Options{Dir: t.TempDir(), JournalSize: 16 << 20, Durability: OS, OnError: func(err error) { panic(err) }}
	db, _ := mustOpen(t, o)
	qs := make([]*Queue, queues)
	for i := range qs {
		qs[i] = db.Queue(db.NewID())
	}
	unit(t, db, func() {
		for seq := uint64(1); seq <= shared; seq++ {
			m := &text{b: body(0, seq, 8)}
			for i, q := range qs {
				if i < 2 || seq == shared/2 {
					q.Append(Item{Seq: seq}, m)
				}
			}
		}
		for _, q := range qs {
			for seq := uint64(shared + 1); seq <= shared+own; seq++ {
				q.Append(Item{Seq: seq}, &text{b: body(q.ID(), seq, 8)})
			}
		}
	})
	overflow(t, db)
	unit(t, db, func() {
		for _, q := range qs {
			q.Settle(Range{shared + 2, shared + own})
		}
		qs[1].Settle(Range{51, 60})
	})
	overflow(t, db)
	mustClose(t, db)

	db, state := mustOpen(t, o)
	defer mustClose(t, db)
	for i, want := range map[int]int{0: 101, 1: 91, 2: 2, queues - 1: 2} {
		id, n := qs[i].ID(), 0
		items := state.Queues[id]
		err := db.Load(id, items, func(k int, b []byte) {
			n++
			from := id
			if items[k].Seq <= shared {
				from = 0
			}
			if string(b) != string(body(from, items[k].Seq, 8)) {
				t.Errorf("message %d of queue %d has the wrong bytes", items[k].Seq, i)
			}
		})
		if err != nil || len(items) != want || n != want {
			t.Errorf("queue %d has %d messages, %d can be read instead of %d: %v", i, len(items), n, want, err)
		}
	}
}

// TestIndexIsWholeBetweenTransactions opens what is there after each of the
// transactions of changes that take several.
func TestIndexIsWholeBetweenTransactions(t *testing.T) {
	const queues = 2 * transactionRecords
	var on atomic.Bool
	var images []string
	n := 0
	root, o := t.TempDir(), Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	o.synced = func(dir string) {
		if n++; n%3 == 0 && on.Load() && filepath.Base(filepath.Dir(dir)) == "index" {
			image := filepath.Join(root, fmt.Sprint(len(images)))
			if err := copyStill(image, o.Dir); err != nil {
				panic(err)
			}
			images = append(images, image)
		}
	}
	db, _ := mustOpen(t, o)
	var ids []uint64
	var qs []*Queue
	for range queues {
		ids = append(ids, db.NewID())
		qs = append(qs, db.Queue(ids[len(ids)-1]))
	}
	unit(t, db, func() {
		for _, q := range qs {
			for seq := range uint64(3) {
				q.Append(Item{Seq: seq + 1}, &text{b: body(q.ID(), seq+1, 20)})
			}
		}
	})
	on.Store(true)
	overflow(t, db)
	unit(t, db, func() {
		for i, q := range qs {
			switch i % 3 {
			case 0:
				q.Settle(Range{1, 1})
			case 1:
				q.Settle(Range{1, 3})
			default:
				q.Delete()
			}
		}
	})
	overflow(t, db)
	mustClose(t, db)
	if len(images) < 4 {
		t.Fatalf("only %d transactions", len(images))
	}
	for _, image := range images {
		db, state, err := Open(Options{Dir: image, JournalSize: 1 << 20})
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(image), err)
		}
		for _, id := range ids {
			checkBodies(t, db, id, state.Queues[id], 20)
		}
		mustClose(t, db)
		if err := os.RemoveAll(image); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyRecordsMoveToANewIndex has more records than fit in a transaction,
// and so small that their bytes would.
func TestManyRecordsMoveToANewIndex(t *testing.T) {
	const queues = 20000
	o := Options{Dir: t.TempDir(), JournalSize: 8 << 20, Durability: OS}
	db, _ := mustOpen(t, o)
	unit(t, db, func() {
		for range queues {
			db.Queue(db.NewID()).Append(Item{Seq: 1}, &text{b: []byte("x")})
		}
	})
	overflow(t, db)
	x := &archiveOf(db).index
	x.used = 3*x.size + indexSlack // nothing else runs
	overflow(t, db)
	if x.mark.number == 1 {
		t.Error("it has not moved")
	}
	mustClose(t, db)
	db, state := mustOpen(t, o)
	if len(state.Queues) != queues {
		t.Errorf("%d queues instead of %d", len(state.Queues), queues)
	}
	mustClose(t, db)
}
