package storage

import "slices"

// Queue is a queue of messages. Its methods are called with the lock of its
// owner held and a unit open.
type Queue struct {
	id       uint64
	db       *DB
	listed   bool // it is in DB.pending.queues
	gathered queueChange
}

// queueChange is what a group changes of one queue.
type queueChange struct {
	id       uint64
	appended []appended // ascending by Seq
	settled  []Range    // in the order in which it happened; of earlier groups
	requeued []requeue  // likewise; of any group up to this one
	deleted  bool       // the queue has gone, with all of its messages
	live     int        // appended messages that are not nil
	size     int64      // bytes of them
}

// appended is a message that a group appends, unless it is nil: then it was
// settled meanwhile.
type appended struct {
	Item
	shared  bool // the bytes are written for another queue already
	message Message
}

// requeue notes that a message was given back.
type requeue struct {
	seq        uint64
	deliveries uint16
}

// Queue returns the queue with an id. Each must be asked for once.
func (db *DB) Queue(id uint64) *Queue {
	return &Queue{id: id, db: db, gathered: queueChange{id: id}}
}

// ID is the id of the queue.
func (q *Queue) ID() uint64 { return q.id }

// Append adds a message behind all others. it.Place and it.Size are ignored.
func (q *Queue) Append(it Item, m Message) {
	it.Size = uint32(m.Size())
	q.db.backlog.Add(int64(it.Size))
	q.gathered.live++
	q.gathered.size += int64(it.Size)
	q.gathered.appended = append(q.gathered.appended, appended{Item: it, message: m})
	q.list()
}

// Settle forgets messages: they never come back. Those that were not appended
// are none, and a range may be empty.
func (q *Queue) Settle(r Range) {
	if r.From > r.To {
		return
	}
	c := &q.gathered
	if len(c.appended) > 0 && r.To >= c.appended[0].Seq {
		q.elide(r)
		if r.From >= c.appended[0].Seq {
			return
		}
		r.To = c.appended[0].Seq - 1
	}
	if last := len(c.settled) - 1; last >= 0 && r.From > 0 && c.settled[last].To == r.From-1 {
		c.settled[last].To = r.To
		return
	}
	c.settled = append(c.settled, r)
	q.list()
}

// elide takes back what was appended and not yet taken by the committer.
func (q *Queue) elide(r Range) {
	a := q.gathered.appended
	for i := find(a, r.From); i < len(a) && a[i].Seq <= r.To; i++ {
		if a[i].message != nil {
			a[i].message = nil
			q.gathered.live--
			q.gathered.size -= int64(a[i].Size)
			q.db.backlog.Add(-int64(a[i].Size))
		}
	}
}

// Requeued notes that a message was given back for the given time.
func (q *Queue) Requeued(seq uint64, deliveries uint16) {
	c := &q.gathered
	if i := find(c.appended, seq); i < len(c.appended) && c.appended[i].Seq == seq {
		c.appended[i].Deliveries, c.appended[i].Redelivered = deliveries, true
		return
	}
	c.requeued = append(c.requeued, requeue{seq, deliveries})
	q.list()
}

// Delete forgets the queue and all of its messages. It is not used any more.
func (q *Queue) Delete() {
	c := &q.gathered
	if len(c.appended) > 0 {
		q.elide(Range{0, c.appended[len(c.appended)-1].Seq})
	}
	c.settled, c.requeued, c.deleted = nil, nil, true
	q.list()
}

// list sees to it that the next group has what the queue gathers.
func (q *Queue) list() {
	if q.listed {
		return
	}
	q.listed = true
	q.db.mu.Lock()
	defer q.db.mu.Unlock()
	q.db.pending.queues = append(q.db.pending.queues, q)
	q.db.pending.wanted = true
}

// find returns the index of the first message from seq on.
func find(a []appended, seq uint64) int {
	if len(a) == 0 || seq <= a[0].Seq {
		return 0
	}
	if i := seq - a[0].Seq; i < uint64(len(a)) && a[i].Seq == seq { // none is missing
		return int(i)
	}
	i, _ := slices.BinarySearchFunc(a, seq, func(x appended, seq uint64) int {
		switch {
		case x.Seq < seq:
			return -1
		case x.Seq > seq:
			return 1
		}
		return 0
	})
	return i
}
