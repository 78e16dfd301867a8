package perf

import "slices"

// sequence is a set of numbers, from 1 up, that come nearly in order: tags that
// were confirmed, messages that have arrived. What is missing is kept, not what
// is there, so a lost message costs the same however many follow it.
type sequence struct {
	top    uint64 // the highest
	gaps   []span // what is missing below it, in order
	absent uint64 // numbers in gaps
}

// span is numbers in a row, both ends included.
type span struct{ from, to uint64 }

func (s span) size() uint64 { return s.to - s.from + 1 }

// count is how many numbers are in the set.
func (s *sequence) count() uint64 { return s.top - s.absent }

func (s *sequence) has(n uint64) bool {
	_, missing := s.gap(n)
	return n > 0 && n <= s.top && !missing
}

// add adds a number, and tells whether it is new.
func (s *sequence) add(n uint64) bool {
	if n == 0 {
		return false
	}
	if n > s.top {
		s.skipTo(n)
		s.top = n
		return true
	}
	i, missing := s.gap(n)
	if !missing {
		return false
	}
	g := s.gaps[i]
	var rest []span
	if g.from < n {
		rest = append(rest, span{g.from, n - 1})
	}
	if n < g.to {
		rest = append(rest, span{n + 1, g.to})
	}
	s.gaps = slices.Replace(s.gaps, i, i+1, rest...)
	s.absent--
	return true
}

// skipTo has all up to n, which is above the top, missing.
func (s *sequence) skipTo(n uint64) {
	if n > s.top+1 {
		g := span{s.top + 1, n - 1}
		s.gaps = append(s.gaps, g)
		s.absent += g.size()
	}
}

// lowest is the lowest number that is missing.
func (s *sequence) lowest() uint64 {
	if len(s.gaps) > 0 {
		return s.gaps[0].from
	}
	return s.top + 1
}

// gap is where a number is missing, if it is.
func (s *sequence) gap(n uint64) (int, bool) {
	return slices.BinarySearchFunc(s.gaps, n, func(g span, n uint64) int {
		switch {
		case g.to < n:
			return -1
		case g.from > n:
			return 1
		}
		return 0
	})
}

// without are the numbers up to one that are in neither of two sets.
func (s *sequence) without(upTo uint64, other *sequence) (all []span) {
	gaps := s.gaps
	if upTo > s.top {
		gaps = append(slices.Clone(gaps), span{s.top + 1, upTo})
	}
	for _, g := range gaps {
		for n := g.from; n <= min(g.to, upTo); n++ {
			if other.has(n) {
				continue
			}
			if last := len(all) - 1; last >= 0 && all[last].to+1 == n {
				all[last].to = n
			} else {
				all = append(all, span{n, n})
			}
		}
	}
	return all
}
