package broker

import (
	"errors"

	"github.com/leveretmq/leveret/amqp"
)

// reroute is session.reroute, but a duplicate leads nowhere: to its publisher it
// is a message that came to no queue, as in LavinMQ. In a transaction the commit
// looks for duplicates, and returns them.
//
// Deviates: LavinMQ also takes for a duplicate what came to no queue before, or
// was refused by one.
func (ch *channel) reroute(rt *route, more copies, c *amqp.Content) *route {
	if rt.dedup == nil || ch.tx != nil {
		return ch.session.reroute(rt, more, c)
	}
	id, ok := rt.dedup.identify(c)
	if ok && rt.dedup.drops(id, ch.session.vhost.now()) {
		return &route{origin: rt.origin}
	}
	found := ch.session.reroute(rt, more, c)
	if ok && len(found.queues) == 0 {
		rt.dedup.forget(id)
	}
	found.dedup = rt.dedup
	return found
}

// once publishes a message that the exchange has not had. One that comes to no
// queue, or that a queue has refused, may come again.
func (d *dedup) once(c *amqp.Content, now int64, publish func() (bool, error)) (routed bool, err error) {
	if d == nil {
		return publish()
	}
	id, ok := d.identify(c)
	if ok && d.drops(id, now) {
		return false, nil
	}
	routed, err = publish()
	if ok && (!routed || errors.Is(err, ErrRefused)) {
		d.forget(id)
	}
	return routed, err
}

// deduplicate drops the duplicates among messages that are committed, and calls
// dropped with each.
func (h *heldRun) deduplicate(v *vhost, dropped func(*amqp.Content)) {
	v.mu.RLock()
	x := v.exchanges[h.origin.exchange]
	v.mu.RUnlock()
	if x == nil || x.dedup == nil {
		return
	}
	h.dedup = x.dedup
	h.drop(func(i int) bool {
		id, ok := x.dedup.identify(&h.contents[i])
		if !ok || !x.dedup.drops(id, v.now()) {
			return false
		}
		dropped(&h.contents[i])
		return true
	})
}

// drop drops those of held publishes for which a condition is true.
func (r *run) drop(condition func(i int) bool) {
	n := 0
	for i := range r.contents {
		if condition(i) {
			if r.notes[i].persistent {
				r.persistent--
			}
			continue
		}
		r.contents[n], r.notes[n], r.kept[n] = r.contents[i], r.notes[i], r.kept[i]
		if i < len(r.traits) {
			r.traits[n] = r.traits[i]
		}
		n++
	}
	clear(r.contents[n:])
	clear(r.kept[n:])
	r.contents, r.notes, r.kept = r.contents[:n], r.notes[:n], r.kept[:n]
	r.traits = r.traits[:min(n, len(r.traits))]
}

// isDuplicate drops the i-th publish if the queue has had it. q.mu is held.
func (q *queue) isDuplicate(r *run, i int) bool {
	if q.dedup == nil {
		return false
	}
	id, ok := q.dedup.identify(&r.contents[i])
	if !ok || !q.dedup.drops(id, q.now()) {
		return false
	}
	if q.stored != nil {
		var e early
		r.settled(i, q, &e)
		e.flush()
	}
	return true
}
