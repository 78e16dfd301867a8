package storage

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// text is a message for tests.
type text struct {
	b      []byte
	stored Stored
}

func (m *text) AppendTo(dst []byte) []byte { return append(dst, m.b...) }
func (m *text) Size() int                  { return len(m.b) }
func (m *text) Stored() *Stored            { return &m.stored }

func message(format string, a ...any) *text { return &text{b: fmt.Appendf(nil, format, a...)} }

// told is a Confirmer for tests.
type told struct {
	mu     sync.Mutex
	ranges []Range
}

func (c *told) Durable(from, to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ranges = append(c.ranges, Range{from, to})
}

func mustOpen(t *testing.T, o Options) (*DB, *State) {
	t.Helper()
	db, state, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return db, state
}

func mustClose(t *testing.T, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// unit does something and waits until it is durable.
func unit(t *testing.T, db *DB, do func()) {
	t.Helper()
	db.Begin()
	do()
	if err := db.Wait(db.End()); err != nil {
		t.Fatal(err)
	}
}

// load returns the bytes of items.
func load(t *testing.T, db *DB, queue uint64, items []Item) []string {
	t.Helper()
	found := make([]string, len(items))
	err := db.Load(queue, items, func(i int, b []byte) { found[i] = string(b) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestReopen(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	db, state := mustOpen(t, o)
	if len(state.Entities) != 0 || len(state.Queues) != 0 || !state.Clean {
		t.Fatalf("a fresh directory has %+v", state)
	}
	id := db.NewID()
	q := db.Queue(id)
	unit(t, db, func() {
		db.Put(Entity{3, id, []byte("queue")})
		for seq := uint64(1); seq <= 10; seq++ {
			q.Append(Item{Seq: seq, Priority: uint8(seq), Expires: int64(seq) * 1000}, message("number %d", seq))
		}
	})
	unit(t, db, func() { q.Settle(Range{2, 4}); q.Requeued(5, 7) })
	mustClose(t, db)

	db, state = mustOpen(t, o)
	if !state.Clean || len(state.Entities) != 1 || !bytes.Equal(state.Entities[0].Value, []byte("queue")) {
		t.Fatalf("found %+v", state)
	}
	items := state.Queues[id]
	if len(items) != 7 || items[0].Redelivered || !items[1].Redelivered || items[1].Deliveries != 7 || items[6].Priority != 10 || items[6].Expires != 10000 {
		t.Fatalf("found %+v", items)
	}
	for i, s := range load(t, db, id, items) {
		if want := fmt.Sprintf("number %d", items[i].Seq); s != want {
			t.Errorf("message %d is %q", items[i].Seq, s)
		}
	}
	if n := db.NewID(); n <= id {
		t.Errorf("id %d given out again", n)
	}
	mustClose(t, db)
}
