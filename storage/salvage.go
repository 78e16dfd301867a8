package storage

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
)

// rebuild makes a new Badger of what can be read of the tables of a generation,
// in its place. Badger itself would open all of them or none. What is read may
// be wrong: that shows when its messages are.
func (r *recovering) rebuild(g *generation) (*badger.DB, error) {
	s := r.generations
	dir := s.path(g.number)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return nil, err
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return nil, err
	}
	if err := r.roomForCopy(tables); err != nil {
		return nil, err
	}
	db, err := openBadger(fresh, inTables, s.log)
	if err != nil {
		return nil, err
	}
	for _, name := range tables { // each as far as it goes
		if err = guarded(name, func() error { return copyTable(db, name) }); ofSystem(err) {
			break
		}
		err = nil
	}
	if err := errors.Join(err, guarded(fresh, db.Close)); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := s.files.rename(fresh, dir); err != nil {
		return nil, err
	}
	return openBadger(dir, inTables, s.log)
}

// roomForCopy fails if files cannot be copied without meeting a full disk.
func (b *archive) roomForCopy(files []string) error {
	size := int64(0)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		size += info.Size()
	}
	return b.roomFor(size)
}

// copyTable writes what is in a table to another Badger.
func copyTable(to *badger.DB, name string) error {
	f, err := z.OpenMmapFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	t, err := table.OpenTable(f, table.Options{BlockSize: 4096})
	if err != nil {
		return err
	}
	it := t.NewIterator(0)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key, value := y.SafeCopy(nil, y.ParseKey(it.Key())), y.SafeCopy(nil, it.Value().Value)
		if len(key) != fragmentKeySize {
			continue
		}
		if err := to.Update(func(txn *badger.Txn) error { return txn.Set(key, value) }); err != nil {
			return err
		}
	}
	return t.Close(-1)
}
