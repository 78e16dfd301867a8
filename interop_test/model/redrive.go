package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// Redrive brings back those of the first messages, so many, to the queues where
// they died last; 0: all. What has not died, or leads nowhere, stays, and so does what is refused; what has expired dies.
func (ws worlds) Redrive(queue string, count, moved int, came inbox) (worlds, string) {
	return ws.happen(came, func(w *world) {
		q, n := w.queue(queue), 0
		var stay []entry
		for _, e := range q.takeAway(count) {
			if w.redrive(e.message) {
				n++
			} else {
				stay = append(stay, e)
			}
			w.dispatch()
			w.trim()
			w.meanwhile()
		}
		if n != moved {
			disagree("%d messages of %s came back, want %d", moved, queue, n)
		}
		for _, e := range slices.Backward(stay) {
			q.putBack(e)
		}
		q.trim()
		w.rest()
	})
}

// takeAway takes so many messages away that are ready, or all if that is 0, but for
// those whose time is over: these die.
func (q *queue) takeAway(count int) (taken []entry) {
	if count == 0 {
		count = len(q.ready)
	}
	for ; count > 0 && len(q.ready) > 0; count-- {
		e := q.ready[0]
		q.ready = slices.Clone(q.ready[1:])
		if e.over(q.world.now) {
			q.die(e.message, "expired")
		} else {
			taken = append(taken, e)
		}
	}
	return taken
}

// putBack puts a message back that was taken away: in a quorum queue before all that
// has come back, and will.
func (q *queue) putBack(e entry) {
	if q.quorum() && !q.grouped() {
		e.position, e.first = -1, true
		if len(q.ready) > 0 {
			e.position = min(e.position, q.ready[0].position-1)
		}
	}
	q.put(e)
}

// redrive brings a message back as it was before its last death, but for that and
// the time that it had to live.
func (w *world) redrive(m *message) (moved bool) {
	p, _ := amqp.Properties(m.properties).Decode()
	v, _ := p.Headers.Get("x-death")
	deaths, _ := v.(amqp.Array)
	if len(deaths) == 0 || w.wrong == "what died never comes back" {
		return false
	}
	letter := *m
	last := deaths[0].(amqp.Table)
	letter.exchange, letter.key, letter.hidden = word(last, "exchange"), copies(last, "routing-keys")[0], nil
	p.Expiration = ""
	letter.properties = p.Append(nil)
	q := w.queue(word(last, "queue"))
	if q == nil || q.refuses(&letter) { // which is no death
		return false
	}
	return q.accept(&letter)
}
