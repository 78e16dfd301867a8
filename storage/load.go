package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// loadSize is how much of a segment is read at once.
const loadSize = 256 << 10

// load reads those messages that are in the journal, and returns which are not.
func (j *journal) load(items []Item, each func(i int, b []byte)) (rest []int, err error) {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(items[a].Place, items[b].Place) })
	for len(order) > 0 {
		n := near(items, order)
		if s := j.pin(items[order[0]].Place.segment()); s != nil {
			err = s.load(items, order[:n], each)
			j.unpin(s)
		} else {
			rest = append(rest, order[:n]...)
		}
		if err != nil {
			return nil, err
		}
		order = order[n:]
	}
	return rest, nil
}

// loadBuffers are used again: what is loaded is copied by who wants it.
var loadBuffers = sync.Pool{New: func() any { b := make([]byte, loadSize); return &b }}

// near returns how many of the items, from the first one on, lie close to each
// other.
func near(items []Item, order []int) int {
	first := items[order[0]].Place
	for n := 1; n < len(order); n++ {
		it := &items[order[n]]
		if uint64(it.Place-first)+uint64(it.Size)+blobHead > loadSize {
			return n
		}
	}
	return len(order)
}

// load reads messages that lie close to each other.
func (s *segment) load(items []Item, order []int, each func(i int, b []byte)) error {
	from, to := items[order[0]].Place, Place(0)
	for _, i := range order {
		to = max(to, items[i].Place+Place(items[i].Size)+blobHead)
	}
	kept := loadBuffers.Get().(*[]byte)
	defer loadBuffers.Put(kept)
	buf := *kept
	if n := int(to - from); n <= len(buf) {
		buf = buf[:n]
	} else {
		buf = make([]byte, n) // a large one is not kept
	}
	switch _, err := s.file.ReadAt(buf, from.offset()); {
	case errors.Is(err, io.EOF):
		return &CorruptError{File: s.path, Offset: from.offset(), Reason: "it ends before its messages do"}
	case err != nil:
		return err
	}
	for _, i := range order {
		start := items[i].Place - from
		end := start + blobHead + Place(items[i].Size)
		b, ok := openBlob(items[i].Place, buf[start:end:end])
		if !ok {
			return &CorruptError{
				File: s.path, Offset: items[i].Place.offset(),
				Reason: fmt.Sprintf("message %d is not what was written", items[i].Seq),
			}
		}
		each(i, b)
	}
	return nil
}

// pin returns a segment of the journal that is not used again before unpin;
// nil if it is not in the journal.
func (j *journal) pin(number uint32) *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	i, ok := slices.BinarySearchFunc(j.segments, number, func(s *segment, n uint32) int { return cmp.Compare(s.number, n) })
	if !ok {
		return nil
	}
	j.segments[i].pins++
	return j.segments[i]
}

func (j *journal) unpin(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.pins--
	if s.pins == 0 && s.released {
		j.freed(s)
	}
}

// readAt reads from a segment that is in the journal.
func (j *journal) readAt(segment uint32, b []byte, offset int64) error {
	s := j.pin(segment)
	if s == nil {
		return fmt.Errorf("storage: segment %d is not in the journal", segment)
	}
	defer j.unpin(s)
	_, err := s.file.ReadAt(b, offset)
	return err
}

// harden syncs the segment that is written to, unless each group is synced
// anyway. Those before it were when it was taken.
func (j *journal) harden() error {
	if j.durability == Disk {
		return nil
	}
	j.mu.Lock()
	if len(j.segments) == 0 {
		j.mu.Unlock()
		return nil
	}
	s := j.segments[len(j.segments)-1]
	s.pins++
	j.mu.Unlock()
	defer j.unpin(s)
	return s.file.sync()
}

// oldest returns the number of the oldest segment, unless it is the one that is
// written to.
func (j *journal) oldest() (number uint32, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segments) < 2 {
		return 0, false
	}
	return j.segments[0].number, true
}

// release gives back the oldest segment, which is not needed any more.
func (j *journal) release(number uint32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.segments[0]
	if s.number != number {
		panic("storage: released out of turn")
	}
	j.segments = j.segments[1:]
	s.released = true
	if s.pins == 0 {
		j.freed(s)
	}
}

// freed takes a segment for the next turns, or removes its file. j.mu is held.
func (j *journal) freed(s *segment) {
	s.released = false
	j.changed.Broadcast() // there is less in use, whatever becomes of the file
	full := j.fullSegment()
	if s.capacity != full || sizeOf(j.segments)+sizeOf(j.free) > j.limit+full {
		j.discard(s)
		return
	}
	j.free = append(j.free, s)
}

// sizeOf is the size of the files of segments.
func sizeOf(segments []*segment) (n int64) {
	for _, s := range segments {
		n += s.capacity
	}
	return n
}

// over tells whether the journal has outgrown its limit.
func (j *journal) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return sizeOf(j.segments) > j.limit
}

// walk tells a visitor of the groups of a segment that is in the journal and
// not written to any more, and returns what ends with it. After each group it
// calls after.
func (j *journal) walk(number uint32, v visitor, after func() error) (end covered, err error) {
	s := j.pin(number)
	if s == nil {
		return covered{}, fmt.Errorf("storage: segment %d is not in the journal", number)
	}
	defer j.unpin(s)
	w, err := newWindow(s.file)
	if err != nil {
		return covered{}, err
	}
	for _, x := range s.extents {
		err := s.each(x, w, j.mark.salt, func(g *record) error {
			if err := g.decode(v); err != nil {
				return err
			}
			return after()
		})
		if err != nil {
			return covered{}, err
		}
	}
	return s.extents[len(s.extents)-1].end, nil
}

// each calls f for the groups of an extent. They were whole when they were
// written or replayed: it is damage if one is not any more.
func (s *segment) each(x extent, w *window, salt uint64, f func(g *record) error) error {
	for at, end := x.from, x.start; at < x.to; {
		g, err := readGroup(w, at, salt)
		if err == nil && !g.follows(end) {
			err = errInvalid
		}
		if err == nil {
			err = f(g)
		}
		if errors.Is(err, errInvalid) {
			return &CorruptError{File: s.path, Offset: at, Reason: fmt.Sprintf("group %d is not what was written", end.group+1)}
		}
		if err != nil {
			return err
		}
		end.group, end.chain = g.number, g.chain
		at += g.size()
	}
	return nil
}

// early tells whether so much is in use that giving back what nobody needs any
// more keeps the ring small.
func (j *journal) early() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return sizeOf(j.segments) > j.limit/16
}
