package storage

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// archiveModel is what a store with a small journal should have, and the store.
// Checkpoints go on only while the gate is open; an image of the directory, as
// a crash would leave it, is taken between two of their transactions.
type archiveModel struct {
	t    *rapid.T
	root string
	o    Options
	db   *DB

	mu      sync.Mutex
	changed *sync.Cond
	open    bool
	images  int    // transactions until an image is to be taken; 0: none is
	image   string // where it was

	dirs     int
	queues   map[uint64]*modelQueue
	entities map[uint64]string
	gathered int // bytes since the gate was open
}

type modelQueue struct {
	q     *Queue
	next  uint64
	items []Item
	body  map[uint64]*text
}

func newArchiveModel(t *rapid.T, root string) *archiveModel {
	m := &archiveModel{t: t, root: root, queues: make(map[uint64]*modelQueue), entities: make(map[uint64]string)}
	m.changed = sync.NewCond(&m.mu)
	m.start(m.newDir())
	return m
}

func (m *archiveModel) newDir() string {
	m.dirs++
	return filepath.Join(m.root, fmt.Sprint(m.dirs))
}

// start opens a directory, and compares what is in it.
func (m *archiveModel) start(dir string) {
	m.gate(true)
	m.o = Options{Dir: dir, JournalSize: 1, synced: m.synced, space: m.space, OnError: func(err error) { panic(err) }}
	db, state, err := Open(m.o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.db = db
	m.gate(false)
	if len(state.Entities) != len(m.entities) {
		m.t.Fatalf("%d entities instead of %d", len(state.Entities), len(m.entities))
	}
	for _, e := range state.Entities {
		if v, ok := m.entities[e.ID]; !ok || v != string(e.Value) {
			m.t.Fatalf("entity %d is %q, not %q", e.ID, e.Value, v)
		}
	}
	for id, items := range state.Queues {
		if m.queues[id] == nil {
			m.t.Fatalf("queue %d with %d messages came back", id, len(items))
		}
	}
	for id, q := range m.queues {
		m.compare(id, q, state)
	}
}

// gate opens or shuts the gate.
func (m *archiveModel) gate(open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = open
}

func (m *archiveModel) compare(id uint64, q *modelQueue, state *State) {
	q.q = m.db.Queue(id)
	found := state.Queues[id]
	if len(found) != len(q.items) {
		m.t.Fatalf("queue %d has %d messages instead of %d", id, len(found), len(q.items))
	}
	if q.next > 1 && state.Next[id] > q.next {
		m.t.Fatalf("queue %d goes on with %d, of %d", id, state.Next[id], q.next)
	}
	for i := range found {
		want := &q.items[i]
		want.Redelivered = want.Redelivered || !state.Clean
		want.Place = found[i].Place
		if found[i] != *want {
			m.t.Fatalf("queue %d has %+v instead of %+v", id, found[i], *want)
		}
	}
	m.load(id, found)
}

// load compares the bytes of messages.
func (m *archiveModel) load(id uint64, items []Item) {
	n := 0
	err := m.db.Load(id, items, func(i int, b []byte) {
		n++
		if !bytes.Equal(b, m.queues[id].body[items[i].Seq].b) {
			m.t.Fatalf("message %d of queue %d has other bytes", items[i].Seq, id)
		}
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if n != len(items) {
		m.t.Fatalf("%d messages of %d", n, len(items))
	}
}

func (m *archiveModel) space(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.open {
		m.changed.Wait()
	}
	return 1 << 40, nil
}

func (m *archiveModel) synced(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.images == 0 {
		return
	}
	if m.images--; m.images == 0 {
		m.image = m.newDir()
		if err := copyStill(m.image, m.o.Dir); err != nil {
			panic(err)
		}
	}
}

// rest lets checkpoints go on until there is nothing to do, and takes an image
// after some transactions.
func (m *archiveModel) rest(images int) {
	m.mu.Lock()
	m.open, m.images, m.image = true, images, ""
	m.changed.Broadcast()
	m.mu.Unlock()
	archiveOf(m.db).rested()
	m.mu.Lock()
	m.open, m.images, m.gathered = false, 0, 0
	m.mu.Unlock()
}

// close closes the store; checkpoints may end.
func (m *archiveModel) close() {
	m.mu.Lock()
	m.open, m.images = true, 0
	m.changed.Broadcast()
	m.mu.Unlock()
	if err := m.db.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// unit does something in a unit and waits for it.
func (m *archiveModel) unit(do func()) {
	if m.gathered > 200<<10 {
		m.rest(0)
	}
	m.db.Begin()
	do()
	if err := m.db.Wait(m.db.End()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *archiveModel) some(t *rapid.T) (uint64, *modelQueue) {
	ids := slices.Sorted(maps.Keys(m.queues))
	if len(ids) == 0 {
		t.Skip("no queue")
	}
	id := rapid.SampledFrom(ids).Draw(t, "queue")
	return id, m.queues[id]
}

func (m *archiveModel) declare(t *rapid.T) {
	if len(m.queues) > 5 {
		t.Skip("enough")
	}
	id := m.db.NewID()
	if m.queues[id] != nil || m.entities[id] != "" {
		t.Fatalf("id %d was given out again", id)
	}
	m.queues[id] = &modelQueue{q: m.db.Queue(id), next: 1, body: make(map[uint64]*text)}
	m.entities[id] = fmt.Sprint("queue ", id)
	m.unit(func() { m.db.Put(Entity{1, id, []byte(m.entities[id])}) })
}

func (m *archiveModel) publish(t *rapid.T) {
	m.some(t)
	ids := slices.Sorted(maps.Keys(m.queues))
	size := rapid.SampledFrom([]int{0, 10, 100, 1000, 1000, 5000, 100000}).Draw(t, "size")
	m.unit(func() {
		for range rapid.IntRange(1, 20).Draw(t, "messages") {
			msg := &text{b: body(uint64(m.dirs), uint64(m.gathered), size)}
			for _, id := range ids {
				if rapid.Bool().Draw(t, "to") {
					m.queues[id].publish(t, msg)
				}
			}
			if m.gathered += size + 50; m.gathered > 200<<10 {
				return
			}
		}
	})
}

func (q *modelQueue) publish(t *rapid.T, msg *text) {
	q.next += rapid.SampledFrom([]uint64{0, 0, 0, 1, 5000}).Draw(t, "gap")
	it := Item{
		Seq: q.next, Size: uint32(len(msg.b)), Head: uint32(len(msg.b) / 2), Priority: uint8(q.next),
		Expires: rapid.SampledFrom([]int64{0, 0, 12345}).Draw(t, "expires"),
	}
	q.next++
	q.q.Append(it, msg)
	q.items = append(q.items, it)
	q.body[it.Seq] = msg
}

func (m *archiveModel) settle(t *rapid.T) {
	_, q := m.some(t)
	if len(q.items) == 0 {
		t.Skip("empty")
	}
	n := rapid.IntRange(1, len(q.items)).Draw(t, "messages")
	from := 0
	if rapid.Bool().Draw(t, "in the middle") {
		from = rapid.IntRange(0, len(q.items)-n).Draw(t, "from")
	}
	r := Range{q.items[from].Seq, q.items[from+n-1].Seq}
	if from == 0 && rapid.Bool().Draw(t, "and all before") {
		r.From = 0
	}
	m.unit(func() { q.q.Settle(r) })
	q.items = slices.Delete(q.items, from, from+n)
}

// scatter settles every other message, or so.
func (m *archiveModel) scatter(t *rapid.T) {
	_, q := m.some(t)
	step := rapid.IntRange(1, 7).Draw(t, "step")
	m.unit(func() {
		kept := q.items[:0]
		for i, it := range q.items {
			if i%(step+1) == 0 {
				q.q.Settle(Range{it.Seq, it.Seq})
			} else {
				kept = append(kept, it)
			}
		}
		q.items = kept
	})
}

func (m *archiveModel) requeue(t *rapid.T) {
	_, q := m.some(t)
	if len(q.items) == 0 {
		t.Skip("empty")
	}
	m.unit(func() {
		for range rapid.IntRange(1, 10).Draw(t, "times") {
			it := &q.items[rapid.IntRange(0, len(q.items)-1).Draw(t, "message")]
			it.Deliveries++
			it.Redelivered = true
			q.q.Requeued(it.Seq, it.Deliveries)
		}
	})
}

func (m *archiveModel) remove(t *rapid.T) {
	id, q := m.some(t)
	m.unit(func() {
		q.q.Delete()
		m.db.Drop(1, id)
	})
	delete(m.queues, id)
	delete(m.entities, id)
}

func (m *archiveModel) reopen(*rapid.T) {
	m.close()
	m.start(m.o.Dir)
}

// crash goes on with an image that was taken in the middle of a checkpoint, or
// else now.
func (m *archiveModel) crash(t *rapid.T) {
	m.rest(rapid.IntRange(0, 6).Draw(t, "transactions"))
	old := m.o.Dir
	if m.image == "" {
		m.image = m.newDir()
		if err := copyStill(m.image, old); err != nil {
			t.Fatal(err)
		}
	}
	m.close()
	if err := os.RemoveAll(old); err != nil {
		t.Fatal(err)
	}
	m.start(m.image)
}

func (m *archiveModel) read(t *rapid.T) {
	id, q := m.some(t)
	var items []Item
	for _, it := range q.items {
		if it.Place == 0 {
			it.Place = q.body[it.Seq].stored.Place()
		}
		if rapid.Bool().Draw(t, "read") {
			items = append(items, it)
		}
	}
	m.load(id, items)
}

func TestArchiveModel(t *testing.T) {
	dir := t.TempDir
	rapid.Check(t, func(t *rapid.T) {
		root := dir()
		defer os.RemoveAll(root)
		m := newArchiveModel(t, root)
		defer func() {
			if !t.Failed() {
				m.close()
			}
		}()
		m.declare(t)
		t.Repeat(map[string]func(*rapid.T){
			"declare":  m.declare,
			"publish":  m.publish,
			"publish2": m.publish,
			"publish3": m.publish,
			"settle":   m.settle,
			"scatter":  m.scatter,
			"requeue":  m.requeue,
			"remove":   m.remove,
			"rest":     func(*rapid.T) { m.rest(0) },
			"reopen":   m.reopen,
			"crash":    m.crash,
			"read":     m.read,
		})
	})
}

// copyStill copies a directory at a moment when no file comes or goes, as
// Badger and the journal have them do in the background.
func copyStill(to, from string) error {
	for {
		before := listing(from)
		err := os.CopyFS(to, os.DirFS(from))
		if slices.Equal(before, listing(from)) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

func listing(dir string) (names []string) {
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				path += fmt.Sprint(info.Size())
			}
		}
		names = append(names, path)
		return nil
	})
	return names
}
