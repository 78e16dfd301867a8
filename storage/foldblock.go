package storage

import "slices"

// block folds what has happened to messages of a block.
func (f *fold) block(id uint64, k *block, settled *seqSet, requeues []requeue) error {
	requeues = within(requeues, k)
	if len(requeues) == 0 && settled.count(Range{k.first, k.last}) == 0 {
		return nil
	}
	b := f.archive
	items, dead, err := b.readBlock(id, k)
	if err != nil {
		return err
	}
	before := k.live
	for i := range items {
		if it := &items[i]; !bit(dead, i) && settled.has(it.Seq) {
			setBit(dead, i)
			f.release(id, k, it)
		}
	}
	switch {
	case k.live == 0:
		f.changes.dropBlock(id, k.first, before)
		return nil
	case k.live < before:
		f.changes.put(recordKey{recordSettled, id, k.first}, dead)
		f.changes.count(k.live - before)
	}
	if giveBack(items, requeues) {
		f.changes.put(recordKey{recordBlock, id, k.first}, encodeBlock(items))
	}
	return nil
}

// release notes that an item of a block is settled.
func (f *fold) release(queue uint64, k *block, it *blockItem) {
	b := f.archive
	b.mu.Lock()
	b.live--
	b.liveBytes -= int64(it.Size)
	b.mu.Unlock()
	k.live--
	k.bytes -= int64(it.Size)
	at := b.lookup(queue, it)
	if at.live--; at.live == 0 {
		f.fragments = append(f.fragments, at)
	}
}

// within returns those of a list that are about a block.
func within(requeues []requeue, k *block) (of []requeue) {
	for _, r := range requeues {
		if r.seq >= k.first && r.seq <= k.last {
			of = append(of, r)
		}
	}
	return of
}

// giveBack notes on items that they were given back, and tells whether any was.
func giveBack(items []blockItem, requeues []requeue) (any bool) {
	for _, r := range requeues {
		if i, ok := slices.BinarySearchFunc(items, r.seq, compareSeq); ok {
			items[i].Deliveries, items[i].Redelivered = r.deliveries, true
			any = true
		}
	}
	return any
}

// readBlock reads the items of a block and the bits of those that are settled.
func (b *archive) readBlock(id uint64, k *block) (items []blockItem, dead []byte, err error) {
	at := recordKey{recordBlock, id, k.first}
	value, err := b.index.get(at)
	if err != nil {
		return nil, nil, err
	}
	if items, err = decodeBlock(nil, value); err != nil {
		return nil, nil, corrupt(b.index.dir, "block %d/%d: %v", id, k.first, err)
	}
	if k.live == k.count {
		return items, make([]byte, bitmapSize(len(items))), nil
	}
	dead, err = b.index.get(recordKey{recordSettled, id, k.first})
	if err == nil && len(dead) != bitmapSize(len(items)) {
		err = corrupt(b.index.dir, "the settled messages of block %d/%d make no sense", id, k.first)
	}
	return items, dead, err
}
