package storage

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

func (x *index) path(number uint32) string {
	return filepath.Join(x.dir, fmt.Sprintf("%08d", number))
}

// create starts the directory with a number, which the mark names from now on.
func (x *index) create(number uint32) error {
	if err := x.files.mkdir(x.dir); err != nil {
		return err
	}
	if err := os.RemoveAll(x.path(number)); err != nil {
		return err
	}
	if number == 1 {
		x.mark.number = number
		if err := x.mark.make(x.files, x.dir); err != nil {
			return err
		}
	}
	db, err := openBadger(x.path(number), eachSynced, x.log)
	if err != nil {
		return err
	}
	x.db = db
	return x.files.syncDir(x.dir)
}

// removeOthers removes those of the directories that are not in use.
func (x *index) removeOthers(numbers []uint32) error {
	for _, n := range numbers {
		if n == x.mark.number {
			continue
		}
		if err := os.RemoveAll(x.path(n)); err != nil {
			return err
		}
	}
	return nil
}

// close closes the index.
func (x *index) close() error {
	err := x.mark.close()
	if x.db == nil {
		return err
	}
	if closeErr := guarded(x.path(x.mark.number), x.db.Close); err == nil {
		err = closeErr
	}
	return err
}

// indexSlack is how many bytes a directory of the index may have beyond what
// is in the index.
const indexSlack = 4 << 20

// shrink moves the index to a new directory if most of what was written to the
// one in use is obsolete.
func (x *index) shrink() error {
	if x.used < 3*x.size+indexSlack {
		return nil
	}
	if short, err := x.short(); short || err != nil {
		return err
	}
	old, oldNumber := x.db, x.mark.number
	if err := x.create(oldNumber + 1); err != nil {
		return err
	}
	if err := x.copyFrom(old, oldNumber+1); err != nil {
		return err
	}
	if err := guarded(x.path(oldNumber), old.Close); err != nil {
		return err
	}
	x.mark.number, x.used = oldNumber+1, x.size
	if err := x.mark.settle(); err != nil { // the old directory goes
		return err
	}
	return os.RemoveAll(x.path(oldNumber))
}

// copyFrom writes all records of another Badger to the present one, whose
// number is given.
func (x *index) copyFrom(old *badger.DB, number uint32) error {
	return guarded(x.path(number), func() error {
		c := &indexCopy{to: x.db, txn: x.db.NewTransaction(true)}
		defer func() { c.txn.Discard() }()
		if err := eachItem(old, c.put); err != nil {
			return err
		}
		if err := c.txn.Commit(); err != nil {
			return err
		}
		x.synced(x.path(number))
		return nil
	})
}

// indexCopy is what is written to a Badger, a transaction after the other.
type indexCopy struct {
	to            *badger.DB
	txn           *badger.Txn // not committed yet
	size, records int         // of that
}

// put writes a record. The transaction before ends if it would become too large.
func (c *indexCopy) put(item *badger.Item) error {
	value, err := item.ValueCopy(nil)
	if err != nil {
		return err
	}
	size := len(value) + recordKeySize
	if c.size+size > indexBatch || c.records == transactionRecords {
		if err := c.txn.Commit(); err != nil {
			return err
		}
		c.txn, c.size, c.records = c.to.NewTransaction(true), 0, 0
	}
	c.size, c.records = c.size+size, c.records+1
	return c.txn.Set(item.KeyCopy(nil), value)
}

// eachItem calls f for every record that there is, in the order of keys.
func eachItem(db *badger.DB, f func(*badger.Item) error) error {
	return db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := f(it.Item()); err != nil {
				return err
			}
		}
		return nil
	})
}
