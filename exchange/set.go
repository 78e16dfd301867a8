package exchange

import "slices"

// set is a list that takes each item once. Short lists are searched from end to
// end; a long one gets an index as soon as searching has cost about as much as
// making it. So collecting n items takes time in proportion to n, and memory
// only where there are many.
type set[T comparable] struct {
	list    []T
	index   map[T]struct{} // of the first len(index) of list; nil at first
	scanned int            // comparisons made so far
}

const (
	shortList  = 16 // up to here searching beats an index
	scanBudget = 64 // cost of putting one item into the index, in comparisons
)

// addAll appends those of items that the list has not. The items differ from
// each other.
func (s *set[T]) addAll(items []T) {
	known := s.list
	if len(known) == 0 {
		s.list = append(s.list, items...)
		return
	}
	if s.scan(len(items)) {
		for _, x := range items {
			if !slices.Contains(known, x) {
				s.list = append(s.list, x)
			}
		}
		return
	}
	s.extendIndex(len(items))
	for _, x := range items {
		if _, ok := s.index[x]; !ok {
			s.list = append(s.list, x)
		}
	}
}

// scan tells whether to search the list for n items, rather than to index it.
func (s *set[T]) scan(n int) bool {
	if len(s.list) <= shortList {
		return true
	}
	s.scanned += n * len(s.list)
	return s.index == nil && s.scanned <= scanBudget*len(s.list)
}

// extendIndex puts what the list has gained into the index, with room for n
// items more if it is new.
func (s *set[T]) extendIndex(n int) {
	if s.index == nil {
		s.index = make(map[T]struct{}, len(s.list)+n)
	}
	for _, x := range s.list[len(s.index):] {
		s.index[x] = struct{}{}
	}
}
