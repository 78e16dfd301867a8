package model

import (
	"slices"
	"strconv"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// advance is time that passes: what is due happens in its order, and all that
// follows from it before time goes on.
func (w *world) advance(to time.Time) {
	for at := w.nextDue(); !at.IsZero() && !at.After(to); at = w.nextDue() {
		if at.After(w.now) {
			w.now = at
		}
		w.hesitate(w.due())
		if late := w.nextLate(); !late.IsZero() && !late.After(w.now) && (len(w.due()) == 0 || w.choose(2) == 0) {
			w.release()
			w.dispatch()
			w.trim()
			w.meanwhile()
			continue
		}
		for due := w.due(); len(due) > 0; due = w.due() {
			w.hesitate(due)
			due[w.choose(len(due))].lapse()
			w.dispatch()
			w.meanwhile()
		}
		w.hesitate(nil)
		w.rest()
	}
	w.now = to
}

// hesitate has queues wait for their turn, of those in which something is due at
// the same millisecond: what comes from one may come to another one before.
func (w *world) hesitate(queues []*queue) {
	for _, q := range w.queues {
		q.hesitates = slices.Contains(queues, q)
	}
}

// nextDue is when something happens by itself; zero if nothing will.
func (w *world) nextDue() (first time.Time) {
	first = w.nextLate()
	for _, q := range w.queues {
		if at := q.due(); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (w *world) due() []*queue {
	return slices.DeleteFunc(slices.Clone(w.queues), func(q *queue) bool {
		at := q.due()
		return at.IsZero() || at.After(w.now)
	})
}

// due is when the first message expires (TTL-02), or the queue does.
func (q *queue) due() (at time.Time) {
	if len(q.ready) > 0 {
		at = q.ready[0].expires
	}
	if n, ok := q.number("expires"); ok && len(q.consumers) == 0 && q.world.wrong != "queues do not expire" {
		if end := q.used.Add(time.Duration(n) * time.Millisecond); at.IsZero() || end.Before(at) {
			at = end
		}
	}
	return at
}

// lapse is what is due in a queue. One that was not used is deleted with all that
// is in it (EXP-01, EXP-05, EXP-08).
func (q *queue) lapse() {
	n, expires := q.number("expires")
	if expires && len(q.consumers) == 0 && !q.used.Add(time.Duration(n)*time.Millisecond).After(q.world.now) {
		q.world.deleteQueue(q)
		return
	}
	q.hesitates = false
	q.expire()
}

// expire has the first messages die whose time is over, but for those that have
// just come: somebody may be waiting for them (TTL-03).
func (q *queue) expire() {
	if q.hesitates && !slices.ContainsFunc(q.line(), (*consumer).room) {
		return
	}
	for len(q.ready) > 0 && q.ready[0].over(q.world.now) && !q.ready[0].fresh {
		m := q.ready[0].message
		q.ready = slices.Delete(slices.Clone(q.ready), 0, 1)
		q.die(m, "expired")
	}
}

// stale has nobody wait any more for what has come.
func (q *queue) stale() {
	q.ready = slices.Clone(q.ready)
	for i := range q.ready {
		q.hesitates = q.hesitates && !q.ready[i].fresh
		q.ready[i].fresh = false
	}
}

func (e entry) over(now time.Time) bool { return !e.expires.IsZero() && !e.expires.After(now) }

// lifetime is how long a message lives in a queue: the lower of what both say
// (TTL-01).
func (q *queue) lifetime(m *message) (d time.Duration, mortal bool) {
	n, mortal := q.number("message-ttl")
	p, _ := amqp.Properties(m.properties).Decode()
	if own, err := strconv.Atoi(p.Expiration); err == nil && (!mortal || own < n) && q.world.wrong != "messages do not say when they expire" {
		n, mortal = own, true
	}
	return time.Duration(n) * time.Millisecond, mortal
}

// use notes that a queue is used (EXP-02, EXP-04).
func (q *queue) use() {
	if q.world.wrong != "use does not keep a queue" {
		q.used = q.world.now
	}
}
