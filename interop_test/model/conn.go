package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// conn is a connection.
type conn struct {
	world    *world
	name     string
	notify   bool // the client understands basic.cancel (CONS-19)
	ended    bool
	channels map[uint16]*channel
	in       map[uint16][]event // what has come and is not explained yet, by channel
}

func (w *world) connect(name string, notify bool) *conn {
	c := &conn{world: w, name: name, notify: notify, channels: map[uint16]*channel{}, in: map[uint16][]event{}}
	w.conns = append(w.conns, c)
	return c
}

// await has what comes next on a channel be no confirm.
func (c *conn) await(channel uint16) {
	if ch := c.channels[channel]; ch != nil {
		ch.skipConfirms()
	}
}

// emit says what the broker sends now: it must be the next that came.
func (c *conn) emit(channel uint16, m amqp.Method, content *message) {
	c.await(channel)
	want, in := newEvent(m, content), c.in[channel]
	switch {
	case len(in) == 0:
		disagree("on %s %d, want\n  %v\ngot nothing", c.name, channel, want)
	case !want.equal(in[0]):
		disagree("on %s %d, want\n  %v\ngot\n  %v", c.name, channel, want, in[0])
	}
	c.in[channel] = in[1:]
}

// take carries out one command.
func (c *conn) take(cmd command) {
	switch cmd.method.(type) {
	case nil: // the stream ends (CTL-05)
		c.end()
		return
	case *amqp.ConnectionClose: // CTL-01
		if !c.ended {
			c.end()
			c.emit(0, &amqp.ConnectionCloseOk{}, nil)
		}
		return
	}
	if c.ended {
		return
	}
	ch, id := c.channels[cmd.channel], cmd.method.ID()
	switch {
	case ch == nil:
		if _, ok := cmd.method.(*amqp.ChannelOpen); !ok { // CHAN-03
			c.fail(nil, id, refuse(504, "expected 'channel.open'"))
			return
		}
		c.channels[cmd.channel] = &channel{conn: c, id: cmd.channel}
		c.emit(cmd.channel, &amqp.ChannelOpenOk{}, nil)
	case ch.closing:
		c.takeClosing(ch, cmd)
	default:
		if r := ch.take(cmd); r != nil {
			c.fail(ch, id, r)
		}
	}
}

// takeClosing is a command on a channel whose close-ok is awaited: all but the
// closing is dropped (CHAN-09, CHAN-10).
func (c *conn) takeClosing(ch *channel, cmd command) {
	switch cmd.method.(type) {
	case *amqp.ChannelCloseOk: // CHAN-11
		ch.end()
		delete(c.channels, ch.id)
	case *amqp.ChannelClose:
		c.emit(ch.id, &amqp.ChannelCloseOk{}, nil)
	case *amqp.ChannelOpen:
		c.fail(nil, cmd.method.ID(), refuse(504, "second 'channel.open' seen"))
	}
}

// fail ends a channel for an error, or the connection if the error is of that
// kind (FRM-32).
func (c *conn) fail(ch *channel, id amqp.MethodID, r *refusal) {
	if r.hard() {
		c.end()
		c.emit(0, &amqp.ConnectionClose{
			ReplyCode: r.code, ReplyText: r.text, ClassID: id.Class(), MethodID: id.Method(),
		}, nil)
		return
	}
	ch.keep()
	ch.end()
	ch.closing = true
	c.emit(ch.id, &amqp.ChannelClose{
		ReplyCode: r.code, ReplyText: r.text, ClassID: id.Class(), MethodID: id.Method(),
	}, nil)
	ch.unconfirmed = nil // no confirm comes any more (CONF-07)
}

// end is the end of the connection in any way: nothing that one of its
// channels gives back goes to another one (CTL-05). Then its exclusive queues
// go (QDEC-19).
func (c *conn) end() {
	if c.ended {
		return
	}
	c.ended = true
	c.world.disorder(c)
	var idle, busy []*channel
	for _, id := range slices.Sorted(maps.Keys(c.channels)) {
		ch := c.channels[id]
		matters := func(q *queue) bool { return ch.holds(q) || q.autoDelete && ch.consumes(q) }
		if c.world.features && slices.ContainsFunc(slices.Concat(c.world.queues, c.world.gone), matters) {
			busy = append(busy, ch)
		} else {
			idle = append(idle, ch)
		}
	}
	for _, ch := range idle {
		ch.end()
	}
	for len(busy) > 0 {
		i := c.world.choose(len(busy))
		busy[i].end()
		c.world.dispatch()
		c.world.meanwhile()
		busy = slices.Delete(busy, i, i+1)
	}
	for _, q := range slices.Clone(c.world.queues) {
		if q.owner == c {
			c.world.deleteQueue(q)
		}
	}
	c.world.dispatch()
}

// disorder notes the queues from which several channels of a connection that
// ends have something: which gives back first is left open, and with it what
// another consumer gets first.
func (w *world) disorder(c *conn) {
	for _, q := range w.queues {
		holders := 0
		for _, ch := range c.channels {
			if ch.holds(q) {
				holders++
			}
		}
		if holders > 1 {
			q.disorder, q.loose = true, true
		}
	}
}

// refusal is an error that ends a channel or a connection.
type refusal struct {
	code uint16
	text string
}

var conditions = map[uint16]string{
	403: "ACCESS_REFUSED", 404: "NOT_FOUND", 405: "RESOURCE_LOCKED", 406: "PRECONDITION_FAILED",
	503: "COMMAND_INVALID", 504: "CHANNEL_ERROR", 530: "NOT_ALLOWED", 540: "NOT_IMPLEMENTED",
}

// refuse makes a refusal; the text is that of FRM-33.
func refuse(code uint16, format string, args ...any) *refusal {
	return &refusal{code, conditions[code] + " - " + fmt.Sprintf(format, args...)}
}

func (r *refusal) hard() bool { return r.code >= 500 }
