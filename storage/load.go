package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/leveretmq/leveret/internal/raw"
)

// loadSize is how much is read at once of what lies close together, and the
// most that one small message which is kept alone can hold in memory.
const loadSize = 64 << 10

// load reads those messages that are in the journal, and returns which are not.
func (j *journal) load(items []Item, each func(i int, b []byte)) (rest []int, err error) {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	sortByPlace(items, order)
	for len(order) > 0 {
		n := near(items, order)
		if s := j.pin(items[order[0]].Place.segment()); s != nil {
			err = stretch{items, order[:n]}.load(s.file, s.path, each)
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

// sortByPlace orders the indices of items by where those are.
func sortByPlace(items []Item, order []int) {
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(items[a].Place, items[b].Place) })
}

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

// stretch are messages that lie close to each other in a file: those of items
// that order names, ascending by place.
type stretch struct {
	items []Item
	order []int
}

// loadBuffers are for what is copied out of them at once.
var loadBuffers = sync.Pool{New: func() any { b := make([]byte, loadSize); return &b }}

// load reads the messages. If most of what is read is theirs, they are handed
// out where they were read; otherwise copied to less memory, for between them
// may be many of other queues.
func (s stretch) load(f file, path string, each func(i int, b []byte)) error {
	size, wanted := s.extent()
	if wanted >= size-size/4 {
		return s.read(f, path, raw.Bytes(size), each)
	}
	buf := loadBuffers.Get().(*[]byte)
	defer loadBuffers.Put(buf)
	kept := slab{rest: wanted}
	return s.read(f, path, (*buf)[:size], func(i int, b []byte) { each(i, kept.keep(b)) })
}

// extent is how much is to be read for the messages, and how much of that is
// theirs.
func (s stretch) extent() (size, wanted int) {
	from := s.items[s.order[0]].Place
	for _, i := range s.order {
		n := blobHead + int(s.items[i].Size)
		size = max(size, int(s.items[i].Place-from)+n)
		wanted += n
	}
	return size, wanted
}

// read reads the messages to memory of their extent.
func (s stretch) read(f file, path string, buf []byte, each func(i int, b []byte)) error {
	from := s.items[s.order[0]].Place
	switch _, err := f.ReadAt(buf, from.offset()); {
	case errors.Is(err, io.EOF):
		return &CorruptError{File: path, Offset: from.offset(), Reason: "it ends before its messages do"}
	case err != nil:
		return err
	}
	for _, i := range s.order {
		it := &s.items[i]
		start := int(it.Place - from)
		end := start + blobHead + int(it.Size)
		b, ok := openBlob(it.Place, buf[start:end:end])
		if !ok {
			return &CorruptError{
				File: path, Offset: it.Place.offset(),
				Reason: fmt.Sprintf("message %d is not what was written", it.Seq),
			}
		}
		each(i, b)
	}
	return nil
}

// slab is memory for messages, allocated in pieces of at most loadSize.
type slab struct {
	free []byte
	rest int // about how many bytes are still to come
}

// keep copies a message.
func (s *slab) keep(b []byte) []byte {
	n := len(b)
	if len(s.free) < n {
		s.free = raw.Bytes(max(n, min(s.rest, loadSize)))
	}
	kept := s.free[:n:n]
	s.free, s.rest = s.free[n:], s.rest-n
	copy(kept, b)
	return kept
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
