package broker

import (
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// settling is the settling of messages of a queue that are stored: in as few
// ranges as may be, with the confirms of what was not yet durable. It is used
// with q.mu held and a unit open.
type settling struct {
	queue *queue
	seqs  storage.Range
	some  bool // there is something in seqs
	tx    bool // it is of a commit, which may not become durable: nothing is confirmed before
	early early
}

// add settles a message, if it is stored: one that is on disk may be.
func (s *settling) add(e *entry) {
	if s.join(e) && e.message != nil && !s.tx {
		s.early.settled(e.message)
	}
}

// join does it without confirming anything to anybody; false if the message is
// not stored, or never was in the queue.
func (s *settling) join(e *entry) bool {
	if q := s.queue; q.stored == nil || e.message != nil && !q.stores(e.message) || e.seq == 0 {
		return false
	}
	if s.some && s.seqs.To+1 == e.seq {
		s.seqs.To = e.seq
	} else {
		s.flush()
		s.seqs, s.some = storage.Range{From: e.seq, To: e.seq}, true
	}
	return true
}

func (s *settling) flush() {
	if s.some {
		s.queue.stored.Settle(s.seqs)
	}
}

// end carries out what is left.
func (s *settling) end() {
	s.flush()
	s.early.flush()
}

// early gathers the confirms of messages that are settled before they are
// durable: whoever they were for has them (CONF-11, CONF-12).
type early struct {
	confirms *confirms // nil: there are none
	from, to uint64
}

// settled notes that one of the queues which store a message has settled it.
func (e *early) settled(m *message) {
	if m.confirms != nil && m.stored.Place() == 0 && m.left.Add(-1) == 0 {
		e.add(m.confirms, m.tag)
	}
}

func (e *early) add(c *confirms, tag uint64) {
	if e.confirms == c && e.to+1 == tag {
		e.to = tag
		return
	}
	e.flush()
	*e = early{c, tag, tag}
}

// flush confirms what was gathered.
func (e *early) flush() {
	if e.confirms != nil {
		e.confirms.Durable(e.from, e.to)
		e.confirms = nil
	}
}

// storeDealt tells the store what has become of the messages that q.items were
// dealt to q.playing: of the run r, or if that is nil ready ones.
func (q *queue) storeDealt(r *run) {
	if r == nil && !slices.ContainsFunc(q.playing, func(k *consumer) bool { return k.noAck }) {
		return
	}
	s := settling{queue: q}
	for i := range q.items {
		it, noAck := &q.items[i], q.playing[i%len(q.playing)].noAck
		switch {
		case r == nil && noAck:
			s.add(&it.entry)
		case r == nil:
		case noAck:
			r.settled(it.i, q, &s.early)
		default:
			q.append(&it.entry)
		}
	}
	s.end()
}

// append stores a message, if it is to be.
func (q *queue) append(e *entry) {
	if q.stores(e.message) {
		q.stored.Append(storage.Item{
			Seq: e.seq, Head: uint32(e.message.head()), Expires: e.expires, Priority: e.priority, Deliveries: e.deliveries, Redelivered: e.redelivered,
		}, e.message)
	}
}

// forgetReady has the store forget all that is ready. q.mu is held and a unit
// is open.
func (q *queue) forgetReady() {
	if q.stored == nil {
		return
	}
	q.ready.ranges(q.stored.Settle)
	var e early
	q.ready.resident(func(m *message) {
		if q.stores(m) {
			e.settled(m)
		}
	})
	e.flush()
}
