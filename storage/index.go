package storage

import "github.com/dgraph-io/badger/v4"

// index is a small Badger with everything but the bytes of messages. What it
// holds is known in memory by checksum, so that each transaction can say what
// all of it together is.
type index struct {
	dir    string
	files  files
	synced func(dir string)
	log    complaints
	short  func() (bool, error) // whether there is little room on the disk

	mark indexMark
	db   *badger.DB // nil before the first change
	meta indexMeta
	sums map[recordKey]recordFacts
	size int64 // of all records
	used int64 // bytes written to the directory that is in use
}

// recordFacts is what is remembered of a record.
type recordFacts struct{ sum, size uint32 }

// changes are to be made to the index together.
type changes struct {
	list []change
	size int
}

// change is a record that is put, or dropped if the value is nil.
type change struct {
	key   recordKey
	value []byte
	live  int // how many messages more the blocks have with it
}

// put has a record written; the value becomes the change's.
func (c *changes) put(k recordKey, value []byte) {
	c.list = append(c.list, change{key: k, value: sealRecord(k, value)})
	c.size += len(value) + recordKeySize + 64
}

func (c *changes) drop(k recordKey) {
	c.list = append(c.list, change{key: k})
	c.size += recordKeySize + 64
}

// dropBlock drops a block with so many live messages, and what is settled of it.
func (c *changes) dropBlock(queue, first uint64, live int) {
	c.drop(recordKey{recordBlock, queue, first})
	c.count(-live)
	c.drop(recordKey{recordSettled, queue, first})
}

// count notes how many messages more the blocks have with the last change. What
// the index says of itself is right after each transaction, not only the last.
func (c *changes) count(n int) { c.list[len(c.list)-1].live += n }

// indexBatch is how many bytes of changes make a transaction.
const indexBatch = 256 << 10

// apply makes changes, in one transaction or, if there are many, several in
// order: whoever needs a change only with another one puts it behind that one.
// cover, if it is not nil, comes with the last.
func (x *index) apply(c *changes, cover *covered) error {
	if x.db == nil {
		if err := x.create(1); err != nil {
			return err
		}
	}
	for list := c.list; ; {
		n, size := 0, 0
		for n < len(list) && (n == 0 || size+len(list[n].value) < indexBatch && n < transactionRecords) {
			size += len(list[n].value) + recordKeySize
			n++
		}
		last := n == len(list)
		if last && cover != nil {
			x.meta.covered = *cover
		}
		if err := x.commit(list[:n]); err != nil {
			return err
		}
		if list = list[n:]; last {
			break
		}
	}
	*c = changes{list: c.list[:0]}
	if err := x.files.syncDir(x.path(x.mark.number)); err != nil { // Badger may have a new log
		return err
	}
	x.mark.commit, x.mark.live = x.meta.commit, x.meta.live
	if err := x.mark.write(); err != nil {
		return err
	}
	return x.shrink()
}

// commit makes changes in one transaction.
func (x *index) commit(list []change) error {
	txn := x.db.NewTransaction(true)
	defer txn.Discard()
	for _, c := range list {
		if err := x.change(txn, c); err != nil {
			return err
		}
	}
	x.meta.commit++
	if err := x.setMeta(txn); err != nil {
		return err
	}
	return x.sync(txn)
}

func (x *index) setMeta(txn *badger.Txn) error {
	k := recordKey{kind: recordMeta}
	x.meta.records = uint64(len(x.sums))
	return txn.Set(k.append(nil), sealRecord(k, x.meta.append(nil)))
}

func (x *index) sync(txn *badger.Txn) error {
	if err := guarded(x.path(x.mark.number), txn.Commit); err != nil {
		return err
	}
	x.synced(x.path(x.mark.number))
	return nil
}

func (x *index) change(txn *badger.Txn, c change) error {
	old, exists := x.sums[c.key]
	x.meta.live += uint64(c.live)
	x.meta.sum -= uint64(old.sum)
	x.size -= int64(old.size)
	x.used += int64(len(c.value)) + recordKeySize
	if c.value == nil {
		delete(x.sums, c.key)
		if !exists {
			return nil
		}
		return txn.Delete(c.key.append(nil))
	}
	_, sum, _ := openRecord(c.key, c.value)
	x.note(c.key, recordFacts{sum, uint32(len(c.value)) + recordKeySize})
	return txn.Set(c.key.append(nil), c.value)
}

// note notes a record that is there now.
func (x *index) note(k recordKey, r recordFacts) {
	x.sums[k] = r
	x.meta.sum += uint64(r.sum)
	x.size += int64(r.size)
}

// get reads a record.
func (x *index) get(k recordKey) (value []byte, err error) {
	dir := x.path(x.mark.number)
	err = guarded(dir, func() error {
		return x.db.View(func(txn *badger.Txn) error {
			item, err := txn.Get(k.append(nil))
			if err != nil {
				return corrupt(dir, "record %c %d/%d: %v", k.kind, k.a, k.b, err)
			}
			b, err := item.ValueCopy(nil)
			if err != nil {
				return err
			}
			value, err = x.verify(k, b)
			return err
		})
	})
	return value, err
}

// verify returns the value of a record that was read, if it is the one that was
// written last.
func (x *index) verify(k recordKey, b []byte) ([]byte, error) {
	value, sum, ok := openRecord(k, b)
	if !ok || x.sums[k].sum != sum {
		return nil, corrupt(x.path(x.mark.number), "the checksum of record %c %d/%d is wrong", k.kind, k.a, k.b)
	}
	return value, nil
}
