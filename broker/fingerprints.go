package broker

// fingerprint stands for a value that is to be recognised.
type fingerprint [16]byte

// fingerprints is a set of the last fingerprints that were added: a full one
// forgets the oldest. Each may have a time from which on it does not count any
// more. All memory is without pointers.
type fingerprints struct {
	most   int
	places map[fingerprint]int32 // in links
	links  []link                // the first is the head of a circle, oldest first; the others come from free
	free   int32                 // the first of those that are free, chained by next; 0 if there is none
}

type link struct {
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
	if expires := s.links[i].expires; expires != 0 && expires <= now {
		s.remove(print)
		return false
	}
	return true
}

// add adds a fingerprint that is not there.
func (s *fingerprints) add(print fingerprint, expires int64) {
	if s.places == nil {
		s.places, s.links = map[fingerprint]int32{}, make([]link, 1)
	}
	if len(s.places) >= s.most {
		s.remove(s.links[s.links[0].next].print)
	}
	i := s.free
	if i != 0 {
		s.free = s.links[i].next
	} else {
		i = int32(len(s.links))
		s.links = append(s.links, link{})
	}
	last := s.links[0].prev
	s.links[i] = link{print, expires, last, 0}
	s.links[last].next, s.links[0].prev = i, i
	s.places[print] = i
}

// remove removes a fingerprint, if it is there.
func (s *fingerprints) remove(print fingerprint) {
	i, ok := s.places[print]
	if !ok {
		return
	}
	m := s.links[i]
	s.links[m.prev].next, s.links[m.next].prev = m.next, m.prev
	s.links[i] = link{next: s.free}
	s.free = i
	delete(s.places, print)
}
