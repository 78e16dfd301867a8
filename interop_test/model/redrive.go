package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// Redrive brings back those of the first messages, so many, to the queues where
// they died last; 0: all. What has not died, or leads nowhere, stays, and so does what is refused; what has expired dies.
func (ws worlds) Redrive(queue string, count, moved int, came inbox) (worlds, string) {
	return ws.happen(came, func(w *world) {
		q, n, seen := w.queue(queue), 0, 0
		for _, e := range slices.Clone(q.ready) {
			if seen == count && count > 0 {
				break
			}
			if e.over(w.now) {
				q.remove(e)
				q.die(e.message, "expired")
				continue
			}
			if seen++; w.redrive(e.message) {
				n++
				q.remove(e)
			}
			w.dispatch()
			w.trim()
			w.meanwhile()
		}
		if n != moved {
			disagree("%d messages of %s came back, want %d", moved, queue, n)
		}
		w.rest()
	})
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

// remove takes an entry away that is ready.
func (q *queue) remove(e entry) {
	q.ready = slices.DeleteFunc(slices.Clone(q.ready), func(other entry) bool { return other.position == e.position && other.first == e.first })
}
