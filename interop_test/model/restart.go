package model

import (
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// restart is how a broker ends before it begins again.
type restart string

const (
	stays   restart = ""
	stopped restart = "restart"      // it told its clients, and wrote down all there was to say
	killed  restart = "kill restart" // it had no time for that, but all that was confirmed had been written
)

// forced is what clients are told when the broker stops (CTL-07).
var forced = &amqp.ConnectionClose{
	ReplyCode: 320, ReplyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
}

// Restart is what is left when the broker has ended and begun again, and what
// one connection was told of that; the others had left before.
func (ws worlds) Restart(how restart, witness string, ended, began time.Time, came inbox) (worlds, string) {
	now := time.Now()
	return ws.try(came, func(w *world) {
		w.advance(ended)
		if c := w.conn(witness); how == stopped {
			c.end()
			c.emit(0, forced, nil)
		}
		w.now = began
		if w.wrong != "what is known survives" {
			w.known = nil
		}
		if w.memory {
			w.exchanges, w.queues, w.bindings, w.policies, w.late = newWorld().exchanges, nil, nil, nil, nil
		} else {
			w.recover(how)
		}
		w.rest()
		w.advance(now)
		w.finish()
		w.conns = nil
	})
}

// recover keeps what is durable (DUR-01 to DUR-07, DUR-13).
func (w *world) recover(how restart) {
	held := w.held()
	if w.wrong == "policies do not survive" {
		w.policies = nil
	}
	w.forget(func(l late) bool {
		return !l.exchange.durable || !l.message.persistent || w.wrong == "what is delayed does not survive"
	})
	w.exchanges = slices.DeleteFunc(w.exchanges, func(x *exchange) bool { return !x.durable })
	w.queues = slices.DeleteFunc(w.queues, func(q *queue) bool { return !q.durable })
	w.bindings = slices.DeleteFunc(w.bindings, func(b binding) bool { return !w.keeps(b) })
	for _, q := range w.queues {
		if w.wrong != "what is known survives" {
			q.known = nil
		}
		q.consumers, q.passed, q.active, q.loose, q.used = nil, nil, nil, w.batches, w.now
		q.ready = append(slices.Clone(q.ready), held[q]...)
		q.stale() // nobody is there who could wait for what has just come (TTL-03)
		if w.wrong == "a queue returns empty" {
			q.ready = nil
		}
		q.ready = slices.DeleteFunc(q.ready, func(e entry) bool {
			return !e.message.persistent && !q.keepsAll() && w.wrong != "every message is persistent"
		})
		for i := range q.ready {
			q.ready[i].position, q.ready[i].first = q.ready[i].place, false
			q.ready[i].rank = q.rank(q.ready[i].message, w.now)
		}
		if w.wrong != "what was delivered comes back last" {
			slices.SortFunc(q.ready, func(a, b entry) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
		}
		for _, e := range q.ready {
			if q.failed(e) { // a policy came after it had
				q.die(e.message, "delivery_limit")
			}
		}
		q.ready = slices.DeleteFunc(q.ready, q.failed)
		q.trim() // before anything expires
		for i := range q.ready {
			q.ready[i].onDisk = true
			q.ready[i].doubtful = q.ready[i].doubtful || how == killed
			q.ready[i].redelivered = q.ready[i].redelivered && w.wrong != "a restart forgets what was delivered"
		}
	}
}

// held are the deliveries that are not settled, as they come back.
func (w *world) held() map[*queue][]entry {
	held := map[*queue][]entry{}
	for _, c := range w.conns {
		for _, ch := range c.channels {
			all := ch.unsettled
			for _, s := range ch.settles {
				all = append(all, s.deliveries...)
			}
			for _, d := range all {
				d.redelivered = true
				held[d.queue] = append(held[d.queue], d.entry)
			}
		}
		c.ended, c.channels, c.in = true, nil, nil
	}
	return held
}

// reads tells whether a message may have to be read from a disk. Nobody knows then
// whether what comes next in a batch is before that or after it.
func (w *world) reads() bool {
	return slices.ContainsFunc(w.queues, func(q *queue) bool {
		return slices.ContainsFunc(q.ready, func(e entry) bool { return e.onDisk })
	})
}

// keeps tells whether both ends of a binding are durable (DUR-03).
func (w *world) keeps(b binding) bool {
	switch {
	case w.wrong == "bindings do not survive":
		return false
	case b.queue != nil:
		return b.source.durable && b.queue.durable
	}
	return b.source.durable && b.exchange.durable
}

// flag is the redelivered flag that a channel sees now. Where it may be set too
// often, the frames tell: after a kill, nobody knows what had been delivered.
func (e entry) flag(ch *channel) bool {
	if !e.doubtful || e.redelivered {
		return e.redelivered
	}
	ch.skipConfirms()
	if in := ch.conn.in[ch.id]; len(in) > 0 {
		switch m := in[0].method().(type) {
		case *amqp.BasicDeliver:
			return m.Redelivered
		case *amqp.BasicGetOk:
			return m.Redelivered
		}
	}
	return false
}
