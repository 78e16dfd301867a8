package storage

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// generation returns what is known of a generation.
func (r *recovering) generation(number uint32) *generation {
	s := r.generations
	g := s.all[number]
	if g == nil {
		g = &generation{number: number}
		s.all[number] = g
		s.last = max(s.last, number)
	}
	return g
}

// prepare looks at fragments and generations, once all are known.
func (r *recovering) prepare() error {
	if r.ready {
		return nil
	}
	r.ready = true
	for _, of := range r.fragments {
		slices.SortFunc(of, compareFragments)
	}
	if err := r.removeUnused(); err != nil {
		return err
	}
	for _, g := range r.generations.all {
		err := r.check(g)
		if err != nil && r.AcceptLoss && isCorrupt(err) {
			err = r.salvage(g, err)
		}
		if err != nil {
			return err
		}
	}
	if r.AcceptLoss {
		return r.readBodies()
	}
	return nil
}

// removeUnused removes generations that no fragment is in.
func (r *recovering) removeUnused() error {
	s := r.generations
	for n, g := range s.all {
		if g.fragments == 0 {
			delete(s.all, n)
			r.repairs.drop(recordKey{kind: recordGeneration, a: uint64(n)})
		}
	}
	found, err := numbers(s.files, s.dir)
	if err != nil {
		return err
	}
	for _, n := range found {
		s.last = max(s.last, n)
		if s.all[n] != nil {
			continue
		}
		if err := os.RemoveAll(s.path(n)); err != nil {
			return err
		}
	}
	return nil
}

// check looks whether a generation is as it was. One that was written to when
// everything stopped is completed.
func (r *recovering) check(g *generation) error {
	s := r.generations
	if g.complete() {
		if err := s.checkSizes(g); err != nil || !r.AcceptLoss {
			return err
		}
		return s.check(g) // as long as something can be done about it
	}
	dir := s.path(g.number)
	if _, err := os.Stat(filepath.Join(dir, badger.ManifestFilename)); err != nil {
		return harm(dir, err)
	}
	whole := func(db *badger.DB) error {
		return db.View(func(txn *badger.Txn) error { return r.checkKeys(txn, g) })
	}
	db, err := r.openFound(dir, inTables, whole)
	if err != nil {
		return err
	}
	g.db = db
	err = guarded(dir, func() error { return whole(db) })
	if err != nil {
		_ = s.shut(g)
		return err
	}
	return r.complete(g)
}

// complete closes a generation, and has the index told of its files.
func (r *recovering) complete(g *generation) error {
	if err := r.generations.shut(g); err != nil {
		return err
	}
	g.files = nil
	if err := r.generations.seal(g); err != nil {
		return err
	}
	r.repairs.put(recordKey{kind: recordGeneration, a: uint64(g.number)}, g.appendFiles(nil))
	return nil
}

// checkKeys looks whether a generation has the fragments that it should have.
func (r *recovering) checkKeys(txn *badger.Txn, g *generation) error {
	for _, of := range r.fragments {
		for _, f := range of {
			if f.generation != g.number {
				continue
			}
			for part := range f.parts() {
				if _, err := txn.Get(f.key(part)); err != nil {
					return r.damaged(f, "%v", err)
				}
			}
		}
	}
	return nil
}

// salvage opens a damaged generation for what can still be read of it. What
// cannot be opened at all is forgotten.
func (r *recovering) salvage(g *generation, damage error) error {
	s := r.generations
	dir := s.path(g.number)
	db, err := r.rebuild(g)
	if ofSystem(err) { // which may be put right
		return err
	}
	if err != nil {
		delete(s.all, g.number)
		r.repairs.drop(recordKey{kind: recordGeneration, a: uint64(g.number)})
		for segment, of := range r.fragments {
			for _, f := range of {
				if f.generation == g.number {
					r.repairs.drop(f.record())
				}
			}
			r.fragments[segment] = slices.DeleteFunc(of, func(f *fragment) bool { return f.generation == g.number })
		}
		_ = r.accept(damage, 0)
		return os.RemoveAll(dir)
	}
	g.db = db
	_ = r.accept(damage, 0)
	return r.complete(g)
}

// readBodies reads all fragments, to know which messages cannot be read.
func (r *recovering) readBodies() error {
	r.bad = make(map[Place]struct{})
	for segment, of := range r.fragments {
		kept := of[:0]
		for _, f := range of {
			err := r.generations.read(f, func(value []byte) error {
				v, ok := parseFragmentValue(f, value)
				whole := ok && v.each(func(p Place, record []byte) {
					if _, ok := openBlob(p, record); !ok {
						r.bad[p] = struct{}{}
					}
				})
				if !whole {
					return r.damaged(f, "it is not what was written")
				}
				return nil
			})
			if err == nil {
				kept = append(kept, f)
				continue
			}
			if err := r.accept(err, 0); err != nil {
				return err
			}
			r.repairs.drop(f.record())
			r.generations.count(f, -1)
		}
		r.fragments[segment] = kept
	}
	return nil
}
