package storage

import (
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// errRemoved tells that a generation has gone; its fragments may have moved.
var errRemoved = errors.New("the generation is not there")

// read calls f with the value of a fragment, which is f's until it returns.
func (s *generations) read(f *fragment, use func(value []byte) error) error {
	s.mu.Lock()
	g := s.all[f.generation]
	s.mu.Unlock()
	if g == nil {
		return errRemoved
	}
	if err := s.hold(g); err != nil {
		return err
	}
	err := guarded(s.path(f.generation), func() error {
		return g.db.View(func(txn *badger.Txn) error { return readFragment(txn, f, use) })
	})
	writing := g.writing
	g.mu.RUnlock()
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = corrupt(s.path(f.generation), "the fragment %x is missing", f.key(0))
	}
	if writing {
		return err
	}
	if shutErr := s.used(g); err == nil {
		err = shutErr
	}
	return err
}

func readFragment(txn *badger.Txn, f *fragment, use func(value []byte) error) error {
	if f.parts() == 1 {
		item, err := txn.Get(f.key(0))
		if err != nil {
			return err
		}
		return item.Value(use)
	}
	value := make([]byte, 0, f.size)
	for part := range f.parts() {
		item, err := txn.Get(f.key(part))
		if err != nil {
			return err
		}
		if err := item.Value(func(b []byte) error { value = append(value, b...); return nil }); err != nil {
			return err
		}
	}
	return use(value)
}

// hold opens a generation if it is closed, and holds g.mu for reading unless
// there is an error.
func (s *generations) hold(g *generation) error {
	for {
		g.mu.RLock()
		if g.db != nil {
			return nil
		}
		g.mu.RUnlock()
		if err := s.open(g); err != nil {
			return err
		}
	}
}

// open opens a generation to be read.
func (s *generations) open(g *generation) (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.removed:
		return errRemoved
	case g.db != nil:
		return nil
	}
	if !g.checked {
		if err := s.check(g); err != nil {
			return err
		}
		g.checked = true
	}
	g.db, err = openBadger(s.path(g.number), readOnly, s.log)
	return err
}

// used notes that a generation was used just now, and closes what was not for
// longest.
func (s *generations) used(g *generation) error {
	s.mu.Lock()
	if i := slices.Index(s.recent, g); i >= 0 {
		s.recent = slices.Delete(s.recent, i, i+1)
	}
	var last *generation
	if s.recent = append(s.recent, g); len(s.recent) > idleGenerations {
		last = s.recent[0]
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.mu.Unlock()
	if last == nil {
		return nil
	}
	last.mu.Lock()
	defer last.mu.Unlock()
	if last.writing {
		return nil
	}
	return s.shut(last)
}

// remove removes a generation that nothing refers to any more.
func (s *generations) remove(g *generation) error {
	if s.current == g {
		s.current = nil
	}
	s.mu.Lock()
	delete(s.all, g.number)
	if i := slices.Index(s.recent, g); i >= 0 {
		s.recent = slices.Delete(s.recent, i, i+1)
	}
	s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removed = true
	if err := s.shut(g); err != nil {
		return err
	}
	return os.RemoveAll(s.path(g.number))
}

// close closes all generations. The one that is written to is completed at the
// next start.
func (s *generations) close() (err error) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.all))
	s.mu.Unlock()
	for _, g := range all {
		g.mu.Lock()
		g.removed = true
		err = errors.Join(err, s.shut(g))
		g.mu.Unlock()
	}
	return err
}
