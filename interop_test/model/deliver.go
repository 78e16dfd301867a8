package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// room tells whether a consumer may get another message (QOS-05 to QOS-07).
func (k *consumer) room() bool {
	ch := k.channel
	switch {
	case ch.conn.ended:
		return false
	case k.noAck:
		return true
	case k.prefetch > 0 && k.unsettled >= k.prefetch:
		return false
	}
	return ch.limit == 0 || ch.volume < ch.limit || ch.conn.world.wrong == "limits of a channel are ignored"
}

// order is who may get the next message, the first of them before the others:
// of those with room the ones of the highest priority (CONS-15), in turns
// (CONS-14). Whoever has no room when its turn comes is passed over, and stands
// last when it has some again. What is left open can change who is passed over:
// then the turns are not held against the broker any more.
func (q *queue) order() (may []*consumer) {
	line := q.line()
	slices.SortStableFunc(line, func(a, b *consumer) int { return b.priority - a.priority })
	for _, k := range line {
		q.loose = q.loose || k.channel.limit > 0 && !k.noAck && len(line) > 1
	}
	for _, k := range line {
		switch {
		case len(may) > 0 && k.priority < may[0].priority:
			return may
		case k.room():
			may = append(may, k)
			if !q.loose {
				return may
			}
		default:
			q.pass(k)
		}
	}
	return may
}

// line are the consumers that take part.
func (q *queue) line() []*consumer {
	return slices.DeleteFunc(slices.Clone(q.consumers), func(k *consumer) bool { return q.single() && k != q.active })
}

// deliverNext delivers one message if there is one, if somebody may have it,
// and if the frames show that. A consumer whose channel ends may get it, give it
// back, and another one gets it then: so the frames of others are believed only
// when nothing else goes on, in haste.
func (q *queue) deliverNext(hasty bool) bool {
	q.expire()
	if len(q.ready) == 0 {
		return false
	}
	if q.grouped() {
		return q.deliverGroups(hasty)
	}
	candidates := 1
	if q.disorder {
		candidates = len(q.ready)
	}
	for i := range candidates {
		may := q.order()
		slices.SortStableFunc(may, func(a, b *consumer) int { return b.channel.ends() - a.channel.ends() })
		for _, k := range may {
			if k.channel.shows(k.preview(q.ready[i])) {
				q.deliver(i, k)
				return true
			}
			if !hasty && k.channel.ends() > 0 {
				break
			}
		}
	}
	return false
}

// ends is 1 if the end of the channel is among what has come, else 0.
func (ch *channel) ends() int {
	over := len(ch.conn.in[0]) > 0 || slices.ContainsFunc(ch.conn.in[ch.id], func(e event) bool {
		switch e.method().(type) {
		case *amqp.ChannelClose, *amqp.ChannelCloseOk:
			return true
		}
		return false
	})
	if over {
		return 1
	}
	return 0
}

// next is a consumer that must get a message, if there is one, and which.
func (q *queue) next() (*consumer, entry) {
	q.expire()
	if len(q.ready) == 0 {
		return nil, entry{}
	}
	if q.grouped() {
		if all := q.offers(); len(all) > 0 {
			return all[0].consumer, q.ready[all[0].message]
		}
	} else if may := q.order(); len(may) > 0 {
		return may[0], q.ready[0]
	}
	return nil, entry{}
}

// preview is the delivery of a message to k as it would look now (CONS-30).
func (k *consumer) preview(e entry) event {
	return newEvent(&amqp.BasicDeliver{
		ConsumerTag: k.tag, DeliveryTag: k.channel.tag + 1, Redelivered: e.flag(k.channel),
		Exchange: e.message.exchange, RoutingKey: e.message.key,
	}, k.queue.shown(e, false))
}

// shown is a message as clients get it: a queue with a limit of deliveries tells
// how many have failed (LAV-13), and so does a quorum queue (QQ-08).
func (q *queue) shown(e entry, got bool) *message {
	_, limited := q.number("delivery-limit")
	if !limited && !q.quorum() || e.failures == 0 && !(got && q.quorum()) {
		return e.message
	}
	m := *e.message
	p, _ := amqp.Properties(m.properties).Decode()
	p.Headers = with(p.Headers, "x-delivery-count", int64(e.failures))
	m.properties = p.Append(nil)
	return &m
}

func (q *queue) deliver(i int, k *consumer) {
	e, ch := q.ready[i], k.channel
	q.ready = slices.Delete(slices.Clone(q.ready), i, i+1)
	ch.conn.in[ch.id] = ch.conn.in[ch.id][1:]
	ch.tag++
	k.last()
	if k.noAck {
		return
	}
	ch.unsettled = append(ch.unsettled, &delivery{e, ch.tag, q, k})
	k.unsettled++
	if g := groupOf(e.message); q.grouped() && g != "" {
		q.claim(g, k)
	}
	if ch.limit > 0 {
		ch.volume++
	}
}

// last makes k the last whose turn comes.
func (k *consumer) last() {
	if k.queue.world.wrong == "consumers take no turns" {
		return
	}
	if k.queue.single() {
		return // who comes next is in the order of their coming
	}
	k.queue.drop(k)
	k.queue.consumers = append(k.queue.consumers, k)
}

func (q *queue) pass(k *consumer) {
	if !slices.Contains(q.passed, k) {
		q.passed = append(q.passed, k)
	}
}

// unblock lets the consumers of a channel that have room again take part.
func (ch *channel) unblock() {
	for _, q := range ch.conn.world.queues {
		for _, k := range slices.Clone(q.passed) {
			if k.channel == ch && k.room() {
				k.last()
			}
		}
	}
}
