// Package amqptest plays the client's end of AMQP connections in tests, frame
// by frame: it sends whatever it is told to, legal or not, and compares what
// comes back. It works over any net.Conn, also inside a testing/synctest
// bubble over net.Pipe, and starts no goroutines.
package amqptest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// Frame is one frame as it came.
type Frame struct {
	Type    amqp.FrameType
	Channel uint16
	Payload []byte
}

// String shows a frame in the words of AMQP.
func (f Frame) String() string {
	if f.Type == amqp.FrameMethod {
		if m, err := amqp.DecodeMethod(f.Payload); err == nil {
			return fmt.Sprintf("channel %d %s %+v", f.Channel, m.ID(), m)
		}
	}
	return fmt.Sprintf("channel %d frame of type %d %s", f.Channel, f.Type, amqp.FormatBinary(f.Payload))
}

// Client is the client's end of one connection. Whatever goes wrong ends the
// test.
type Client struct {
	// Conn is the connection, for what has no method here.
	Conn net.Conn

	t testing.TB
	r *bufio.Reader
}

// New returns a client on conn, which the test closes at its end.
func New(t testing.TB, conn net.Conn) *Client {
	t.Cleanup(func() { conn.Close() })
	return &Client{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

// Close closes the connection without a word.
func (c *Client) Close() { c.Conn.Close() }

// Send writes bytes, all pieces in one call.
func (c *Client) Send(pieces ...[]byte) {
	c.t.Helper()
	var b []byte
	for _, p := range pieces {
		b = append(b, p...)
	}
	if _, err := c.Conn.Write(b); err != nil {
		c.t.Fatalf("sending %d bytes: %v", len(b), err)
	}
}

// SendMethods writes method frames on one channel, all in one call.
func (c *Client) SendMethods(channel uint16, methods ...amqp.Method) {
	c.t.Helper()
	var b []byte
	for _, m := range methods {
		b = amqp.AppendMethod(b, channel, m)
	}
	c.Send(b)
}

// ReadFrame returns the next frame. The error is io.EOF if the connection
// ends, in order or not, between two frames.
func (c *Client) ReadFrame() (Frame, error) {
	var head [7]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		if gone(err) {
			err = io.EOF
		}
		return Frame{}, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return Frame{}, fmt.Errorf("within a frame: %w", err)
	}
	f := Frame{amqp.FrameType(head[0]), binary.BigEndian.Uint16(head[1:]), b[:len(b)-1]}
	if end := b[len(b)-1]; end != amqp.FrameEnd {
		return Frame{}, fmt.Errorf("%v ends with %#x", f, end)
	}
	return f, nil
}

// gone tells whether an error of reading is the end of the connection, as
// opposed to a deadline.
func gone(err error) bool {
	return !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// Next returns the next frame.
func (c *Client) Next() Frame {
	c.t.Helper()
	f, err := c.ReadFrame()
	if err != nil {
		c.t.Fatalf("awaiting a frame: %v", err)
	}
	return f
}

// NextMethod returns the next frame's channel and method, which it must have.
func (c *Client) NextMethod() (uint16, amqp.Method) {
	c.t.Helper()
	f := c.Next()
	if f.Type != amqp.FrameMethod {
		c.t.Fatalf("got %v, want a method", f)
	}
	m, err := amqp.DecodeMethod(f.Payload)
	if err != nil {
		c.t.Fatalf("got %v: %v", f, err)
	}
	return f.Channel, m
}

// Expect reads one frame for each of the methods and compares it whole.
func (c *Client) Expect(channel uint16, methods ...amqp.Method) {
	c.t.Helper()
	for _, want := range methods {
		got := c.Next()
		whole := amqp.AppendFrame(nil, got.Type, got.Channel, got.Payload)
		if string(whole) != string(amqp.AppendMethod(nil, channel, want)) {
			c.t.Fatalf("got  %v\nwant channel %d %s %+v", got, channel, want.ID(), want)
		}
	}
}

// ExpectContent reads a method with content and returns the content's
// properties and body.
func (c *Client) ExpectContent(channel uint16, method amqp.Method) (amqp.Properties, []byte) {
	c.t.Helper()
	c.Expect(channel, method)
	f := c.Next()
	if f.Type != amqp.FrameHeader || f.Channel != channel || len(f.Payload) < 14 {
		c.t.Fatalf("got %v, want a content header on channel %d", f, channel)
	}
	properties, size := amqp.Properties(f.Payload[12:]), binary.BigEndian.Uint64(f.Payload[4:])
	var body []byte
	for uint64(len(body)) < size {
		f := c.Next()
		if f.Type != amqp.FrameBody || f.Channel != channel {
			c.t.Fatalf("got %v after %d of %d bytes of a body", f, len(body), size)
		}
		body = append(body, f.Payload...)
	}
	if uint64(len(body)) != size {
		c.t.Fatalf("got a body of %d bytes, declared were %d", len(body), size)
	}
	return properties, body
}

// ExpectClose reads connection.close, or channel.close if channel is not 0,
// and compares what it says. id names the method at fault, 0 if none.
func (c *Client) ExpectClose(channel uint16, code amqp.ReplyCode, text string, id amqp.MethodID) {
	c.t.Helper()
	if channel != 0 {
		c.Expect(channel, &amqp.ChannelClose{
			ReplyCode: uint16(code), ReplyText: text, ClassID: id.Class(), MethodID: id.Method(),
		})
		return
	}
	c.Expect(0, &amqp.ConnectionClose{
		ReplyCode: uint16(code), ReplyText: text, ClassID: id.Class(), MethodID: id.Method(),
	})
}

// ExpectBytes reads exactly these bytes.
func (c *Client) ExpectBytes(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
		c.t.Fatalf("got %q (%v), want %q", got[:n], err, want)
	}
}

// ExpectEnd reads the end of the connection.
func (c *Client) ExpectEnd() {
	c.t.Helper()
	switch f, err := c.ReadFrame(); {
	case err == nil:
		c.t.Fatalf("got %v, want the end of the connection", f)
	case !errors.Is(err, io.EOF):
		c.t.Fatalf("got %v, want the end of the connection", err)
	}
}
