package storage

import "slices"

// evacuateSize is how much a complete generation holds at least: what is left
// of one with less is moved to the newest.
const evacuateSize = generationSize / 4

// count notes that the index has a fragment more, or less.
func (s *generations) count(f *fragment, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.all[f.generation]
	g.fragments += n
	g.size += int64(n) * int64(f.size)
}

// noteComplete has the index told of the generations that were completed.
func (b *archive) noteComplete(list *changes) {
	for _, g := range b.writer.done {
		list.put(recordKey{kind: recordGeneration, a: uint64(g.number)}, g.appendFiles(nil))
	}
	b.writer.done = nil
}

// move is a fragment that was copied to another generation.
type move struct {
	fragment   *fragment
	generation uint32
}

// evacuate copies what is left in generations that hold little to the newest,
// and has the index told where it is.
func (b *archive) evacuate(list *changes) (moved []move, err error) {
	short, err := b.short()
	if err != nil || short {
		return nil, err
	}
	for _, f := range b.sparse() {
		to, err := b.writer.move(f)
		if err != nil {
			return nil, err
		}
		moved = append(moved, move{f, to})
	}
	if err := b.writer.flush(); err != nil {
		return nil, err
	}
	b.noteComplete(list)
	for _, m := range moved {
		to := *m.fragment
		to.generation = m.generation
		list.put(to.record(), to.append(nil))
		b.generations.count(m.fragment, -1)
		b.generations.count(&to, 1)
	}
	return moved, nil
}

// sparse returns the fragments in generations that hold little.
func (b *archive) sparse() (found []*fragment) {
	s := b.generations
	s.mu.Lock()
	is := make(map[uint32]bool)
	for n, g := range s.all {
		if g != s.current && g.fragments > 0 && g.size < evacuateSize {
			is[n] = true
		}
	}
	s.mu.Unlock()
	if len(is) == 0 || len(is) == 1 && s.current == nil {
		return nil // it would only be copied from one to another
	}
	for _, of := range b.fragments {
		for _, f := range of {
			if is[f.generation] {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(f, g *fragment) int {
		if f.generation != g.generation {
			return int(f.generation) - int(g.generation)
		}
		return compareFragments(f, g)
	})
	return found
}

// relocate lets moved fragments be found where they are now.
func (b *archive) relocate(moved []move) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range moved {
		m.fragment.generation = m.generation
	}
}

// emptyGenerations returns the generations that nothing is in any more, and
// has the index forget them.
func (b *archive) emptyGenerations(list *changes) (empty []*generation) {
	s := b.generations
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.all {
		if g.fragments == 0 {
			list.drop(recordKey{kind: recordGeneration, a: uint64(g.number)})
			empty = append(empty, g)
		}
	}
	return empty
}
