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
