package storage

import (
	"cmp"
	"maps"
	"slices"
)

// limit writes what was collected if it is much. It is called between groups:
// only with the last of a group it is known which of its messages are shared,
// and the fragments of those must not overlap. That the index then has parts of
// a segment that is not covered does no harm: what is said of messages and
// entities is said again when the segment is replayed.
func (c *checkpoint) limit() error {
	if c.items < pieceItems && c.touched < pieceItems && c.changes.size < indexBatch {
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	return c.archive.fold(&c.changes, c, nil)
}

// flush writes the items that were collected: fragments first, then the blocks
// that name them.
func (c *checkpoint) flush() error {
	b := c.archive
	if c.items == 0 {
		return nil
	}
	fragments, err := c.writeFragments()
	if err != nil {
		return err
	}
	if err := b.writer.flush(); err != nil {
		return err
	}
	var list changes
	b.noteComplete(&list)
	for _, f := range fragments {
		list.put(f.record(), f.append(nil))
	}
	for _, id := range slices.Sorted(maps.Keys(c.queues)) {
		for items := range slices.Chunk(c.queues[id].items, blockLimit) {
			list.put(recordKey{recordBlock, id, items[0].Seq}, encodeBlock(items))
			list.count(len(items))
		}
	}
	if err := b.awaitSpace(); err != nil {
		return err
	}
	if err := b.index.apply(&list, nil); err != nil {
		return err
	}
	c.publish(fragments)
	return nil
}

// writeFragments writes the bytes of the items that were collected.
func (c *checkpoint) writeFragments() ([]*fragment, error) {
	var all []*fragment
	var shared []blob
	var err error
	for _, id := range slices.Sorted(maps.Keys(c.queues)) {
		own := make([]blob, 0, len(c.queues[id].items))
		for i := range c.queues[id].items {
			it := &c.queues[id].items[i]
			at := blob{uint32(it.Place.offset()), blobHead + it.Size}
			if _, it.shared = c.shared[it.Place]; it.shared {
				shared = append(shared, at)
			} else {
				own = append(own, at)
			}
		}
		if all, err = c.cut(all, id, own); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(shared, func(a, b blob) int { return cmp.Compare(a.offset, b.offset) })
	return c.cut(all, 0, slices.Compact(shared))
}

// cut writes the messages of an owner as fragments.
func (c *checkpoint) cut(all []*fragment, owner uint64, blobs []blob) ([]*fragment, error) {
	for len(blobs) > 0 {
		n, size := 0, int64(fragmentHead)
		for n < len(blobs) {
			size += int64(blobs[n].length) + fragmentEntry
			if n > 0 && size > fragmentSize {
				break
			}
			n++
		}
		f, err := c.archive.writer.write(c.segment, owner, blobs[:n])
		if err != nil {
			return nil, err
		}
		all, blobs = append(all, f), blobs[n:]
	}
	return all, nil
}

// publish notes what was written.
func (c *checkpoint) publish(fragments []*fragment) {
	b := c.archive
	for _, f := range fragments {
		b.publish(f)
		b.generations.count(f, 1)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, q := range c.queues {
		for items := range slices.Chunk(q.items, blockLimit) {
			b.addBlock(id, items)
		}
		q.items = nil
	}
	c.items = 0
}

// addBlock notes a block with items that are all live. b.mu is held.
func (b *archive) addBlock(queue uint64, items []blockItem) {
	k := block{first: items[0].Seq, last: items[len(items)-1].Seq, count: len(items), live: len(items)}
	for i := range items {
		k.bytes += int64(items[i].Size)
		b.lookup(queue, &items[i]).live++
		k.shared = k.shared || items[i].shared
	}
	q := b.queue(queue)
	q.blocks = append(q.blocks, k)
	b.live += int64(k.live)
	b.liveBytes += k.bytes
	b.settled += int64(q.settled.count(Range{k.first, k.last}))
	if q.deleted {
		b.settled += int64(k.live)
	}
}

// noteTops notes how far the queues have come with the segment.
func (c *checkpoint) noteTops() {
	b := c.archive
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(c.queues)) {
		q := b.queue(id)
		if top := c.queues[id].top; top > q.top && !q.deleted {
			q.top = top
			c.changes.put(recordKey{kind: recordQueue, a: id}, appendTop(nil, top))
		}
	}
}
