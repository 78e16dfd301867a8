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
