package broker

import "github.com/leveretmq/leveret/amqp"

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
			ch.failAck(ch.settle(tag, multiple, false))
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
	ds := ch.session.settled[:0]
	var err error
	ch.mu.Lock()
	for tag := r.from; tag <= r.to; tag++ {
		var ok bool
		if ds, ok = ch.unacked.take(ds, tag); !ok {
			err = unknownTag(tag)
			break
		}
	}
	ch.mu.Unlock()
	ch.finish(ds, false)
	ch.failAck(err)
}

func (ch *channel) failAck(err error) {
	if err != nil {
		ch.session.conn.Fail(ch.id, (&amqp.BasicAck{}).ID(), err)
	}
}

// settle takes deliveries out of the window and acknowledges, drops or
// requeues them: one, or with multiple all up to it, where tag 0 means all
// there are (ACK-01 to ACK-10).
func (ch *channel) settle(tag uint64, multiple, requeue bool) error {
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
	ch.finish(ds, requeue)
	return nil
}

// finish carries out what is to become of deliveries that have left the
// window, or leaves it to the commit (TX-08). It keeps ds as scratch.
func (ch *channel) finish(ds []delivery, requeue bool) {
	if ch.tx != nil {
		ch.tx.settle(ds, requeue)
	} else {
		ch.carryOut(ds, requeue)
	}
	clear(ds)
	if cap(ds) <= 4096 {
		ch.session.settled = ds[:0]
	}
}

// carryOut has the queues forget deliveries or take them back, and goes on with
// others that the limit of the channel has held back.
func (ch *channel) carryOut(ds []delivery, requeue bool) {
	ch.release(ds)
	if requeue {
		byQueue(ds, (*queue).requeue)
	} else {
		byQueue(ds, (*queue).settle)
	}
	if len(ds) > 0 && ch.limit.Load() > 0 {
		ch.dispatchAll()
	}
}

// byQueue calls f with the deliveries of each queue. Those of one queue stay
// in their order.
func byQueue(ds []delivery, f func(*queue, []delivery)) {
	if len(ds) == 0 {
		return
	}
	first := ds[0].queue
	if same := sameQueue(ds); same == len(ds) {
		f(first, ds)
		return
	}
	groups := map[*queue][]delivery{}
	var order []*queue
	for _, d := range ds {
		if groups[d.queue] == nil {
			order = append(order, d.queue)
		}
		groups[d.queue] = append(groups[d.queue], d)
	}
	for _, q := range order {
		f(q, groups[q])
	}
}

// sameQueue is how many deliveries at the front are of one queue.
func sameQueue(ds []delivery) int {
	n := 1
	for n < len(ds) && ds[n].queue == ds[0].queue {
		n++
	}
	return n
}
