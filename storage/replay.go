package storage

import (
	"errors"
	"fmt"
)

// replaying reads a journal from where Badger ends to its own end.
//
// Groups are numbered without a gap, and each has the checksum of the one
// before. So the first that is not there, or not whole, is where the journal
// ends, and what is there is a group that was being written when everything
// stopped; unless a later one was: then it is damaged.
type replaying struct {
	j          *journal
	v          visitor
	mark       mark
	acceptLoss bool
	lost       Loss
	behind     uint64 // of lost, messages that were behind the journal
	gaps       []gap  // accepted, earlier or now
	cut        bool   // some of them now
	damaged    []damagedMessage

	used   map[uint32]*slot // by the segment they hold
	others []*slot          // free, unless damaged

	at     *slot // where the journal ends, as far as it was read; nil before the first
	offset int64
	end    covered
}

// replay tells the visitor of all groups of the journal behind what is covered.
// It writes nothing, unless losses are accepted.
func (r *replaying) replay() error {
	if err := r.openSlots(); err != nil {
		return err
	}
	if err := r.readGaps(); err != nil {
		return err
	}
	for more := true; more; {
		var err error
		if more, err = r.step(); err != nil {
			return err
		}
	}
	return nil
}

// step goes on by a group, or to the next segment; false at the end.
func (r *replaying) step() (more bool, err error) {
	if r.at != nil {
		err := r.group()
		if err == nil || !errors.Is(err, errInvalid) {
			return err == nil, err
		}
	}
	if s := r.used[r.end.segment+1]; s != nil && s.head.follows(r.end) {
		r.enter(s, segmentHead)
		return true, nil
	}
	for _, g := range r.gaps {
		if g.after == r.end.group && (r.at == nil || g.from == r.position()) {
			return true, r.jump(g)
		}
	}
	return r.interrupted()
}

// follows tells whether a segment goes on where something ends.
func (h *segmentHeader) follows(end covered) bool {
	return h.segment == end.segment+1 && h.first == end.group+1 && h.chain == end.chain && h.messages == end.messages
}

// enter goes on in another segment.
func (r *replaying) enter(s *slot, offset int64) {
	r.at, r.offset, r.end.segment = s, offset, s.head.segment
	s.extents = append(s.extents, extent{from: offset, to: offset, start: r.end, end: r.end})
}

// position is where the next group is expected.
func (r *replaying) position() Place { return placeAt(r.end.segment, r.offset) }

// group tells the visitor of the group at the position; errInvalid if it is not
// whole or not the next.
func (r *replaying) group() error {
	g, err := readGroup(r.at.window, r.offset, r.mark.salt)
	if err != nil {
		return err
	}
	if !g.follows(r.end) {
		return errInvalid
	}
	v := r.v
	if r.acceptLoss || g.number > r.mark.required() {
		bad, err := g.damagedBlobs(r.at.window)
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			if v, err = r.noting(bad, g.number); err != nil {
				return err
			}
		}
		if g, err = readGroup(r.at.window, r.offset, r.mark.salt); err != nil {
			return err
		}
	}
	if err := g.decode(v); err != nil {
		return err
	}
	r.end.group, r.end.chain, r.end.messages = g.number, g.chain, g.messages
	r.offset += g.size()
	e := &r.at.extents[len(r.at.extents)-1]
	e.to, e.end = r.offset, r.end
	return nil
}

// follows tells whether a group is the next one in the segment in which
// something ends.
func (g *record) follows(end covered) bool {
	return g.number == end.group+1 && g.previous == end.chain && g.segment == end.segment
}

// interrupted decides about a group that is not there: false if nothing is
// missing, so that it is the end.
func (r *replaying) interrupted() (more bool, err error) {
	if r.orderly() {
		return false, nil
	}
	next, err := r.search()
	if err != nil {
		return false, err
	}
	missing := r.end.group + 1
	durable := missing <= r.mark.required()
	later := next != nil && next.later > 0 && !r.mark.forgotten()
	if !durable && !later {
		return false, nil
	}
	reason := fmt.Sprintf("group %d is not whole, and up to group %d was durable", missing, r.mark.required())
	if later {
		reason = fmt.Sprintf("group %d is not whole, and group %d was written after it", missing, next.later)
	}
	if !r.acceptLoss {
		return false, r.corrupt(reason)
	}
	return next != nil && next.group != nil, r.accept(next, reason)
}

// orderly tells whether the journal ends where it was closed.
func (r *replaying) orderly() bool { return r.mark.clean && r.end.group == r.mark.group }

// corrupt is the error for what is at the position.
func (r *replaying) corrupt(reason string) *CorruptError {
	c := &CorruptError{File: r.j.dir, Offset: -1, Reason: reason}
	if r.at != nil {
		c.File, c.Offset = r.at.path, r.offset
	}
	return c
}

// finish makes the journal ready to be written on.
func (r *replaying) finish() error {
	if err := r.writeGaps(); err != nil {
		return err
	}
	if !r.orderly() {
		if err := r.wipe(); err != nil {
			return err
		}
	}
	j := r.j
	j.end = r.end
	for _, number := range sortedKeys(r.used) {
		s := r.used[number]
		s.number = number
		j.segments = append(j.segments, s.segment)
	}
	for _, s := range r.others {
		if size := s.capacity; size == j.fullSegment() || size == j.segmentSize(r.end.segment+1) {
			j.free = append(j.free, s.segment)
		} else {
			j.discard(s.segment)
		}
	}
	j.opened = nil
	if r.at == nil {
		return nil
	}
	j.current, j.offset = r.at.segment, r.offset
	if r.orderly() {
		return nil
	}
	return j.current.file.sync() // the last group may only have been handed to the kernel
}
