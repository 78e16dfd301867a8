package broker

import (
	"cmp"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// ackRange is a run of basic.ack methods from one read that acknowledge
// ascending tags one by one.
type ackRange struct {
	from, to uint64 // none if to is below from or both are 0
}

// Ack implements amqp.Channel: single acknowledgements of ascending tags are
// gathered and settled as a range.
func (ch *channel) Ack(tag uint64, multiple bool) {
	switch {
	case multiple || tag == 0:
		ch.flushAcks()
		if !ch.closed {
			ch.failAck(ch.settle(tag, multiple, acked))
		}
	case ch.acks.to != 0 && ch.acks.to+1 == tag:
		ch.acks.to = tag
	default:
		ch.flushAcks()
		ch.acks = ackRange{tag, tag}
		ch.session.acking = append(ch.session.acking, ch)
	}
}

// flushAcks settles what was gathered.
func (ch *channel) flushAcks() {
	r := ch.acks
	if r.to == 0 || ch.closed {
		return
	}
	ch.acks = ackRange{}
	ch.mu.Lock()
	ds, missing := ch.unacked.takeRange(ch.session.settled[:0], r)
	ch.mu.Unlock()
	ch.finish(ds, acked)
	if missing != 0 {
		ch.failAck(unknownTag(missing))
	}
}

func (ch *channel) failAck(err error) {
	if err != nil {
		ch.session.conn.Fail(ch.id, (&amqp.BasicAck{}).ID(), err)
	}
}

// settle takes deliveries out of the window and acknowledges, requeues or
// rejects them: one, or with multiple all up to it, where tag 0 means all
// there are (ACK-01 to ACK-10).
func (ch *channel) settle(tag uint64, multiple bool, f fate) error {
	ds := ch.session.settled[:0]
	ok := true
	ch.mu.Lock()
	switch {
	case multiple && tag == 0:
		ds = ch.unacked.takeAll(ds)
	case multiple:
		ds, ok = ch.unacked.takeThrough(ds, tag)
	default:
		ds, ok = ch.unacked.take(ds, tag)
	}
	ch.mu.Unlock()
	if !ok {
		return unknownTag(tag)
	}
	ch.finish(ds, f)
	return nil
}

// finish carries out what is to become of deliveries that have left the
// window, or leaves it to the commit (TX-08). It keeps ds as scratch.
func (ch *channel) finish(ds []delivery, f fate) {
	if ch.tx != nil {
		ch.tx.settle(ds, f)
		ch.held.settles.Add(int64(len(ds)))
	} else {
		ch.carryOut(ds, f, (*queue).settle)
	}
	clear(ds)
	if cap(ds) <= 4096 {
		ch.session.settled = ds[:0]
	}
}

// carryOut has the queues settle deliveries, or take them back, and goes on with
// others that the limit of the channel has held back.
func (ch *channel) carryOut(ds []delivery, f fate, settle func(*queue, []delivery, fate)) {
	byConsumer(ds, func(q *queue, ds []delivery) { settle(q, ds, f) })
	ch.release(ds)
	if len(ds) > 0 && ch.limit.Load() > 0 {
		ch.dispatchAll()
	}
}

// source is where deliveries come from.
type source struct {
	queue    *queue
	consumer *consumer // nil: they were got
}

func (d *delivery) source() source { return source{d.queue, d.consumer} }

func (s source) tag() string {
	if s.consumer == nil {
		return ""
	}
	return s.consumer.tag
}

func sameSource(ds []delivery) bool {
	for i := range ds {
		if ds[i].source() != ds[0].source() {
			return false
		}
	}
	return true
}

// byConsumer calls f with the deliveries of each consumer, those of a queue in
// the order of the consumers' tags: as if each had been settled by itself
// (CONS-14). What one of them gives back may be delivered before the next one's
// turn.
func byConsumer(ds []delivery, f func(*queue, []delivery)) {
	if len(ds) == 0 {
		return
	}
	if sameSource(ds) {
		f(ds[0].queue, ds)
		return
	}
	rank, groups := map[*queue]int{}, map[source][]delivery{}
	for _, d := range ds {
		if _, known := rank[d.queue]; !known {
			rank[d.queue] = len(rank)
		}
		groups[d.source()] = append(groups[d.source()], d)
	}
	order := slices.SortedFunc(maps.Keys(groups), func(a, b source) int {
		return cmp.Or(cmp.Compare(rank[a.queue], rank[b.queue]), cmp.Compare(a.tag(), b.tag()))
	})
	for _, s := range order {
		f(s.queue, groups[s])
	}
}
