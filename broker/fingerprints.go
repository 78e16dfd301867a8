package broker

// fingerprint stands for a value that is to be recognised.
type fingerprint [16]byte

// fingerprints is a set of the last fingerprints that were added: a full one
// forgets the oldest. Each may have a time from which on it does not count any
// more. All memory is without pointers.
type fingerprints struct {
	most   int
	places map[fingerprint]int32 // in marks
	marks  []mark                // the first is the head of a circle, oldest first; the others come from free
	free   int32                 // the first of those that are free, chained by next; 0 if there is none
}

type mark struct {
	print      fingerprint
	expires    int64 // milliseconds since 1970; 0 never
	prev, next int32
}

// has tells whether a fingerprint is in the set now, in milliseconds since 1970.
func (s *fingerprints) has(print fingerprint, now int64) bool {
	i, ok := s.places[print]
	if !ok {
		return false
	}
	if expires := s.marks[i].expires; expires != 0 && expires <= now {
		s.remove(print)
		return false
	}
	return true
}

// add adds a fingerprint that is not there.
func (s *fingerprints) add(print fingerprint, expires int64) {
	if s.places == nil {
		s.places, s.marks = map[fingerprint]int32{}, make([]mark, 1)
	}
	if len(s.places) >= s.most {
		s.remove(s.marks[s.marks[0].next].print)
	}
	i := s.free
	if i != 0 {
		s.free = s.marks[i].next
	} else {
		i = int32(len(s.marks))
		s.marks = append(s.marks, mark{})
	}
	last := s.marks[0].prev
	s.marks[i] = mark{print, expires, last, 0}
	s.marks[last].next, s.marks[0].prev = i, i
	s.places[print] = i
}

// remove removes a fingerprint, if it is there.
func (s *fingerprints) remove(print fingerprint) {
	i, ok := s.places[print]
	if !ok {
		return
	}
	m := s.marks[i]
	s.marks[m.prev].next, s.marks[m.next].prev = m.next, m.prev
	s.marks[i] = mark{next: s.free}
	s.free = i
	delete(s.places, print)
}
