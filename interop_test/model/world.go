package model

import (
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// world is a virtual host and the connections to it.
type world struct {
	exchanges []*exchange
	queues    []*queue
	gone      []*queue // deleted, but with dead that are still to be handed on
	bindings  []binding
	late      []late  // in the order in which they came
	known     []known // to exchanges, the oldest first
	policies  []policy
	conns     []*conn

	// rabbit is set to tell what RabbitMQ does where leveret deviates in what
	// nobody can rely on: see channel.keep.
	rabbit bool

	// batches is set if several commands may come at a time. What a broker then
	// gathers by kind changes the turns of consumers, which are left open.
	batches bool

	// features is set if queues do more than to keep messages.
	features bool

	// memory is set if nothing outlives the broker, kills if it may be killed.
	memory, kills bool

	now     time.Time
	letters int // of this step

	// script are choices to make, options those that were made: see choose.
	script  []int
	options []option

	// wrong is a rule that this model gets wrong on purpose, see faults.
	wrong string
}

func newWorld() *world {
	w := &world{}
	for _, x := range []exchange{
		{name: "", kind: "direct"},
		{name: "amq.direct", kind: "direct"},
		{name: "amq.fanout", kind: "fanout"},
		{name: "amq.topic", kind: "topic"},
		{name: "amq.headers", kind: "headers"},
		{name: "amq.match", kind: "headers"},
		{name: "amq.rabbitmq.trace", kind: "topic", internal: true},
	} {
		x.durable = true
		w.exchanges = append(w.exchanges, &x)
	}
	return w
}

func (w *world) exchange(name string) *exchange {
	for _, x := range w.exchanges {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (w *world) conn(name string) *conn {
	for _, c := range w.conns {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (w *world) queue(name string) *queue {
	for _, q := range w.queues {
		if q.name == name {
			return q
		}
	}
	return nil
}

// dispatch carries out all deliveries that the frames show, and that may
// happen now.
func (w *world) dispatch() {
	for w.deliverAny(false) || w.deliverAny(true) {
	}
}

func (w *world) deliverAny(hasty bool) (some bool) {
	for _, q := range w.queues {
		for q.deliverNext(hasty) {
			if some = true; hasty {
				return some
			}
		}
	}
	return some
}

// rest is all that follows by itself.
func (w *world) rest() {
	for {
		w.dispatch()
		if !w.trim() && !w.bury() {
			return
		}
	}
}

// clock is the time in x-death.
func (w *world) clock() amqp.Timestamp {
	if w.rabbit {
		return 0 // nobody knows
	}
	return amqp.Timestamp(w.now.Unix())
}

// finish checks that nothing is left that had to happen, and that nothing came
// that had not.
func (w *world) finish() {
	for _, q := range w.queues {
		if k, e := q.next(); k != nil {
			disagree("on %s, want\n  %v\ngot\n  %v", k.channel, k.preview(e), k.channel.peek())
		}
	}
	for _, c := range w.conns {
		for id, in := range c.in {
			if ch := c.channels[id]; ch != nil {
				ch.skipConfirms()
				in = c.in[id]
			}
			if len(in) > 0 && !(c.ended && w.rabbit) { // there, one channel of it may get what another one gave back
				disagree("on %s %d, not expected at all:\n  %v", c.name, id, in[0])
			}
		}
		for _, ch := range c.channels {
			if len(ch.unconfirmed) > 0 && !c.ended && !w.rabbit {
				disagree("on %s, publishes %v were not confirmed", ch, ch.unconfirmed)
			}
		}
	}
	w.conns = slices.DeleteFunc(w.conns, func(c *conn) bool { return c.ended })
}
