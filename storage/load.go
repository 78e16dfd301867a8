package storage

import (
	"cmp"
	"fmt"
	"slices"
)

// extent is how much of a segment is read at once.
const extent = 256 << 10

// load reads the bytes of messages; see DB.Load.
func (j *journal) load(_ uint64, items []Item, each func(i int, b []byte)) error {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(items[a].Place, items[b].Place) })
	for len(order) > 0 {
		n := near(items, order)
		if err := j.loadExtent(items, order[:n], each); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// near returns how many of the items, from the first one on, lie close to each
// other.
func near(items []Item, order []int) int {
	first := items[order[0]].Place
	for n := 1; n < len(order); n++ {
		it := &items[order[n]]
		if uint64(it.Place-first)+uint64(it.Size) > extent {
			return n
		}
	}
	return len(order)
}

// loadExtent reads messages that lie close to each other.
func (j *journal) loadExtent(items []Item, order []int, each func(i int, b []byte)) error {
	from, to := items[order[0]].Place, Place(0)
	for _, i := range order {
		to = max(to, items[i].Place+Place(items[i].Size)+blobHead)
	}
	s := j.pin(from.segment())
	if s == nil {
		return fmt.Errorf("storage: segment %d is not in the journal", from.segment())
	}
	defer j.unpin(s)
	buf := make([]byte, to-from)
	if _, err := s.file.ReadAt(buf, from.offset()); err != nil {
		return err
	}
	for _, i := range order {
		record := buf[items[i].Place-from:]
		b, ok := openBlob(items[i].Place, record[:blobHead+items[i].Size])
		if !ok {
			return &CorruptError{
				File: s.path, Offset: items[i].Place.offset(),
				Reason: fmt.Sprintf("the message in segment %d is not what was written", s.number),
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
	if !j.recycled(s) {
		j.discard(s)
		return
	}
	j.free = append([]*segment{s}, j.free...)
	j.changed.Broadcast()
}
