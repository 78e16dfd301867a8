package broker

import (
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// idling is what deletes a queue that is not used (EXP-01). q.mu guards it.
type idling struct {
	timer amqp.Timer // nil: never armed so far
	since time.Time  // when the queue was used last
}

// use notes that the queue is used: it is declared, got from, or left by its
// last consumer (EXP-02, EXP-04); or that its settings have changed (EXP-07).
func (q *queue) use() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used()
}

// used does it with q.mu held.
func (q *queue) used() {
	i := &q.idling
	if i.timer != nil {
		i.timer.Stop()
	}
	if q.settings.expires == unset || q.asleep || q.deleted {
		return
	}
	i.since = q.vhost.clock.Now()
	if i.timer == nil {
		i.timer = q.vhost.clock.AfterFunc(q.lease(), q.retire)
	} else {
		i.timer.Reset(q.lease())
	}
}

// idled is how long the queue has not been used.
func (q *queue) idled() time.Duration { return q.vhost.clock.Now().Sub(q.idling.since) }

// lease is how long the queue stays without being used.
func (q *queue) lease() time.Duration { return time.Duration(q.settings.expires) * time.Millisecond }

// retire deletes the queue with what is in it (EXP-05, EXP-08), unless it was
// used meanwhile.
func (q *queue) retire() {
	_, _ = q.vhost.deleteQueue(q, func(q *queue) error {
		if q.asleep || len(q.consumers) > 0 || q.settings.expires == unset || q.idled() < q.lease() {
			return errKept
		}
		return nil
	})
}

// rise has a queue that was recovered begin: what has expired meanwhile dies
// (TTL-08), the time without use begins (EXP-06), and what was delayed goes on.
func (q *queue) rise() {
	q.enter()
	defer q.leave()
	if q.delays != nil {
		q.awaitDue()
		return
	}
	q.used()
	q.dispatch()
}

// sleep stops the timers of the queue for good. Those that have fired do
// nothing any more when it returns: a deletion that has begun is over.
func (q *queue) sleep() {
	q.mu.Lock()
	q.asleep = true
	q.still()
	q.mu.Unlock()
	q.moving.Lock()
	defer q.moving.Unlock()
}

// still stops the timers of the queue.
func (q *queue) still() {
	for _, t := range []amqp.Timer{q.expiry.timer, q.idling.timer, q.dying.again} {
		if t != nil {
			t.Stop()
		}
	}
}
