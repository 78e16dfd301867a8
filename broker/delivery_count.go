package broker

import "github.com/leveretmq/leveret/amqp"

// counting tells whether consumers are told how often a message was given back:
// by quorum queues (QQ-08), and by others that have a delivery limit (LAV-13).
// q.mu is held.
func (q *queue) counting() bool { return q.kind.replicated || q.settings.deliveryLimit != unset }

// counted is a content that tells of so many.
func counted(c *amqp.Content, deliveries uint16) amqp.Content {
	p := c.Properties()
	headers, _, _ := p.Headers()
	return c.WithProperties(p.WithHeaders(withField(headers, "x-delivery-count", int64(deliveries))))
}

// shown is what basic.get has of a message: unlike basic.deliver, from a quorum
// queue the count also if it is 0 (QQ-08).
func (q *queue) shown(e *entry) amqp.Content {
	if !q.kind.replicated && e.deliveries == 0 {
		return e.message.content
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.counting() {
		return e.message.content
	}
	return counted(&e.message.content, e.deliveries)
}

// failed tells whether a message was given back more often than it may be
// (QQ-10).
func (s *settings) failed(deliveries uint16) bool {
	return s.deliveryLimit != unset && int64(deliveries) > s.deliveryLimit
}

// giveBack puts deliveries back to where they belong, if they may come once
// more (QQ-13). What a client gives back, a quorum queue without a limit puts
// behind all others, but not what was lost with its channel (QQ-14) or has
// successors in its group. q.mu is held, and a unit is open if the queue is stored.
func (q *queue) giveBack(ds []delivery, lost bool) {
	if q.deleted {
		return
	}
	last := q.kind.replicated && q.settings.deliveryLimit == unset && !lost && q.ready.groups == nil
	d := q.discard(deliveryLimit)
	for i := range ds {
		switch e := ds[i].entry.again(); {
		case q.settings.failed(e.deliveries):
			d.add(&e)
		case last:
			q.goBack(e)
		default:
			q.ready.giveBack(e)
		}
	}
	d.end()
}

// goBack puts a message behind all others. The store, in which a message has but
// one position, gets it anew.
func (q *queue) goBack(e entry) {
	if q.stores(e.message) {
		s := settling{queue: q}
		s.join(&e)
		s.end()
		m := *e.message
		m.keeping = &keeping{transient: m.transient}
		e.message = &m
	}
	q.lastSeq++
	e.seq = q.lastSeq
	if q.stored != nil {
		q.append(&e)
	}
	q.ready.push(&e)
}
