package storage

// archiveQueue is a queue as its checkpoints see it.
type archiveQueue struct {
	settled seqSet // what the index does not know of
	low     uint64 // everything below is settled, and the index knows
	top     uint64 // the highest number that a covered segment had
	last    uint64 // the highest number that was appended
	deleted bool
	spans   []span // its messages in the journal, ascending

	// Owned by the goroutine of run.
	blocks []block // ascending
}

// span are the messages of a queue in a segment of the journal.
type span struct {
	segment     uint32
	first, last uint64
	live        int // about; a settled range may have numbers that were never used
}

// alive is how many messages of a segment are not settled, about.
type alive struct {
	segment uint32
	live    int
}

// committed notes what a durable group has changed. It does no I/O.
func (b *archive) committed(g *group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range g.queues {
		c := &g.queues[i]
		q := b.queue(c.id)
		for k := range c.appended {
			if c.appended[k].message != nil {
				b.append(q, &c.appended[k].Item)
			}
		}
		for _, r := range c.settled {
			b.settleRange(q, r)
		}
		if c.deleted {
			b.deleteQueue(q)
		}
	}
	b.noteDue()
}

// queue returns what is known of a queue. b.mu is held.
func (b *archive) queue(id uint64) *archiveQueue {
	q := b.queues[id]
	if q == nil {
		q = new(archiveQueue)
		b.queues[id] = q
	}
	return q
}

// append notes that a message was journaled. b.mu is held.
func (b *archive) append(q *archiveQueue, it *Item) {
	if q.last == 0 && q.low == 0 {
		q.low = it.Seq
	}
	q.last = max(q.last, it.Seq)
	segment := it.Place.segment()
	if n := len(q.spans); n == 0 || q.spans[n-1].segment != segment {
		q.spans = append(q.spans, span{segment: segment, first: it.Seq})
	}
	in := &q.spans[len(q.spans)-1]
	in.last = it.Seq
	in.live++
	if n := len(b.alive); n == 0 || b.alive[n-1].segment != segment {
		b.alive = append(b.alive, alive{segment: segment})
	}
	b.alive[len(b.alive)-1].live++
}

// settleRange notes that messages of a queue are settled. What cannot be of use
// is left out of the range, which may be much larger than the queue. b.mu is
// held.
func (b *archive) settleRange(q *archiveQueue, r Range) {
	if r = (Range{max(r.From, q.low), min(r.To, q.last)}); q.deleted || r.From > r.To {
		return
	}
	if r.From <= q.top {
		b.settled += int64(q.settled.add(Range{r.From, min(r.To, q.top)}))
	}
	for i := range q.spans {
		in := &q.spans[i]
		if part := (Range{max(r.From, in.first, q.top+1), min(r.To, in.last)}); part.From <= part.To {
			b.died(in, q.settled.add(part))
		}
	}
}

// died notes that messages of a span are of no use any more. b.mu is held.
func (b *archive) died(in *span, n int) {
	in.live -= n
	for i := range b.alive {
		if b.alive[i].segment == in.segment {
			b.alive[i].live -= n
			return
		}
	}
}

// spent tells whether no message of a segment needs to be kept. b.mu is held.
func (b *archive) spent(segment uint32) bool {
	for _, a := range b.alive {
		if a.segment == segment {
			return a.live <= 0
		}
	}
	return true
}

// deleteQueue notes that a queue has gone. b.mu is held.
func (b *archive) deleteQueue(q *archiveQueue) {
	q.deleted, q.settled = true, seqSet{}
	for i := range q.blocks {
		b.settled += int64(q.blocks[i].live)
	}
	for i := range q.spans {
		b.died(&q.spans[i], q.spans[i].live)
	}
}

// archive is told of the groups that the journal still has when it is opened.
func (b *archive) put(Entity)                     {}
func (b *archive) drop(EntityKind, uint64)        {}
func (b *archive) requeue(uint64, uint64, uint16) {}

func (b *archive) message(queue uint64, it Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(b.queue(queue), &it)
}

func (b *archive) settle(queue uint64, r Range) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settleRange(b.queue(queue), r)
}

func (b *archive) deleted(queue uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deleteQueue(b.queue(queue))
}

// foldBytes is how many bytes of settled messages Badger may have before that
// is worth a fold of its own.
const foldBytes = 32 << 20

// foldDue tells whether much of what Badger has, or all of it, is settled. b.mu
// is held.
func (b *archive) foldDue() bool {
	return b.live > 0 && b.settled > 0 &&
		(b.settled >= b.live || b.settled*(b.liveBytes/b.live+1) >= foldBytes)
}

// noteDue wakes the goroutine of run if there is something to do. b.mu is held.
func (b *archive) noteDue() {
	spent := len(b.alive) > 1 && b.alive[0].live <= 0
	if !b.due && (spent || b.foldDue()) {
		b.due = true
		b.changed.Broadcast()
	}
}
