package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// call sends the method that the order names, with its content if it has one,
// and waits for its answer if it asks for one.
func (g *game) call(o order) error {
	frames, m, err := buildMethod(o.channel, o.verb, o.args)
	if err != nil {
		return err
	}
	g.prepare(o, m)
	o.p.send(frames)
	answers := replies[o.verb]
	if o.nowait || o.p.hold || answers == nil || strings.Contains(printMethod(m), " no-wait=1") {
		return nil
	}
	g.gather(o.p, o.p.patience(), func(e event) bool {
		return e.channel == o.channel && e.is(answers...) || endsChannel(e, o.channel)
	})
	g.events = slices.DeleteFunc(g.events, func(e event) bool { return e.beat })
	return nil
}

// prepare keeps the books on a method that is about to be sent.
func (g *game) prepare(o order, m amqp.Method) {
	switch m := m.(type) {
	case *amqp.QueueDeclare:
		if !m.Passive && !m.Exclusive {
			g.queues = append(g.queues, m.Queue)
		}
	case *amqp.ExchangeDeclare:
		if !m.Passive {
			g.exchanges = append(g.exchanges, m.Exchange)
		}
	case *amqp.ConfirmSelect:
		if o.p.confirms[o.channel] == nil {
			o.p.confirms[o.channel] = &confirms{}
		}
	case *amqp.BasicPublish:
		if c := o.p.confirms[o.channel]; c != nil {
			c.published()
		}
	case *amqp.ChannelOpen:
		delete(o.p.confirms, o.channel)
	}
}

// endsChannel reports whether nothing but a close can follow e on the channel.
func endsChannel(e event, channel uint16) bool {
	return e.is("connection.close") || e.channel == channel && e.is("channel.close")
}

// buildMethod encodes a method and, if it carries one, its content.
func buildMethod(channel uint16, name string, args []string) ([]byte, amqp.Method, error) {
	m, err := newMethod(name)
	if err != nil {
		return nil, nil, err
	}
	c, err := setFields(m, args)
	if err != nil {
		return nil, nil, err
	}
	frames := amqp.AppendMethod(nil, channel, m)
	if m.ID().HasContent() {
		frames = c.append(frames, channel)
	}
	return frames, m, nil
}

// setFields sets a method's fields, and returns the content that the other
// arguments make up.
func setFields(m amqp.Method, args []string) (outgoing, error) {
	c := outgoing{pieces: 131064}
	for _, a := range args {
		key, value, ok := keyValue(a)
		if !ok {
			return c, fmt.Errorf("%s is not key=value", a)
		}
		found, err := setField(m, key, value)
		if !found && m.ID().HasContent() {
			found, err = c.set(key, value)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", key, err)
		}
		if !found {
			return c, fmt.Errorf("%s has no field %s", m.ID(), key)
		}
	}
	return c, nil
}

// methodFrame is the frame of a method whose arguments are known to be right.
func methodFrame(channel uint16, name string, args ...string) []byte {
	frames, _, err := buildMethod(channel, name, args)
	if err != nil {
		panic("BUG: oracle: " + err.Error())
	}
	return frames
}

// until repeats a call until its answer has the given field, and records the
// last answer only.
func (g *game) until(o order) error {
	if len(o.args) < 2 {
		return fmt.Errorf("until takes field=value and a call")
	}
	want, began := " "+o.args[0]+" ", time.Now()
	call := order{p: o.p, channel: o.channel, verb: o.args[1], args: o.args[2:]}
	for {
		if err := g.call(call); err != nil {
			return err
		}
		last := g.events[len(g.events)-1]
		if len(last.lines) == 0 || strings.Contains(last.lines[0]+" ", want) || last.method == nil ||
			endsChannel(last, o.channel) || time.Since(began) > patience {
			return nil
		}
		g.events = g.events[:len(g.events)-1]
		select {
		case <-time.After(20 * time.Millisecond):
		case <-g.ctx.Done():
			return g.ctx.Err()
		}
	}
}

// drained is how many bodies came when the present step was recorded.
func (g *game) drained() int {
	if len(g.recorded) == 0 {
		return 0
	}
	return strings.Count(g.recorded[0], `"`) / 2
}

// drain empties a queue and records the bodies in one line.
func (g *game) drain(o order) error {
	var bodies []string
	began := time.Now()
	for {
		before := len(g.events)
		call := order{p: o.p, channel: o.channel, verb: "basic.get", args: append([]string{"no-ack=1"}, o.args...)}
		if err := g.call(call); err != nil {
			return err
		}
		last := g.events[len(g.events)-1]
		if last.is("basic.get-ok") && !o.p.raw {
			_, body, _ := strings.Cut(last.lines[1], "body=")
			bodies = append(bodies, body)
			g.events = append(g.events[:before], g.events[before:len(g.events)-1]...)
			continue
		}
		if last.is("basic.get-empty") && len(bodies) < g.drained() && time.Since(began) < patience {
			g.events = g.events[:before] // what is to come, such as letters of the dead, comes in its own time
			continue
		}
		if last.is("basic.get-empty") {
			line := strings.Join(append([]string{strconv.Itoa(int(o.channel)), "drained"}, bodies...), " ")
			g.events[len(g.events)-1].lines = []string{line}
		}
		return nil
	}
}
