package storage

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
)

// shelf is behind a journal for tests: it keeps in memory what is in a segment,
// with all of its messages, and gives the segment back at once.
type shelf struct {
	ignore  // of what is replayed
	j       *journal
	changes []func(v visitor)
	blobs   map[Place][]byte
	end     covered
	hold    bool // give nothing back
	endless bool // and have the journal grow
	given   int  // how many segments were given back
}

func (s *shelf) recover(v visitor) (covered, error) {
	for _, change := range s.changes {
		change(v)
	}
	return s.end, nil
}

func (s *shelf) lost() Loss                   { return Loss{} }
func (s *shelf) tops(func(queue, top uint64)) {}
func (s *shelf) committed(*group)             {}
func (s *shelf) close(bool) error             { return nil }
func (s *shelf) start(j *journal, _ func(error)) {
	s.j = j
	j.recycles = !s.endless
}

func (s *shelf) full() {
	for !s.hold && !s.endless && s.j.over() {
		number, ok := s.j.oldest()
		if !ok {
			return
		}
		end, err := s.j.walk(number, copying{shelf: s}, func() error { return nil })
		if err != nil {
			panic(err)
		}
		s.end = end
		s.given++
		s.j.release(number)
	}
}

func (s *shelf) load(_ uint64, items []Item, which []int, each func(i int, b []byte)) error {
	for _, i := range which {
		b, ok := openBlob(items[i].Place, s.blobs[items[i].Place])
		if !ok {
			return &CorruptError{Reason: "the wrong message was put on the shelf"}
		}
		each(i, b)
	}
	return nil
}

// copying puts what it is told on a shelf.
type copying struct {
	*shelf
}

func (c copying) add(change func(v visitor)) { c.changes = append(c.changes, change) }

func (c copying) put(e Entity) {
	e.Value = append([]byte(nil), e.Value...)
	c.add(func(v visitor) { v.put(e) })
}

func (c copying) drop(kind EntityKind, id uint64) { c.add(func(v visitor) { v.drop(kind, id) }) }
func (c copying) settle(queue uint64, r Range)    { c.add(func(v visitor) { v.settle(queue, r) }) }
func (c copying) deleted(queue uint64)            { c.add(func(v visitor) { v.deleted(queue) }) }

func (c copying) requeue(queue, seq uint64, n uint16) {
	c.add(func(v visitor) { v.requeue(queue, seq, n) })
}

func (c copying) message(queue uint64, it Item) {
	b := make([]byte, blobHead+it.Size)
	if err := c.j.readAt(it.Place.segment(), b, it.Place.offset()); err != nil {
		panic(err)
	}
	c.blobs[it.Place] = b
	c.add(func(v visitor) { v.message(queue, it) })
}

// onShelf returns the options to open a directory with a shelf behind it.
func (s *shelf) with(o Options) Options {
	o.behind = s
	return o
}

func newShelf() *shelf { return &shelf{blobs: make(map[Place][]byte)} }

func TestRecycledSegments(t *testing.T) {
	h := newHistory(t)
	mustClose(t, h.db)
	s := newShelf()
	h.o = s.with(h.o)
	h.open()
	for i := range 150 {
		h.unit(func() {
			h.publish(fmt.Sprint(i, strings.Repeat("y", i*7919%9000)), 1, 2)
			h.settle(1, 1, h.next[1]-20)
			h.settle(2, h.next[2]/2, h.next[2]/2)
		})
	}
	if paths := h.d.segments(); s.given < 4 || len(paths) > 11 {
		t.Fatalf("%d segments were given back, and there are %d", s.given, len(paths))
	}
	state := *s
	last := h.d.ops()
	h.unit(func() { h.publish("the last", 1) })
	ops := h.d.ops()
	mustClose(t, h.db)
	for k := last; k < ops; k++ {
		if h.d.log[k].kind != "write" {
			continue
		}
		for n := range len(h.d.log[k].data) + 1 {
			*s = state
			found, _, err := foundOn(h.d.killed(k, n), h.o)
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			h.mustHave(t, found, len(h.states)-2, fmt.Sprintf("after %d bytes", n))
		}
	}
}

func TestTwiceTheLimit(t *testing.T) {
	s := newShelf()
	s.hold = true
	db, _ := mustOpen(t, s.with(Options{Dir: t.TempDir(), JournalSize: 1, files: newDisk()}))
	q, done := db.Queue(1), make(chan error)
	go func() {
		for seq := range uint64(60) {
			db.Begin()
			q.Append(Item{Seq: seq}, message("%40000d", seq))
			if err := db.Wait(db.End()); err != nil {
				done <- err
			}
		}
		done <- nil
	}()
	s.j.mu.Lock()
	for s.j.want == 0 || !s.j.full() {
		s.j.changed.Wait()
	}
	for range 10 { // nobody but the one who makes segments can do anything
		s.j.mu.Unlock()
		runtime.Gosched()
		s.j.mu.Lock()
	}
	if size := sizeOf(s.j.segments); size > 2*s.j.limit+2*minSegment {
		t.Errorf("the journal has grown to %d bytes", size)
	}
	s.j.mu.Unlock()
	for finished := false; !finished; runtime.Gosched() {
		if number, ok := s.j.oldest(); ok {
			s.j.release(number)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			finished = true
		default:
		}
	}
	mustClose(t, db)
}

func TestLargeGroup(t *testing.T) {
	h := newHistory(t)
	mustClose(t, h.db)
	s := newShelf()
	h.o = s.with(h.o)
	h.open()
	h.unit(func() { h.publish("small", 1) })
	h.unit(func() {
		for range 3 {
			h.publish(strings.Repeat("large ", 100_000), 1)
		}
	})
	large := func() (n int) {
		for _, path := range h.d.segments() {
			h.d.mu.Lock()
			if len(h.d.names[path].data) > 1_800_000 {
				n++
			}
			h.d.mu.Unlock()
		}
		return n
	}
	if n := large(); n != 1 {
		t.Errorf("there are %d large segments", n)
	}
	h.unit(func() { h.publish("small", 1) })
	if large() != 0 {
		t.Error("the large segment has stayed")
	}
	ops := h.d.ops()
	mustClose(t, h.db)
	state, _, err := foundOn(h.d.killed(ops, 0), h.o)
	if err != nil {
		t.Fatal(err)
	}
	h.mustHave(t, state, len(h.states)-1, "at the end")
}

func TestNoSpace(t *testing.T) {
	d, spaces := newDisk(), make(chan bool, 10)
	d.room = 300_000
	o := Options{Dir: t.TempDir(), JournalSize: 1, behind: &shelf{endless: true}, files: d, OnSpace: func(short bool) { spaces <- short }}
	db, _ := mustOpen(t, o)
	q := db.Queue(1)
	var last Group
	for seq := range uint64(20) {
		db.Begin()
		q.Append(Item{Seq: seq}, message("%20000d", seq))
		last = db.End()
		if seq < 5 {
			if err := db.Wait(last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !<-spaces {
		t.Fatal("first told that there is room")
	}
	d.mu.Lock()
	d.room = 0
	d.mu.Unlock()
	if err := db.Wait(last); err != nil {
		t.Fatal(err)
	}
	if <-spaces {
		t.Fatal("told twice that there is no room")
	}
	d.mu.Lock()
	d.room = 1
	d.mu.Unlock()
	for seq := uint64(20); seq < 40; seq++ {
		db.Begin()
		q.Append(Item{Seq: seq}, message("%20000d", seq))
		db.End()
	}
	if !<-spaces {
		t.Fatal("not told that there is no room")
	}
	if err := db.Close(); err == nil {
		t.Error("closed without having kept everything")
	}
	d.room = 0
	if _, state, err := foundOn(d, o); err != nil || len(state.Queues[1]) < 20 {
		t.Fatalf("found %v, %v", state, err)
	}
}

func TestWhatWaitsForRoomCanBeAbandoned(t *testing.T) {
	d, short, failures := newDisk(), make(chan bool, 10), make(chan error, 10)
	d.room = 300_000
	db, _ := mustOpen(t, Options{
		Dir: t.TempDir(), JournalSize: 1, behind: &shelf{endless: true}, files: d,
		OnSpace: func(s bool) { short <- s }, OnError: func(err error) { failures <- err },
	})
	q := db.Queue(1)
	publish := func(seq uint64) Group {
		db.Begin()
		q.Append(Item{Seq: seq}, message("%1000000d", seq))
		return db.End()
	}
	last := publish(1)
	<-short
	for seq := range uint64(backlogLimit / 1000000) {
		last = publish(2 + seq)
	}
	waits := make(chan error)
	go func() {
		db.Reserve(0)
		waits <- db.Wait(last)
	}()
	db.Abandon()
	if err := <-waits; !errors.Is(err, errNoSpace) {
		t.Errorf("who waited got %v", err)
	}
	if err := db.Close(); !errors.Is(err, errNoSpace) {
		t.Errorf("closed with %v", err)
	}
	if len(failures) != 1 {
		t.Errorf("told of %d failures", len(failures))
	}
}

func TestElision(t *testing.T) {
	h := newHistory(t)
	h.unit(func() {
		h.publish("kept one", 1)
		h.publish("secret", 1, 2)
		h.publish("kept two", 2)
		h.settle(1, 2, 2)
		h.settle(2, 1, 1)
	})
	mustClose(t, h.db)
	for path, f := range h.d.names {
		if strings.Contains(string(f.data), "secret") {
			t.Errorf("%s has a message that was settled before it was written", path)
		}
	}
	state, _, err := foundOn(h.d, h.o)
	if err != nil {
		t.Fatal(err)
	}
	h.mustHave(t, state, 1, "at the end")
}

func TestSharedMessagesAreStoredOnce(t *testing.T) {
	h := newHistory(t)
	h.unit(func() {
		h.publish("nobody wants it here", 1, 2, 3)
		h.settle(1, 1, 1)
	})
	mustClose(t, h.db)
	n := 0
	for path := range maps.Keys(h.d.names) {
		n += strings.Count(string(h.d.names[path].data), "nobody wants it here")
	}
	if n != 1 {
		t.Errorf("stored %d times", n)
	}
}
