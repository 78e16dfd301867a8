package storage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// recovering reads the index and checks it, and what it names.
type recovering struct {
	*archive
	visitor visitor
	want    indexMeta            // what the index says of itself
	repairs changes              // what is to be put right in it
	dead    map[recordKey][]byte // bitmaps, by the block they are of
	ready   bool                 // fragments have been looked at
	orphans uint64               // items of a checkpoint that was not completed
	bad     map[Place]struct{}   // messages that cannot be read
	found   []blockItem          // reused
	last    *fragment            // that an item was in
}

// recover reads the index, and tells v of the entities and live items in it.
// It returns what Badger covers of the journal. Bodies are not read, unless
// loss is accepted.
func (b *archive) recover(v visitor) (covered, error) {
	if err := b.unlessStuck(func() error { return b.recoverIndex(v) }); err != nil {
		return covered{}, err
	}
	return b.index.meta.covered, nil
}

func (b *archive) recoverIndex(v visitor) error {
	r := &recovering{archive: b, visitor: v, dead: make(map[recordKey][]byte)}
	err := os.RemoveAll(b.trial())
	if err == nil {
		err = r.open()
	}
	if err == nil && b.index.db != nil {
		err = r.readMeta(b.index.db)
	}
	if err == nil && b.index.db != nil && b.AcceptLoss {
		err = r.each(b.index.db, func(recordKey, []byte) error { return nil })
	}
	if err != nil && b.AcceptLoss && isCorrupt(err) {
		err = r.startAnew(err)
	}
	if err == nil && b.index.db != nil {
		err = r.read()
	}
	return err
}

func isCorrupt(err error) bool {
	var c *CorruptError
	return errors.As(err, &c)
}

// open opens the directory of the index that the mark names, if there is one.
func (r *recovering) open() error {
	x := &r.index
	found, err := numbers(x.files, x.dir)
	if err != nil {
		return err
	}
	path := filepath.Join(x.dir, "mark")
	f, err := x.files.open(path, false)
	switch {
	case errors.Is(err, os.ErrNotExist) && len(found) == 0:
		return nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	case err != nil || !x.mark.read(f):
		return corrupt(path, "there is no mark that is whole")
	}
	x.mark.f = f
	if err := r.enough(); err != nil {
		return err
	}
	if !slices.Contains(found, x.mark.number) && x.mark.commit > 0 {
		return corrupt(x.path(x.mark.number), "the index is missing")
	}
	if len(found) > 1 { // what was read may not be durable yet
		if err := x.mark.settle(); err != nil {
			return err
		}
	}
	if err := x.removeOthers(found); err != nil {
		return err
	}
	if x.mark.commit == 0 { // nothing was given back for its sake
		return x.create(x.mark.number)
	}
	x.db, err = r.openFound(x.path(x.mark.number), eachSynced, r.wholeIndex)
	return err
}

// openFound opens a Badger as it was found, in which whole finds all that was
// written.
func (r *recovering) openFound(dir string, how opening, whole func(*badger.DB) error) (*badger.DB, error) {
	if err := r.forgetTables(dir, how, whole); err != nil {
		return nil, err
	}
	return openWhole(dir, how, r.complain)
}

// readMeta reads what the index says of itself.
func (r *recovering) readMeta(db *badger.DB) error {
	x := &r.index
	if x.mark.commit == 0 {
		return nil
	}
	dir, k := x.path(x.mark.number), recordKey{kind: recordMeta}
	return guarded(dir, func() error {
		return db.View(func(txn *badger.Txn) error {
			item, err := txn.Get(k.append(nil))
			if err != nil {
				return corrupt(dir, "the record about it all: %v", err)
			}
			return item.Value(func(b []byte) error {
				value, _, ok := openRecord(k, b)
				if !ok || !x.meta.parse(value) {
					return corrupt(dir, "the record about it all makes no sense")
				}
				if x.meta.commit < x.mark.commit {
					return corrupt(dir, "it ends with transaction %d, and %d was durable", x.meta.commit, x.mark.commit)
				}
				r.want, x.meta.sum = x.meta, 0
				return nil
			})
		})
	})
}

// read reads the records, and looks whether they are those that were written
// last.
func (r *recovering) read() error {
	x := &r.index
	if err := r.each(x.db, r.record); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	x.used = x.size
	if uint64(len(x.sums)) != r.want.records || x.meta.sum != r.want.sum || uint64(r.live)+r.orphans != r.want.live {
		lost := max(r.want.live, uint64(r.live)+r.orphans) - uint64(r.live) - r.orphans
		err := corrupt(x.path(x.mark.number), "it has %d records with %d messages, instead of %d with %d, or some are not what they were",
			len(x.sums), uint64(r.live)+r.orphans, r.want.records, r.want.live)
		if err = r.accept(err, lost); err != nil {
			return err
		}
	}
	x.meta.live = uint64(r.live)
	for _, c := range r.repairs.list {
		x.meta.live -= uint64(c.live) // it is so when they are applied
	}
	if len(r.repairs.list) == 0 {
		return nil
	}
	return x.apply(&r.repairs, nil)
}

// wholeIndex looks whether a Badger has the records that were written last.
func (r *recovering) wholeIndex(db *badger.DB) error {
	if err := r.readMeta(db); err != nil {
		return err
	}
	records, sums := uint64(0), uint64(0)
	err := r.each(db, func(k recordKey, b []byte) error {
		if _, sum, ok := openRecord(k, b); ok {
			records, sums = records+1, sums+uint64(sum)
		}
		return nil
	})
	if err == nil && (records != r.want.records || sums != r.want.sum) {
		err = corrupt(r.index.path(r.index.mark.number), "it has %d records of %d, or others", records, r.want.records)
	}
	return err
}

// each calls f for every record but that about it all, in the order of keys.
func (r *recovering) each(db *badger.DB, f func(k recordKey, b []byte) error) error {
	dir := r.index.path(r.index.mark.number)
	return guarded(dir, func() error {
		return eachItem(db, func(item *badger.Item) error {
			k, ok := parseRecordKey(item.Key())
			if !ok {
				return corrupt(dir, "a key makes no sense: %x", item.Key())
			}
			if k.kind == recordMeta {
				return nil
			}
			return item.Value(func(b []byte) error { return f(k, b) })
		})
	})
}

// accept is nil for damage that is to be accepted, once it was noted.
func (r *recovering) accept(err error, messages uint64) error {
	if !r.AcceptLoss || !isCorrupt(err) {
		return err
	}
	r.loss.Messages += messages
	r.loss.Damages = append(r.loss.Damages, err.Error())
	return nil
}

// startAnew gives up an index that cannot be read.
func (r *recovering) startAnew(err error) error {
	x := &r.index
	_ = r.accept(err, x.mark.live)
	if x.db != nil {
		_ = guarded(x.dir, x.db.Close)
	}
	_ = x.mark.close()
	for _, dir := range []string{x.dir, r.generations.dir} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	x.db, x.mark, x.meta = nil, indexMark{}, indexMeta{}
	return nil
}
