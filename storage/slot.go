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

// searching looks for a group that is missing.
type searching struct {
	missing uint64
	first   *found
	later   uint64 // the first number above the missing one that was met
}

// meet notes what was found, if it is closer to the missing group.
func (l *searching) meet(f found) {
	if f.number > l.missing && l.later == 0 {
		l.later = f.number
	}
	if l.first == nil || f.number < l.first.number || f.number == l.first.number && l.first.group == nil {
		l.first = &f
	}
}

// futile tells whether a group with a number would not be any news.
func (l *searching) futile(number uint64) bool {
	return number < l.missing || l.later > 0 && l.first.group != nil && number >= l.first.number
}

// search looks for the group that is missing and for what was written after it;
// nil if there is nothing.
func (r *replaying) search() (*found, error) {
	l := &searching{missing: r.end.group + 1}
	for _, s := range r.beyond() {
		if s != r.at && s.known && s.head.first > l.missing {
			l.meet(found{slot: s, number: s.head.first})
		}
		if err := r.searchSlot(s, l); err != nil {
			return nil, err
		}
	}
	if l.first != nil {
		l.first.later = l.later
	}
	return l.first, nil
}

// searchSlot looks at the groups of a file.
func (r *replaying) searchSlot(s *slot, l *searching) error {
	w := &window{f: s.file, size: s.window.size}
	return s.headers(r.behindIn(s), r.mark.salt, func(at int64, h *groupHeader) error {
		if l.futile(h.number) {
			return nil
		}
		g, err := readGroup(w, at, r.mark.salt)
		if err == nil && (s != r.at || at != r.offset || !g.follows(r.end)) {
			l.meet(found{slot: s, offset: at, number: g.number, group: g})
		}
		return ignoreInvalid(err)
	})
}

// behindIn is where in a file something may have been written after the
// position.
func (r *replaying) behindIn(s *slot) int64 {
	if s == r.at {
		return r.offset
	}
	return 0
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
		wiped, err := r.wipeSlot(s)
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

// wipeSlot wipes a file, and tells whether there was anything.
func (r *replaying) wipeSlot(s *slot) (wiped bool, err error) {
	zero := func(at int64, n int) error {
		wiped = true
		_, err := s.file.WriteAt(make([]byte, n), at)
		return err
	}
	if s != r.at && !s.blank() {
		if err := zero(0, segmentHeadLen); err != nil {
			return wiped, err
		}
	}
	err = s.headers(r.behindIn(s), r.mark.salt, func(at int64, h *groupHeader) error {
		if h.number <= r.end.group {
			return nil
		}
		return zero(at, headerSize)
	})
	return wiped, err
}

// sortedKeys returns the numbers of segments, ascending.
func sortedKeys(m map[uint32]*slot) []uint32 { return slices.Sorted(maps.Keys(m)) }

func ignoreInvalid(err error) error {
	if errors.Is(err, errInvalid) {
		return nil
	}
	return err
}
