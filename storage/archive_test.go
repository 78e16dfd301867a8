package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// rested waits until nothing is to be moved to Badger.
func (b *archive) rested() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.due || b.busy {
		b.changed.Wait()
	}
}

func archiveOf(db *DB) *archive { return db.engine.(*store).behind.(*archive) }

// body is a message that can be told from all others.
func body(queue, seq uint64, size int) []byte {
	r := rand.New(rand.NewPCG(queue, seq))
	b := make([]byte, 0, size+8)
	for len(b) < size {
		b = append(b, byte(r.Uint32()), byte(seq), byte(seq>>8), byte(queue))
	}
	return b[:size]
}

func appendMany(t *testing.T, db *DB, q *Queue, r Range, size int) {
	t.Helper()
	for seq := r.From; seq <= r.To; {
		unit(t, db, func() {
			for range 100 {
				if seq <= r.To {
					q.Append(Item{Seq: seq}, &text{b: body(q.ID(), seq, size)})
					seq++
				}
			}
		})
	}
}

// checkBodies compares what is loaded once all of it is: it is the caller's.
func checkBodies(t *testing.T, db *DB, queue uint64, items []Item, size int) {
	t.Helper()
	n, bodies := 0, make([][]byte, len(items))
	if err := db.Load(queue, items, func(i int, b []byte) { n, bodies[i] = n+1, b }); err != nil {
		t.Fatal(err)
	}
	for i, b := range bodies {
		if !bytes.Equal(b, body(queue, items[i].Seq, size)) {
			t.Errorf("message %d of queue %d has the wrong bytes", items[i].Seq, queue)
		}
	}
	if n != len(items) {
		t.Errorf("%d messages of %d", n, len(items))
	}
}

func diskUsage(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBacklogMovesToBadgerAndBack(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10000}, 1000)
	archiveOf(db).rested()
	if archiveOf(db).live == 0 {
		t.Error("nothing has moved")
	}
	mustClose(t, db)
	db, state := mustOpen(t, o)
	if len(state.Queues[q.ID()]) != 10000 {
		t.Fatalf("%d messages", len(state.Queues[q.ID()]))
	}
	checkBodies(t, db, q.ID(), state.Queues[q.ID()], 1000)
	q = db.Queue(q.ID())
	unit(t, db, func() { q.Settle(Range{1, 10000}) })
	archiveOf(db).rested()
	if n := archiveOf(db).live; n != 0 {
		t.Errorf("%d messages are left", n)
	}
	if n := diskUsage(t, filepath.Join(o.Dir, "fragments")); n > 1<<20 {
		t.Errorf("%d bytes of fragments are left", n)
	}
	mustClose(t, db)
	db, state = mustOpen(t, o)
	if len(state.Queues) != 0 {
		t.Errorf("%d queues have messages", len(state.Queues))
	}
	mustClose(t, db)
}

var _ = fmt.Sprint

// A Load that comes too late ends.
func TestLoadAfterClose(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: minJournalSize}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 1200}, 1000)
	mustClose(t, db)
	db, state := mustOpen(t, o)
	mustClose(t, db)
	err := archiveOf(db).load(q.ID(), state.Queues[q.ID()], []int{0, 1}, func(int, []byte) { t.Error("read") })
	if !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
