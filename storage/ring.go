package storage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// errNoSpace tells that the disk is full, and nobody waits for that to change.
var errNoSpace = errors.New("no space left for the journal")

// awaitFree takes a free segment, for which it waits while there is none: for
// it to be made, for room on the disk, or, at twice the limit, for the oldest
// to be given back. j.mu is held.
func (j *journal) awaitFree(size int64) (*segment, error) {
	defer j.noteSpace(false)
	j.want = size
	for {
		if !j.full() {
			if s := j.takeFree(size); s != nil {
				j.want = 0
				return s, nil
			}
		}
		switch {
		case j.failed != nil:
			return nil, j.failed
		case j.short && j.stopping:
			return nil, fmt.Errorf("storage: %s: %w", j.dir, errNoSpace)
		case j.short && !j.told:
			j.noteSpace(true)
			continue
		}
		j.changed.Broadcast()
		j.changed.Wait()
	}
}

// takeFree takes a free segment of at least the size, if there is one. j.mu is
// held.
func (j *journal) takeFree(size int64) *segment {
	for i, s := range j.free {
		if s.capacity >= size {
			j.free = append(j.free[:i], j.free[i+1:]...)
			return s
		}
	}
	return nil
}

func (j *journal) hasFree(size int64) bool {
	return slices.ContainsFunc(j.free, func(s *segment) bool { return s.capacity >= size })
}

// full tells whether the next segment has to wait for the oldest to be given
// back. The last one cannot be as yet: it does not count. j.mu is held.
func (j *journal) full() bool {
	n := len(j.segments) - 1
	return n > 0 && j.recycles && !j.stopping && sizeOf(j.segments[:n]) > 2*j.limit
}

// recycling notes whether segments are given back. While they are not, nobody
// waits for that.
func (j *journal) recycling(on bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recycles = on
	j.changed.Broadcast()
}

// noteSpace tells whether there is no room to go on. j.mu is held, but not
// meanwhile.
func (j *journal) noteSpace(short bool) {
	if j.told == short {
		return
	}
	j.told = short
	j.mu.Unlock()
	defer j.mu.Lock()
	j.onSpace(short)
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

// freed takes a segment for the next turns, or removes its file: three quarters
// of what the journal may grow to stay allocated when all is settled. j.mu is
// held.
func (j *journal) freed(s *segment) {
	s.released = false
	j.changed.Broadcast() // there is less in use, whatever becomes of the file
	full := j.fullSegment()
	free := sizeOf(j.free) + s.capacity
	if s.capacity != full || free > j.limit/4*3 || sizeOf(j.segments)+free > j.limit+2*full {
		j.discard(s)
		return
	}
	j.free = append(j.free, s)
}

// over tells whether the journal has outgrown its limit.
func (j *journal) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return sizeOf(j.segments) > j.limit
}

// early tells whether so much is in use that giving back what nobody needs any
// more keeps the ring small.
func (j *journal) early() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return sizeOf(j.segments) > j.limit/16
}

// sizeOf is the size of the files of segments.
func sizeOf(segments []*segment) (n int64) {
	for _, s := range segments {
		n += s.capacity
	}
	return n
}
