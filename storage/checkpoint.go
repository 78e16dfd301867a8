package storage

import (
	"cmp"
	"slices"
)

// checkpoint is the move of a segment to Badger. It is a visitor of the groups
// of the segment. What it has collected goes to Badger piece by piece; only
// with the last of it, in one transaction, the index says that the segment is
// covered. What an unfinished one has left is ignored.
type checkpoint struct {
	archive *archive
	segment uint32
	queues  map[uint64]*collected
	items   int // collected
	touched int // requeues collected
	highest Place
	maxID   uint64
	shared  map[Place]struct{} // of more than one queue
	changes changes
	gone    []uint64 // queues that were deleted: nothing more will come of them
}

// collected is what a checkpoint knows of a queue.
type collected struct {
	items    []blockItem
	top      uint64
	requeues []requeue // of messages that the index has
}

// pieceItems is how many items are collected, and the rest of a group, before
// they are written.
const pieceItems = 128 << 10

// checkpoint moves a segment to Badger.
func (b *archive) checkpoint(segment uint32) error {
	c := &checkpoint{
		archive: b, segment: segment,
		queues: make(map[uint64]*collected), shared: make(map[Place]struct{}),
	}
	end, err := b.journal.walk(segment, c, c.limit)
	if err == nil {
		err = c.flush()
	}
	if err != nil {
		return err
	}
	c.noteTops()
	end.maxID = max(c.maxID, b.index.meta.maxID)
	return b.fold(&c.changes, c, &end)
}

func (c *checkpoint) put(e Entity) {
	c.maxID = max(c.maxID, e.ID)
	c.changes.put(recordKey{recordEntity, uint64(e.Kind), e.ID}, slices.Clone(e.Value))
}

func (c *checkpoint) drop(kind EntityKind, id uint64) {
	c.maxID = max(c.maxID, id)
	c.changes.drop(recordKey{recordEntity, uint64(kind), id})
}

func (c *checkpoint) message(queue uint64, it Item) {
	q := c.queue(queue)
	q.top = max(q.top, it.Seq)
	if it.Place <= c.highest {
		c.shared[it.Place] = struct{}{}
	} else {
		c.highest = it.Place
	}
	if c.archive.isSettled(queue, it.Seq) {
		return
	}
	q.items = append(q.items, blockItem{Item: it})
	c.items++
}

// isSettled tells whether a message need not move.
func (b *archive) isSettled(queue, seq uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(queue)
	return q.deleted || q.settled.has(seq)
}

// settle has nothing to do: archive.committed has noted it when it happened.
func (c *checkpoint) settle(uint64, Range) {}

func (c *checkpoint) requeue(queue, seq uint64, deliveries uint16) {
	q := c.queue(queue)
	i, found := slices.BinarySearchFunc(q.items, seq, compareSeq)
	if found {
		q.items[i].Deliveries, q.items[i].Redelivered = deliveries, true
		return
	}
	q.requeues = append(q.requeues, requeue{seq, deliveries})
	c.touched++
}

// takeRequeues returns what was given back to a queue, once. A fold alone is
// without a checkpoint, and without any of this.
func (c *checkpoint) takeRequeues(queue uint64) (taken []requeue) {
	if c != nil && c.queues[queue] != nil {
		taken, c.queues[queue].requeues = c.queues[queue].requeues, nil
	}
	return taken
}

func compareSeq(it blockItem, seq uint64) int { return cmp.Compare(it.Seq, seq) }

func (c *checkpoint) deleted(queue uint64) {
	c.maxID = max(c.maxID, queue)
	c.gone = append(c.gone, queue)
}

func (c *checkpoint) queue(id uint64) *collected {
	q := c.queues[id]
	if q == nil {
		q = new(collected)
		c.queues[id] = q
		c.maxID = max(c.maxID, id)
	}
	return q
}
