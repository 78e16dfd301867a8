package oracle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// event is what a step sees of the broker: a method with its content, a frame
// that is none of that, or the end of waiting.
type event struct {
	channel uint16
	method  amqp.Method // nil for other frames
	lines   []string
	end     string // "closed" or "timeout": nothing came any more
	beat    bool   // a well-formed heartbeat
	silence bool   // nothing came for as long as was asked
	left    string // the connection that was ended when this came
	replyTo string // the property of the content

	confirmed string   // "confirmed" or "refused" for a publisher confirm
	covered   []uint64 // the publishes that it covers
}

func (e event) is(names ...string) bool {
	if e.method == nil {
		return false
	}
	for _, n := range names {
		if e.method.ID().String() == n {
			return true
		}
	}
	return false
}

// assemble adds a frame; it returns an event when one is complete.
func (p *peer) assemble(f frame) (event, bool) {
	p.bye = p.bye || f.kind == amqp.FrameMethod && bytes.HasPrefix(f.payload, []byte{0, 10, 0, 50})
	switch {
	case f.header:
		return event{lines: []string{"protocol header " + hexBytes(f.payload)}}, true
	case p.raw:
		return rawEvent(f), true
	case f.end != amqp.FrameEnd:
		e := rawEvent(f)
		e.lines[0] += fmt.Sprintf(" with end %02x", f.end)
		return e, true
	case f.kind == amqp.FrameMethod:
		return p.methodEvent(f)
	case f.kind == amqp.FrameHeartbeat && len(f.payload) == 0 && f.channel == 0:
		return event{lines: []string{"heartbeat"}, beat: true}, true
	}
	c := p.contents[f.channel]
	if c == nil || !c.add(f) {
		return rawEvent(f), true
	}
	if c.props == nil || uint64(len(c.body)) < c.size {
		return event{}, false
	}
	delete(p.contents, f.channel)
	return c.event(f.channel), true
}

func rawEvent(f frame) event {
	line := fmt.Sprintf("%d frame type %d: %s", f.channel, f.kind, hexBytes(f.payload))
	e := event{channel: f.channel, lines: []string{strings.TrimRight(line, " ")}}
	if f.kind == amqp.FrameMethod {
		e.method, _ = amqp.DecodeMethod(f.payload)
	}
	return e
}

func (p *peer) methodEvent(f frame) (event, bool) {
	m, err := amqp.DecodeMethod(f.payload)
	if err != nil {
		e := rawEvent(f)
		e.lines[0] += " cannot be decoded: " + err.Error()
		return e, true
	}
	if m.ID().HasContent() {
		p.contents[f.channel] = &content{method: m}
		return event{}, false
	}
	if start, ok := m.(*amqp.ConnectionStart); ok {
		maskServer(start, p.verbose)
	}
	return event{channel: f.channel, method: m, lines: []string{fmt.Sprintf("%d %s", f.channel, printMethod(m))}}, true
}

// add takes a header or body frame; false if the frame is not due.
func (c *content) add(f frame) bool {
	switch {
	case f.kind == amqp.FrameHeader && c.props == nil && len(f.payload) >= 14:
		c.size = binary.BigEndian.Uint64(f.payload[4:])
		c.props = amqp.Properties(f.payload[12:])
		return true
	case f.kind == amqp.FrameBody && c.props != nil:
		c.body = append(c.body, f.payload...)
		c.pieces = append(c.pieces, len(f.payload))
		return true
	}
	return false
}

// event shows the content under its method: properties (as they were sent
// when they decode to just that, in hexadecimal otherwise) and body.
func (c *content) event(channel uint16) event {
	line := fmt.Sprintf("%d %s", channel, printMethod(c.method))
	rest := fmt.Sprintf("%d content%s body=%s", channel, printProperties(c.props), printBody(c.body))
	if len(c.pieces) > 1 {
		rest += fmt.Sprintf(" frames=%s", strings.ReplaceAll(strings.Trim(fmt.Sprint(c.pieces), "[]"), " ", ","))
	}
	e := event{channel: channel, method: c.method, lines: []string{line, rest}}
	if b, err := c.props.Decode(); err == nil {
		e.replyTo = b.ReplyTo
	}
	return e
}

func printProperties(p amqp.Properties) string {
	b, err := p.Decode()
	if err != nil || string(b.Append(nil)) != string(p) {
		return " properties=" + hexBytes(p)
	}
	return printFields(&b, false)
}
