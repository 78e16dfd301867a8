package storage

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// slot is a file of the journal at the start.
type slot struct {
	*segment
	window *window
	head   segmentHeader
	known  bool // it has a header
}

// openSlots opens the files of the journal and tells those in use from the
// others.
func (r *replaying) openSlots() error {
	r.used = make(map[uint32]*slot)
	names, err := r.j.files.list(r.j.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(r.j.dir, name)
		if strings.HasSuffix(name, ".new") {
			if err := r.j.files.remove(path); err != nil {
				return err
			}
		}
		var n int
		if count, _ := fmt.Sscanf(name, "%d.segment", &n); count != 1 || name != segmentName(n) {
			continue
		}
		r.j.slot = max(r.j.slot, n)
		if err := r.openSlot(path); err != nil {
			return err
		}
	}
	return nil
}

func segmentName(n int) string { return fmt.Sprintf("%04d.segment", n) }

func (r *replaying) openSlot(path string) error {
	f, err := r.j.files.open(path, false)
	if err != nil {
		return err
	}
	r.j.opened = append(r.j.opened, f)
	w, err := newWindow(f)
	if err != nil {
		return err
	}
	s := &slot{segment: &segment{path: path, file: f, capacity: w.size}, window: w}
	b, err := w.bytes(0, segmentHead)
	switch {
	case err == nil:
		s.known = s.head.parse(b, r.mark.salt)
	case !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	switch {
	case !s.known || s.head.segment <= r.end.segment:
		r.others = append(r.others, s)
	case r.used[s.head.segment] != nil:
		return &CorruptError{
			File: path, Offset: -1,
			Reason: fmt.Sprintf("it is segment %d, and so is %s", s.head.segment, r.used[s.head.segment].path),
		}
	default:
		r.used[s.head.segment] = s
	}
	return nil
}

// found is the first of what was written where it is not expected.
type found struct {
	slot   *slot
	offset int64
	number uint64  // of a group
	group  *record // nil if only the header of a segment tells of it
	later  uint64  // a number above the missing one, if there is such
}

// search looks for the group that is missing and for what was written after it;
// nil if there is nothing.
func (r *replaying) search() (*found, error) {
	var first *found
	missing, later := r.end.group+1, uint64(0)
	better := func(f found) {
		if f.number > missing && later == 0 {
			later = f.number
		}
		if first == nil || f.number < first.number || f.number == first.number && first.group == nil {
			first = &f
		}
	}
	for _, s := range r.beyond() {
		from := int64(0)
		if s == r.at {
			from = r.offset
		} else if s.known && s.head.first > missing {
			better(found{slot: s, number: s.head.first})
		}
		w := &window{f: s.file, size: s.window.size}
		err := s.headers(from, r.mark.salt, func(at int64, h *groupHeader) error {
			known := later > 0 && first.group != nil && h.number >= first.number
			if h.number < missing || known {
				return nil
			}
			g, err := readGroup(w, at, r.mark.salt)
			if err == nil && (s != r.at || at != r.offset || !r.isNext(g)) {
				better(found{slot: s, offset: at, number: g.number, group: g})
			}
			return ignoreInvalid(err)
		})
		if err != nil {
			return nil, err
		}
	}
	if first != nil {
		first.later = later
	}
	return first, nil
}

// beyond returns the files in which something may have been written after the
// position: not those with a header of a segment before it.
func (r *replaying) beyond() (slots []*slot) {
	for _, number := range sortedKeys(r.used) {
		if number >= r.end.segment {
			slots = append(slots, r.used[number])
		}
	}
	for _, s := range r.others {
		if !s.known {
			slots = append(slots, s)
		}
	}
	return slots
}

// wipe makes unrecognizable what was written after the position: it was not
// durable, and others will be written with the same numbers.
func (r *replaying) wipe() error {
	for _, s := range r.beyond() {
		from, wiped := int64(0), false
		if s == r.at {
			from = r.offset
		}
		zero := func(at int64, n int) error {
			wiped = true
			_, err := s.file.WriteAt(make([]byte, n), at)
			return err
		}
		if s != r.at && !s.blank() {
			if err := zero(0, segmentHeadLen); err != nil {
				return err
			}
		}
		err := s.headers(from, r.mark.salt, func(at int64, h *groupHeader) error {
			if h.number <= r.end.group {
				return nil
			}
			return zero(at, headerSize)
		})
		if err != nil {
			return err
		}
		if wiped {
			if err := s.file.sync(); err != nil {
				return err
			}
		}
		if s != r.at && s.known {
			delete(r.used, s.head.segment)
			r.others = append(r.others, s)
		}
	}
	return nil
}

// sortedKeys returns the numbers of segments, ascending.
func sortedKeys(m map[uint32]*slot) []uint32 { return slices.Sorted(maps.Keys(m)) }

func ignoreInvalid(err error) error {
	if errors.Is(err, errInvalid) {
		return nil
	}
	return err
}
