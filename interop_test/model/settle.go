package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// settle is basic.ack, basic.nack and basic.reject. In a transaction they take
// effect at its end, but the tags are taken at once (TX-08, TX-09).
func (ch *channel) settle(tag uint64, multiple, requeue bool) *refusal {
	ds, r := ch.takeUnsettled(tag, multiple)
	if r != nil {
		return r
	}
	if ch.tx {
		ch.hold(ds, requeue)
		return nil
	}
	ch.carryOutSettle(ds, requeue)
	return nil
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
func (ch *channel) carryOutSettle(ds []*delivery, requeue bool) {
	for _, group := range byConsumer(ds) {
		if k := group[0].consumer; k != nil {
			k.unsettled -= len(group)
		}
		ch.unblock()
		if requeue { // else ACK-08
			giveBack(group)
		}
		ch.conn.world.dispatch()
	}
	for _, d := range ds {
		if d.consumer != nil && ch.limit > 0 && ch.volume > 0 { // QOS-08, QOS-09
			ch.volume--
		}
	}
	ch.unblock()
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
// their queue has gone (QOP-20).
func giveBack(ds []*delivery) {
	for _, d := range ds {
		q, e := d.queue, d.entry
		if q.deleted {
			continue
		}
		e.onDisk = false
		e.redelivered = q.world.wrong != "what comes back is not marked"
		i := 0
		for i < len(q.ready) && (q.ready[i].position < e.position || q.world.wrong == "what comes back goes last") {
			i++
		}
		q.ready = slices.Insert(slices.Clone(q.ready), i, e)
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
	ch.carryOutSettle(all, true)
	return nil
}
