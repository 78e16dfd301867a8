package oracle

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/leveretmq/leveret/amqp"
)

// outgoing is a content to be sent.
type outgoing struct {
	basic  amqp.BasicProperties
	props  amqp.Properties // instead of basic, if not nil
	body   []byte
	pieces int // octets of body to a frame
}

// set sets the body, the pieces it is cut into, or a property.
func (c *outgoing) set(key, value string) (found bool, err error) {
	switch key {
	case "body":
		text, err := parseText(value)
		c.body = []byte(text)
		return true, err
	case "properties":
		text, err := parseText(value)
		c.props = amqp.Properties(text)
		return true, err
	case "pieces":
		c.pieces, err = strconv.Atoi(value)
		return true, err
	}
	return setField(&c.basic, key, value)
}

func (c *outgoing) append(dst []byte, channel uint16) []byte {
	dst = amqp.AppendContentHeader(dst, channel, uint64(len(c.body)), c.properties())
	for rest := c.body; len(rest) > 0; {
		n := min(len(rest), c.pieces)
		dst = amqp.AppendFrame(dst, amqp.FrameBody, channel, rest[:n])
		rest = rest[n:]
	}
	return dst
}

func (c *outgoing) properties() amqp.Properties {
	if c.props != nil {
		return c.props
	}
	return c.basic.Append(nil)
}

// bytes sends octets as they are.
func (g *game) bytes(o order) error {
	b, err := parseBytes(o.args)
	if err == nil {
		o.p.send(b)
	}
	return err
}

// frame sends one frame: its type, then its payload. end= and size= falsify
// its end and its size.
func (g *game) frame(o order) error {
	if len(o.args) == 0 {
		return fmt.Errorf("frame takes a type and a payload")
	}
	kind, err := strconv.ParseUint(o.args[0], 10, 8)
	if err != nil {
		return err
	}
	var end, size string
	var words []string
	for _, a := range o.args[1:] {
		switch key, value, _ := keyValue(a); key {
		case "end":
			end = value
		case "size":
			size = value
		default:
			words = append(words, a)
		}
	}
	payload, err := parseBytes(words)
	if err != nil {
		return err
	}
	f := amqp.AppendFrame(nil, amqp.FrameType(kind), o.channel, payload)
	if err := falsify(f, end, size); err != nil {
		return err
	}
	o.p.send(f)
	return nil
}

func falsify(f []byte, end, size string) error {
	if size != "" {
		n, err := strconv.ParseUint(size, 10, 32)
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint32(f[3:], uint32(n))
	}
	if end != "" {
		n, err := strconv.ParseUint(end, 16, 8)
		if err != nil {
			return err
		}
		f[len(f)-1] = byte(n)
	}
	return nil
}

// method sends the frame of a method alone, without content and without
// waiting.
func (g *game) method(o order) error {
	if len(o.args) == 0 {
		return fmt.Errorf("method takes the name of one")
	}
	m, err := newMethod(o.args[0])
	if err != nil {
		return err
	}
	if _, err := setFields(m, o.args[1:]); err != nil {
		return err
	}
	g.prepare(o, m)
	o.p.send(amqp.AppendMethod(nil, o.channel, m))
	return nil
}

// header sends a content header: size=, class=, weight= and properties.
func (g *game) header(o order) error {
	var c outgoing
	number := map[string]uint64{"size": 0, "class": 60, "weight": 0}
	for _, a := range o.args {
		key, value, _ := keyValue(a)
		if _, ok := number[key]; ok {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return err
			}
			number[key] = n
		} else if found, err := c.set(key, value); err != nil || !found {
			return fmt.Errorf("%s is no part of a header: %w", a, err)
		}
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(number["class"]))
	payload = binary.BigEndian.AppendUint16(payload, uint16(number["weight"]))
	payload = binary.BigEndian.AppendUint64(payload, number["size"])
	o.p.send(amqp.AppendFrame(nil, amqp.FrameHeader, o.channel, append(payload, c.properties()...)))
	return nil
}

// body sends one body frame, or the same one several times.
func (g *game) body(o order) error {
	var text string
	times := 1
	for _, a := range o.args {
		var err error
		if key, value, _ := keyValue(a); key == "times" {
			times, err = strconv.Atoi(value)
		} else {
			text, err = parseText(a)
		}
		if err != nil {
			return err
		}
	}
	f := amqp.AppendFrame(nil, amqp.FrameBody, o.channel, []byte(text))
	for range times {
		o.p.send(f)
	}
	return nil
}
