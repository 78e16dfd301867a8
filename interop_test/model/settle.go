package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// settle is basic.ack, basic.nack and basic.reject. In a transaction they take
// effect at its end, but the tags are taken at once (TX-08, TX-09).
func (ch *channel) settle(tag uint64, multiple bool, v verdict) *refusal {
	ds, r := ch.takeUnsettled(tag, multiple)
	if r != nil {
		return r
	}
	if ch.tx {
		ch.hold(ds, v)
		return nil
	}
	ch.carryOutSettle(ds, v)
	return nil
}

// verdict is what is to become of deliveries.
type verdict string

const (
	acked    verdict = "ack"
	requeued verdict = "requeue" // ACK-09
	rejected verdict = "reject"  // ACK-08
	buried   verdict = "bury"    // was rejected before
)

func refusing(requeue bool) verdict {
	if requeue {
		return requeued
	}
	return rejected
}

// takeUnsettled is ACK-01 to ACK-07.
func (ch *channel) takeUnsettled(tag uint64, multiple bool) (taken []*delivery, _ *refusal) {
	known := slices.ContainsFunc(ch.unsettled, func(d *delivery) bool { return d.tag == tag })
	all := multiple && tag == 0
	if !known && !all {
		return nil, refuse(406, "unknown delivery tag %d", tag)
	}
	var rest []*delivery
	for _, d := range ch.unsettled {
		covered := multiple && d.tag < tag && ch.conn.world.wrong != "a multiple acknowledgement is a single one"
		if all || d.tag == tag || covered {
			taken = append(taken, d)
		} else {
			rest = append(rest, d)
		}
	}
	ch.unsettled = rest
	return taken, nil
}

// carryOutSettle settles what one consumer has after what the other has, in the
// order of their tags (CONS-14).
func (ch *channel) carryOutSettle(ds []*delivery, v verdict) {
	groups := byConsumer(ds)
	for i := 0; len(groups) > 0; i++ {
		if i > 0 {
			ch.conn.world.meanwhile()
		}
		var group []*delivery
		group, groups = ch.conn.world.nextGroup(groups, v)
		ch.going = slices.Concat(groups...)
		if k := group[0].consumer; k != nil {
			k.unsettled -= len(group)
		}
		ch.unblock()
		switch v {
		case requeued:
			giveBack(group, false)
		case rejected:
			reject(group)
		case acked, buried:
		}
		ch.conn.world.dispatch()
		ch.conn.world.trim()
	}
	for _, d := range ds {
		if d.consumer != nil && ch.limit > 0 && ch.volume > 0 { // QOS-08, QOS-09
			ch.volume--
		}
	}
	ch.unblock()
	ch.conn.world.dispatch() // before what else a commit settles
}

// nextGroup is what is settled next: in a queue with message groups, whose come back
// first is left open.
func (w *world) nextGroup(groups [][]*delivery, v verdict) (next []*delivery, rest [][]*delivery) {
	i := 0
	if v == requeued && slices.ContainsFunc(groups, func(g []*delivery) bool { return g[0].queue.grouped() }) {
		i = w.choose(len(groups))
	}
	return groups[i], slices.Concat(groups[:i], groups[i+1:])
}

// byConsumer are deliveries in groups of one consumer of one queue.
func byConsumer(ds []*delivery) (groups [][]*delivery) {
	for _, d := range ds {
		i := slices.IndexFunc(groups, func(g []*delivery) bool {
			return g[0].queue == d.queue && g[0].consumer == d.consumer
		})
		if i < 0 {
			groups, i = append(groups, nil), len(groups)
		}
		groups[i] = append(groups[i], d)
	}
	tag := func(g []*delivery) string {
		if g[0].consumer == nil {
			return ""
		}
		return g[0].consumer.tag
	}
	first := func(q *queue) int { return slices.IndexFunc(ds, func(d *delivery) bool { return d.queue == q }) }
	slices.SortStableFunc(groups, func(a, b []*delivery) int {
		return cmp.Or(first(a[0].queue)-first(b[0].queue), strings.Compare(tag(a), tag(b)))
	})
	return groups
}

// giveBack returns deliveries to their positions (ACK-09 to ACK-12), unless
// their queue has gone (QOP-20), or now has too many, whoever could take them
// (LEN-03).
func giveBack(ds []*delivery, lost bool) {
	for _, d := range ds {
		q, e := d.queue, d.entry
		if q.deleted {
			continue
		}
		e.onDisk, e.fresh = false, false
		e.redelivered = q.world.wrong != "what comes back is not marked"
		if q.world.wrong == "what comes back goes last" {
			q.last++
			e.position = q.last
		}
		e.failures++
		if d, mortal := q.lifetime(e.message); mortal && q.world.wrong == "what comes back lives anew" {
			e.expires = q.world.now.Add(d)
		}
		if q.failed(e) {
			q.die(e.message, "delivery_limit")
			continue
		}
		q.put(q.back(e, lost))
	}
	for _, d := range ds {
		d.queue.trim()
	}
}

// failed tells whether a message was given back once too often (QQ-10, LAV-13).
func (q *queue) failed(e entry) bool {
	most, limited := q.number("delivery-limit")
	if q.world.wrong == "one delivery more than the limit" {
		most++
	}
	return limited && e.failures > most
}

// reject has messages die.
func reject(ds []*delivery) {
	for _, d := range ds {
		d.queue.die(d.message, "rejected")
	}
}

// recover is ACK-14 to ACK-17.
func (ch *channel) recover(requeue, reply bool) *refusal {
	if !requeue {
		return refuse(540, "requeue=false")
	}
	if reply { // before the redeliveries
		ch.emit(&amqp.BasicRecoverOk{})
	}
	all := ch.unsettled
	ch.unsettled = nil
	ch.carryOutSettle(all, requeued)
	return nil
}
