package amqptest

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// Message is one method that a server has sent, with its content if it has
// one.
type Message struct {
	Channel    uint16
	Method     amqp.Method // nil: a heartbeat
	Properties amqp.Properties
	Body       []byte
}

// String shows a message in the words of AMQP.
func (m Message) String() string {
	if m.Method == nil {
		return "heartbeat"
	}
	return fmt.Sprintf("channel %d %s %+v %d bytes", m.Channel, m.Method.ID(), m.Method, len(m.Body))
}

// ParseOutput splits all that a server has sent on one connection, and checks
// it against what a server may send and when. A protocol header, which stands
// alone, gives no messages. The error is io.ErrUnexpectedEOF if the output is
// in order and ends within a frame or a content.
func ParseOutput(b []byte) ([]Message, error) {
	if strings.HasPrefix(string(b), amqp.ProtocolHeader[:4]) {
		if string(b) != amqp.ProtocolHeader {
			return nil, fmt.Errorf("%q for a protocol header", b)
		}
		return nil, nil
	}
	o := output{rest: b, open: map[uint16]*outputChannel{}}
	var all []Message
	for len(o.rest) > 0 {
		m, err := o.message()
		if err == nil {
			err = o.check(m)
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
	return all, nil
}

// output is what is left to parse and what was seen before it.
type output struct {
	rest    []byte
	closing bool // connection.close or close-ok was sent
	open    map[uint16]*outputChannel
}

type outputChannel struct {
	closing   bool   // channel.close was sent
	delivered uint64 // the last delivery tag
	confirmed uint64 // the last publish that was confirmed
}

func (o *output) frame() (Frame, error) {
	if len(o.rest) < 7 {
		return Frame{}, io.ErrUnexpectedEOF
	}
	f := Frame{Type: amqp.FrameType(o.rest[0]), Channel: binary.BigEndian.Uint16(o.rest[1:])}
	size := uint64(binary.BigEndian.Uint32(o.rest[3:]))
	if uint64(len(o.rest)) < size+amqp.FrameOverhead {
		return Frame{}, io.ErrUnexpectedEOF
	}
	f.Payload = o.rest[7 : 7+size]
	if end := o.rest[7+size]; end != amqp.FrameEnd {
		return Frame{}, fmt.Errorf("%v ends with %#x", f, end)
	}
	o.rest = o.rest[size+amqp.FrameOverhead:]
	return f, nil
}

// message takes a heartbeat or a method. Its content, if it has one, must
// follow at once.
func (o *output) message() (Message, error) {
	f, err := o.frame()
	switch {
	case err != nil:
		return Message{}, err
	case f.Type == amqp.FrameHeartbeat && f.Channel == 0 && len(f.Payload) == 0:
		return Message{}, nil
	case f.Type != amqp.FrameMethod:
		return Message{}, fmt.Errorf("%v where a method is due", f)
	}
	m := Message{Channel: f.Channel}
	if m.Method, err = amqp.DecodeMethod(ascii(f.Payload)); err != nil {
		return m, fmt.Errorf("%v: %w", f, err)
	}
	if m.Method.ID().HasContent() {
		err = o.content(&m)
	}
	return m, err
}

// ascii makes a close readable whose text repeats octets of the client's that
// are not UTF-8, as RabbitMQ's does.
func ascii(payload []byte) []byte {
	id, _ := amqp.PayloadID(payload)
	if (id != 10<<16|50 && id != 20<<16|40) || len(payload) < 7 {
		return payload
	}
	payload = slices.Clone(payload)
	text := payload[7:min(7+int(payload[6]), len(payload))]
	for i, b := range text {
		if b >= 0x80 {
			text[i] = '?'
		}
	}
	return payload
}

func (o *output) content(m *Message) error {
	f, err := o.frame()
	if err != nil {
		return err
	}
	if f.Type != amqp.FrameHeader || f.Channel != m.Channel || len(f.Payload) < 14 || string(f.Payload[:4]) != "\x00\x3c\x00\x00" {
		return fmt.Errorf("%v where the content header of %v is due", f, m)
	}
	m.Properties = amqp.Properties(f.Payload[12:])
	size := binary.BigEndian.Uint64(f.Payload[4:])
	for uint64(len(m.Body)) < size {
		if f, err = o.frame(); err != nil {
			return err
		}
		if f.Type != amqp.FrameBody || f.Channel != m.Channel || len(f.Payload) == 0 {
			return fmt.Errorf("%v within the body of %v", f, m)
		}
		m.Body = append(m.Body, f.Payload...)
	}
	if uint64(len(m.Body)) != size {
		return fmt.Errorf("%v, declared were %d", m, size)
	}
	return m.Properties.Check()
}

// fromServer are the methods that a server sends on channels other than 0, by
// class.
var fromServer = map[uint16][]uint16{
	20: {11, 21, 40, 41},
	30: {11},
	40: {11, 21, 31, 51},
	50: {11, 21, 31, 41, 51},
	60: {11, 21, 30, 31, 50, 60, 71, 72, 80, 111, 120, 201},
	85: {11},
	90: {11, 21, 31},
}

// check holds a message against what came before it.
func (o *output) check(m Message) error {
	if m.Method == nil {
		return nil
	}
	id := m.Method.ID()
	if m.Channel == 0 {
		return o.checkControl(m)
	}
	if o.closing {
		return fmt.Errorf("%v on a connection that is closing", m)
	}
	if !slices.Contains(fromServer[id.Class()], id.Method()) {
		return fmt.Errorf("%v is not for a server to send", m)
	}
	ch := o.open[m.Channel]
	if _, ok := m.Method.(*amqp.ChannelOpenOk); ok {
		if ch != nil && !ch.closing {
			return fmt.Errorf("%v on an open channel", m)
		}
		o.open[m.Channel] = new(outputChannel)
		return nil
	}
	if ch == nil {
		return fmt.Errorf("%v on a channel that is not open", m)
	}
	return o.checkChannel(ch, m)
}

func (o *output) checkControl(m Message) error {
	switch c := m.Method.(type) {
	case *amqp.ConnectionClose:
		if o.closing {
			return fmt.Errorf("%v, for the second time", m)
		}
		o.closing = true
		return checkReply(m, c.ReplyCode, c.ReplyText)
	case *amqp.ConnectionCloseOk:
		o.closing = true
		return nil
	case *amqp.ConnectionStart, *amqp.ConnectionSecure, *amqp.ConnectionTune, *amqp.ConnectionOpenOk,
		*amqp.ConnectionUpdateSecretOk, *amqp.ConnectionBlocked, *amqp.ConnectionUnblocked:
		if o.closing {
			return fmt.Errorf("%v on a connection that is closing", m)
		}
		return nil
	}
	return fmt.Errorf("%v is not for a server to send", m)
}

func (o *output) checkChannel(ch *outputChannel, m Message) error {
	next := func(last *uint64, tag uint64, by uint64) error {
		if tag <= *last || (by > 0 && tag != *last+by) {
			return fmt.Errorf("%v behind %d", m, *last)
		}
		*last = tag
		return nil
	}
	switch c := m.Method.(type) {
	case *amqp.ChannelCloseOk:
		if !ch.closing { // else the client's close has crossed ours
			delete(o.open, m.Channel)
		}
		return nil
	case *amqp.ChannelClose:
		if !ch.closing {
			ch.closing = true
			return checkReply(m, c.ReplyCode, c.ReplyText)
		}
	case *amqp.BasicDeliver:
		if !ch.closing {
			return next(&ch.delivered, c.DeliveryTag, 1)
		}
	case *amqp.BasicGetOk:
		if !ch.closing {
			return next(&ch.delivered, c.DeliveryTag, 1)
		}
	case *amqp.BasicAck:
		if !ch.closing {
			return next(&ch.confirmed, c.DeliveryTag, 0)
		}
	}
	if ch.closing {
		return fmt.Errorf("%v on a channel that is closing", m)
	}
	return nil
}

// checkReply wants the code's name at the front of a text (FRM-33).
func checkReply(m Message, code uint16, text string) error {
	if name, _, _ := strings.Cut(text, " - "); name != amqp.ReplyCode(code).String() {
		return fmt.Errorf("%v does not say what %d means", m, code)
	}
	return nil
}
