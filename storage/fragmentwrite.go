package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4"
)

// transactionBytes and transactionRecords bound what is written at once to a
// generation: Badger refuses what exceeds 15 % of a memtable.
const (
	transactionBytes   = partSize + 4<<10
	transactionRecords = 500
)

var errBadBlob = errors.New("the checksum of a message is wrong")

// fragmentWriter writes fragments, many to a transaction, from one buffer:
// Badger copies what it is given when it commits.
type fragmentWriter struct {
	generations *generations
	read        func(segment uint32, p []byte, off int64) error // from the journal
	space       func() error                                    // waits for room on the disk

	buf     []byte
	txn     *badger.Txn
	records int
	done    []*generation // that were completed, for the index
}

// write writes the fragment of an owner with the records at some places, which
// ascend, of a segment.
func (w *fragmentWriter) write(segment uint32, owner uint64, blobs []blob) (*fragment, error) {
	f := &fragment{
		owner: owner, segment: segment,
		first: blobs[0].offset, end: blobs[len(blobs)-1].offset,
	}
	size := int64(fragmentHead + fragmentEntry*len(blobs))
	for _, b := range blobs {
		size += int64(b.length)
	}
	f.size = uint32(size)
	if err := w.complete(); err != nil {
		return nil, err
	}
	if err := w.room(min(size, partSize)); err != nil {
		return nil, err
	}
	f.generation = w.generations.current.number
	start := len(w.buf)
	w.buf, f.sum = appendFragmentHead(w.buf, segment, owner, blobs)
	if size > partSize {
		return f, w.writeLong(f, start, blobs[0])
	}
	if err := w.copy(segment, blobs); err != nil {
		return nil, err
	}
	return f, w.set(f, 0, w.buf[start:])
}

// copy appends records, those that lie side by side at once, and checks them.
func (w *fragmentWriter) copy(segment uint32, blobs []blob) error {
	for len(blobs) > 0 {
		n := 1
		for n < len(blobs) && int64(blobs[n].offset) == blobs[n-1].end() {
			n++
		}
		at, length := len(w.buf), blobs[n-1].end()-int64(blobs[0].offset)
		w.buf = w.buf[:at+int(length)]
		if err := w.read(segment, w.buf[at:], int64(blobs[0].offset)); err != nil {
			return err
		}
		for _, b := range blobs[:n] {
			record := w.buf[at+int(b.offset-blobs[0].offset):][:b.length]
			if _, ok := openBlob(placeAt(segment, int64(b.offset)), record); !ok {
				return errBadBlob
			}
		}
		blobs = blobs[n:]
	}
	return nil
}

// writeLong writes a record that takes several parts. The head is in w.buf from
// start on.
func (w *fragmentWriter) writeLong(f *fragment, start int, b blob) error {
	place := placeAt(f.segment, int64(b.offset))
	sum, want := blobSum(place, nil), uint32(0)
	offset := int64(b.offset)
	for part := range f.parts() {
		if part > 0 {
			if err := w.room(partSize); err != nil {
				return err
			}
			start = len(w.buf)
		}
		at := len(w.buf)
		w.buf = w.buf[:at+int(min(partSize-int64(at-start), b.end()-offset))]
		if err := w.read(f.segment, w.buf[at:], offset); err != nil {
			return err
		}
		offset += int64(len(w.buf) - at)
		if part == 0 {
			want = binary.LittleEndian.Uint32(w.buf[at:])
			at += blobHead
		}
		sum = crc32.Update(sum, castagnoli, w.buf[at:])
		if err := w.set(f, part, w.buf[start:]); err != nil {
			return err
		}
	}
	if sum != want {
		return errBadBlob
	}
	return nil
}

// complete completes the generation that is written to if it is large enough.
// It is called between fragments: no generation has half of one.
func (w *fragmentWriter) complete() error {
	if g := w.generations.current; g == nil || g.written+int64(len(w.buf)) < generationSize {
		return nil
	}
	if err := w.commit(); err != nil {
		return err
	}
	if err := w.space(); err != nil {
		return err
	}
	g, err := w.generations.finish()
	w.done = append(w.done, g)
	return err
}

// room sees to it that the transaction has room for so many bytes.
func (w *fragmentWriter) room(size int64) error {
	if int64(cap(w.buf)-len(w.buf)) < size || w.records >= transactionRecords {
		if err := w.commit(); err != nil {
			return err
		}
	}
	if w.txn == nil {
		if err := w.space(); err != nil {
			return err
		}
		if err := w.generations.begin(); err != nil {
			return err
		}
		w.txn = w.generations.current.db.NewTransaction(true)
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, transactionBytes)
	}
	return nil
}

func (w *fragmentWriter) set(f *fragment, part int, value []byte) error {
	w.records++
	return w.txn.Set(f.key(part), value)
}

// flush makes durable what was written.
func (w *fragmentWriter) flush() error {
	if err := w.commit(); err != nil {
		return err
	}
	if err := w.space(); err != nil {
		return err
	}
	return w.generations.settle()
}

// commit gives Badger what was gathered.
func (w *fragmentWriter) commit() error {
	if w.txn == nil {
		return nil
	}
	if err := w.space(); err != nil {
		return err
	}
	g := w.generations.current
	err := guarded(w.generations.path(g.number), w.txn.Commit)
	g.written += int64(len(w.buf))
	w.txn, w.records, w.buf = nil, 0, w.buf[:0]
	return err
}

// move copies a fragment to the generation that is written to, and returns its
// number.
func (w *fragmentWriter) move(f *fragment) (to uint32, err error) {
	if err := w.complete(); err != nil {
		return 0, err
	}
	err = w.generations.read(f, func(value []byte) error {
		for part := range f.parts() {
			piece := value[part*partSize : min((part+1)*partSize, len(value))]
			if err := w.room(int64(len(piece))); err != nil {
				return err
			}
			start := len(w.buf)
			w.buf = append(w.buf, piece...)
			if err := w.set(f, part, w.buf[start:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return w.generations.current.number, nil
}
