package model

import (
	"maps"
	"slices"
)

// clone is another world, in which the same is the case. What never changes is
// shared: exchanges and messages.
func (w *world) clone() *world {
	c := &copier{new(world), map[*queue]*queue{}, map[*conn]*conn{}, map[*channel]*channel{}, map[*consumer]*consumer{}}
	*c.to = *w
	c.to.exchanges = slices.Clone(w.exchanges)
	c.to.queues = each(w.queues, c.queue)
	c.to.gone = each(w.gone, c.queue)
	c.to.conns = each(w.conns, c.conn)
	c.to.bindings = each(w.bindings, func(b binding) binding {
		b.queue = c.queue(b.queue)
		return b
	})
	return c.to
}

// copier copies what refers to each other.
type copier struct {
	to        *world
	queues    map[*queue]*queue
	conns     map[*conn]*conn
	channels  map[*channel]*channel
	consumers map[*consumer]*consumer
}

func each[V any](of []V, f func(V) V) (all []V) {
	for _, v := range of {
		all = append(all, f(v))
	}
	return all
}

// once copies what was not copied yet; known tells that there is nothing to do.
func once[V any](of *V, copies map[*V]*V) (to *V, known bool) {
	if of == nil {
		return nil, true
	}
	if to, known = copies[of]; !known {
		to = new(V)
		*to = *of
		copies[of] = to
	}
	return to, known
}

func (c *copier) queue(of *queue) *queue {
	q, known := once(of, c.queues)
	if !known {
		q.world, q.owner = c.to, c.conn(of.owner)
		q.groups = each(of.groups, func(g claim) claim { return claim{g.group, c.consumer(g.consumer)} })
		q.known = slices.Clone(of.known)
		q.ready, q.dying = slices.Clone(of.ready), slices.Clone(of.dying)
		q.active = c.consumer(of.active)
		q.consumers, q.passed = each(of.consumers, c.consumer), each(of.passed, c.consumer)
	}
	return q
}

func (c *copier) conn(of *conn) *conn {
	n, known := once(of, c.conns)
	if !known {
		n.world, n.in, n.channels = c.to, maps.Clone(of.in), map[uint16]*channel{}
		for id, ch := range of.channels {
			n.channels[id] = c.channel(ch)
		}
	}
	return n
}

func (c *copier) channel(of *channel) *channel {
	ch, known := once(of, c.channels)
	if !known {
		ch.conn = c.conn(of.conn)
		ch.unsettled, ch.kept = each(of.unsettled, c.delivery), each(of.kept, c.delivery)
		ch.consumers = each(of.consumers, c.consumer)
		ch.unconfirmed, ch.publishes = slices.Clone(of.unconfirmed), slices.Clone(of.publishes)
		ch.settles = each(of.settles, func(s txSettle) txSettle {
			s.deliveries = each(s.deliveries, c.delivery)
			return s
		})
	}
	return ch
}

func (c *copier) consumer(of *consumer) *consumer {
	k, known := once(of, c.consumers)
	if !known {
		k.channel, k.queue = c.channel(of.channel), c.queue(of.queue)
	}
	return k
}

func (c *copier) delivery(of *delivery) *delivery {
	d := *of
	d.queue, d.consumer = c.queue(of.queue), c.consumer(of.consumer)
	return &d
}
