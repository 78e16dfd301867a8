package model

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/interop_test/oracle"
)

// command is what a client does: it sends a method, with content if it is
// basic.publish, or ends the stream if there is none.
type command struct {
	channel    uint16
	method     amqp.Method
	properties amqp.BasicProperties
	body       string
}

func (cmd command) bytes() []byte {
	if p, ok := cmd.method.(*amqp.BasicPublish); ok {
		return amqptest.Publish(cmd.channel, p, cmd.properties, []byte(cmd.body), 131072)
	}
	return amqp.AppendMethod(nil, cmd.channel, cmd.method)
}

// long is what some bodies go on with, so that a few fill what is on disk.
var long = strings.Repeat("-", 30_000)

// String is the command as a script of package oracle has it.
func (cmd command) String() string {
	if cmd.method == nil {
		return "drop"
	}
	s := fmt.Sprintf("%d %s", cmd.channel, oracle.Format(cmd.method))
	if _, ok := cmd.method.(*amqp.BasicPublish); ok {
		s += oracle.FormatProperties(cmd.properties) + " body=" + strings.Replace(cmd.body, long, "+30000*-", 1)
	}
	return s
}

// message is what a publish makes of its content. It never changes.
type message struct {
	exchange, key string
	hidden        []string // further routing keys, which consumers never see
	properties    []byte
	body          string
	priority      int
	persistent    bool
}

func (m *message) headers() amqp.Table {
	p, _ := amqp.Properties(m.properties).Decode()
	return p.Headers
}

// event is a method that came, or that should, with its content.
type event struct {
	payload    []byte // of the method's frame
	properties []byte
	body       string
}

func newEvent(m amqp.Method, content *message) event {
	const frameHead, frameEnd = 7, 1
	frame := amqp.AppendMethod(nil, 1, m)
	e := event{payload: frame[frameHead : len(frame)-frameEnd]}
	if content != nil {
		e.properties, e.body = content.properties, content.body
	}
	return e
}

func (e event) equal(other event) bool {
	return bytes.Equal(e.payload, other.payload) && bytes.Equal(e.properties, other.properties) && e.body == other.body
}

// method is the event's method; nil if it is none that is known.
func (e event) method() amqp.Method {
	m, err := amqp.DecodeMethod(e.payload)
	if err != nil {
		return nil
	}
	return m
}

func (e event) String() string {
	m := e.method()
	if m == nil {
		return fmt.Sprintf("%x", e.payload)
	}
	var b strings.Builder
	b.WriteString(oracle.Format(m))
	if e.properties != nil {
		p, _ := amqp.Properties(e.properties).Decode()
		fmt.Fprintf(&b, "%s body=%s", oracle.FormatProperties(p), strings.Replace(e.body, long, "+30000*-", 1))
		if !bytes.Equal(p.Append(nil), e.properties) {
			fmt.Fprintf(&b, " properties=%x", e.properties)
		}
	}
	return b.String()
}
