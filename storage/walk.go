package storage

import (
	"errors"
	"fmt"
)

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
