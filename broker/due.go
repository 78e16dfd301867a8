package broker

import (
	"cmp"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// delays are the messages that wait in a delayed exchange. The timer of their
// queue, set for the first of them alone, asks the undertaker, who hands on what
// is due, batch after batch.
type delays struct {
	exchange *namedExchange // immutable
	calendar calendar       // q.mu of the queue
}

const (
	// dueLen is how many messages go on in one unit, and dueSize about how many
	// bytes.
	dueLen  = 256
	dueSize = 1 << 20
)

// awaitDue sets the timer for the first message, unless the undertaker is asked
// anyway. q.mu is held.
func (q *queue) awaitDue() {
	c := &q.delays.calendar
	if !q.dying.asked && c.len() > 0 && c.next() != q.expiry.due {
		q.rouse(c.next())
	}
}

// dueTurn hands on the first of what is due; more tells that there may be more.
func (b *burial) dueTurn(q *queue) (more bool) {
	batch := q.takeDue()
	if batch == nil {
		return false
	}
	v := q.vhost
	if err := q.bodies(batch); err != nil {
		if !q.isDeleted() {
			v.pager.fail(err)
		}
		return true
	}
	var size int64
	for i := range batch {
		size += int64(batch[i].Size)
	}
	if v.store != nil {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	b.rest(v, size, q.handOnDue(batch))
	return true
}

// takeDue removes messages that are due. If there are none, the undertaker will
// be asked when there are.
func (q *queue) takeDue() (batch []appointment) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.asleep && q.vhost.failed.Err() == nil {
		batch = q.delays.calendar.take(q.now(), dueLen, dueSize)
	}
	if batch == nil {
		q.dying.asked = false
		q.awaitDue()
	}
	q.weigh()
	return batch
}

// isDeleted tells whether what waited has been dropped: then there is nothing
// wrong if it cannot be read.
func (q *queue) isDeleted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.deleted
}

// handOnDue routes messages that were due, and forgets them in the unit in which
// other queues get them: so a crash neither loses nor doubles one. No lock is
// held.
func (q *queue) handOnDue(batch []appointment) (g storage.Group) {
	q.vhost.begin()
	defer func() { g = q.vhost.end() }()
	f := forwarding{vhost: q.vhost, from: q.delays.exchange}
	for i := range batch {
		f.add(batch[i].message.onward(), nil)
	}
	f.flush()
	q.settleDue(batch)
	return g
}

// settleDue has the store forget messages, and confirms nothing: what becomes of
// them is not durable yet.
func (q *queue) settleDue(batch []appointment) {
	if q.stored == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return
	}
	s := settling{queue: q}
	slices.SortFunc(batch, func(a, b appointment) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range batch {
		s.join(&entry{seq: batch[i].Seq, message: batch[i].message})
	}
	s.end()
}
