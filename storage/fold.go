package storage

import (
	"encoding/binary"
	"maps"
	"slices"
)

// fold is one update of the index by what has happened to messages it has.
type fold struct {
	archive   *archive
	changes   *changes
	fragments []*fragment // without a live message now
}

// foldAlone folds what was settled, without a checkpoint.
func (b *archive) foldAlone() error { return b.fold(new(changes), nil, nil) }

// fold adds to changes what was settled, given back and deleted, and applies
// all. With cover, the checkpoint c is complete.
func (b *archive) fold(list *changes, c *checkpoint, cover *covered) error {
	f := &fold{archive: b, changes: list}
	if err := f.queues(c); err != nil {
		return err
	}
	b.dropFragments(f)
	moved, err := b.evacuate(list)
	if err != nil {
		return err
	}
	removed := b.emptyGenerations(list)
	if err := b.awaitSpace(); err != nil {
		return err
	}
	// What is durable of a unit here must not be all that is left of it.
	if err := b.journal.harden(); err != nil {
		return err
	}
	if err := b.index.apply(list, cover); err != nil {
		return err
	}
	b.relocate(moved)
	for _, g := range removed {
		if err := b.generations.remove(g); err != nil {
			return err
		}
	}
	if cover != nil {
		b.forget(cover.segment, c.gone)
	}
	return nil
}

// forget drops what was noted of a segment that is covered now, and queues that
// nothing more will come of.
func (b *archive) forget(segment uint32, gone []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range gone {
		delete(b.queues, id)
	}
	b.alive = slices.DeleteFunc(b.alive, func(a alive) bool { return a.segment <= segment })
	for _, q := range b.queues {
		q.spans = slices.DeleteFunc(q.spans, func(s span) bool { return s.segment <= segment })
	}
}

// queues folds what has happened to all queues. What was given back, c has if it
// is not nil.
func (f *fold) queues(c *checkpoint) error {
	b := f.archive
	b.mu.Lock()
	b.settled = 0
	ids := slices.Sorted(maps.Keys(b.queues))
	b.mu.Unlock()
	for _, id := range ids {
		if err := f.queue(id, c.takeRequeues(id)); err != nil {
			return err
		}
	}
	if c != nil {
		c.touched = 0
	}
	return nil
}

// queue folds what has happened to a queue.
func (f *fold) queue(id uint64, requeues []requeue) error {
	b := f.archive
	b.mu.Lock()
	q := b.queues[id]
	gone, settled := q.deleted, q.settled.take(q.top)
	b.mu.Unlock()
	if gone {
		return f.dropQueue(id, q)
	}
	if settled.empty() && len(requeues) == 0 {
		return nil
	}
	for i := range q.blocks {
		if err := f.block(id, &q.blocks[i], &settled, requeues); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q.blocks = slices.DeleteFunc(q.blocks, func(k block) bool { return k.live == 0 })
	q.low = q.top + 1
	if len(q.blocks) > 0 {
		q.low = q.blocks[0].first
	}
	return nil
}

// dropQueue drops all that Badger has of a queue. Its messages need not be
// looked at, but for those that it may share with others.
func (f *fold) dropQueue(id uint64, q *archiveQueue) error {
	b := f.archive
	for i := range q.blocks {
		k := &q.blocks[i]
		before := k.live
		if k.shared {
			items, dead, err := b.readBlock(id, k)
			if err != nil {
				return err
			}
			for i := range items {
				if items[i].shared && !bit(dead, i) {
					f.release(id, k, &items[i])
				}
			}
		}
		f.changes.dropBlock(id, k.first, before)
		b.mu.Lock()
		b.live -= int64(k.live)
		b.liveBytes -= k.bytes
		b.mu.Unlock()
	}
	f.changes.drop(recordKey{kind: recordQueue, a: id})
	if len(q.blocks) > 0 {
		f.fragments = append(f.fragments, b.owned(id)...)
	}
	b.mu.Lock()
	q.blocks = nil
	b.mu.Unlock()
	return nil
}

// owned returns the fragments of a queue.
func (b *archive) owned(id uint64) (found []*fragment) {
	for _, of := range b.fragments {
		i, _ := slices.BinarySearchFunc(of, &fragment{owner: id}, compareFragments)
		for ; i < len(of) && of[i].owner == id; i++ {
			found = append(found, of[i])
		}
	}
	return found
}

// dropFragments drops fragments without a live message.
func (b *archive) dropFragments(f *fold) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range f.fragments {
		f.changes.drop(at.record())
		b.generations.count(at, -1)
		of := b.fragments[at.segment]
		if i, ok := slices.BinarySearchFunc(of, at, compareFragments); ok {
			of = slices.Delete(of, i, i+1)
		}
		if b.fragments[at.segment] = of; len(of) == 0 {
			delete(b.fragments, at.segment)
		}
	}
}

func appendTop(b []byte, top uint64) []byte { return binary.LittleEndian.AppendUint64(b, top) }

func parseTop(b []byte) (top uint64, ok bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}
