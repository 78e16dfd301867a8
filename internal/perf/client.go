package perf

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

const (
	readSize  = 256 << 10
	frameMax  = 128 << 10 // a frame of it has room in a read buffer
	replyTime = 30 * time.Second

	frameHeaderSize = amqp.FrameOverhead - 1
)

// client is a connection with its channel 1, on which all happens that is
// neither the connection's nor of a channel that was opened besides.
type client struct {
	nc       net.Conn
	r        *bufio.Reader
	arrived  time.Time // what is in r
	frameMax int
}

// frame is valid until the next one is read.
type frame struct {
	kind    amqp.FrameType
	channel uint16
	payload []byte
}

// refusal is why the broker has closed the channel or the connection.
type refusal struct {
	Code amqp.ReplyCode
	Text string
}

// Error implements error.
func (r *refusal) Error() string {
	return fmt.Sprintf("closed by the broker: %d %s", uint16(r.Code), r.Text)
}

var (
	idDeliver         = (&amqp.BasicDeliver{}).ID()
	idCancel          = (&amqp.BasicCancel{}).ID()
	idAck             = (&amqp.BasicAck{}).ID()
	idNack            = (&amqp.BasicNack{}).ID()
	idReturn          = (&amqp.BasicReturn{}).ID()
	idChannelClose    = (&amqp.ChannelClose{}).ID()
	idConnectionClose = (&amqp.ConnectionClose{}).ID()
	idCloseOk         = (&amqp.ConnectionCloseOk{}).ID()
	idCommitOk        = (&amqp.TxCommitOk{}).ID()
)

// connect opens a connection and its channel.
func connect(ctx context.Context, a address) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.host)
	if err != nil {
		return nil, err
	}
	if a.tls != nil {
		nc = tls.Client(nc, a.tls)
	}
	c := &client{nc: nc}
	c.r = bufio.NewReaderSize(c, readSize)
	defer context.AfterFunc(ctx, func() { c.abort() })()
	if err := c.open(a); err != nil {
		c.abort()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("connect to %s: %w", a.host, err)
	}
	return c, nil
}

// Read fills the buffer, and takes the time.
func (c *client) Read(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	c.arrived = time.Now()
	return n, err
}

func (c *client) open(a address) error {
	if _, err := c.nc.Write([]byte(amqp.ProtocolHeader)); err != nil {
		return err
	}
	if err := c.expect(&amqp.ConnectionStart{}); err != nil {
		return err
	}
	var tune amqp.ConnectionTune
	start := &amqp.ConnectionStartOk{
		ClientProperties: properties, Mechanism: "PLAIN", Locale: "en_US",
		Response: []byte("\x00" + a.user + "\x00" + a.password),
	}
	if err := c.ask(0, start, &tune); err != nil {
		return err
	}
	c.frameMax = frameMax
	if n := int(tune.FrameMax); n >= amqp.MinFrameMax {
		c.frameMax = min(frameMax, n)
	}
	tuned := &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: uint32(c.frameMax)}
	if err := c.send(0, tuned); err != nil {
		return err
	}
	if err := c.ask(0, &amqp.ConnectionOpen{VirtualHost: a.vhost}, &amqp.ConnectionOpenOk{}); err != nil {
		return err
	}
	return c.call(&amqp.ChannelOpen{}, &amqp.ChannelOpenOk{})
}

// properties are the client's. It wants to hear of queues that are deleted.
var properties = amqp.Table{
	{Key: "product", Value: "leveret perf"},
	{Key: "capabilities", Value: amqp.Table{
		{Key: "publisher_confirms", Value: true},
		{Key: "basic.nack", Value: true},
		{Key: "consumer_cancel_notify", Value: true},
		{Key: "authentication_failure_close", Value: true},
	}},
}

// abort ends the connection without a word.
func (c *client) abort() { _ = c.nc.Close() }

// end ends reading, and writing after a while.
func (c *client) end(patience time.Duration) {
	now := time.Now()
	_ = c.nc.SetReadDeadline(now)
	_ = c.nc.SetWriteDeadline(now.Add(patience))
}

// close ends the connection when the broker has read all that was sent.
func (c *client) close() error {
	defer c.abort()
	_ = c.nc.SetDeadline(time.Now().Add(replyTime))
	return c.ask(0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess)}, &amqp.ConnectionCloseOk{})
}

// openChannel opens another channel, unless it is the first one.
func (c *client) openChannel(channel uint16) error {
	if channel == 1 {
		return nil
	}
	return c.ask(channel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{})
}

// call sends a method on the channel and waits for its reply.
func (c *client) call(m, reply amqp.Method) error { return c.ask(1, m, reply) }

func (c *client) ask(channel uint16, m, reply amqp.Method) error {
	if err := c.send(channel, m); err != nil {
		return err
	}
	return c.expect(reply)
}

func (c *client) send(channel uint16, m amqp.Method) error {
	_, err := c.nc.Write(amqp.AppendMethod(nil, channel, m))
	return err
}

// expect reads until a method, which it decodes.
func (c *client) expect(reply amqp.Method) error {
	for {
		f, err := c.readFrame()
		if err != nil {
			return err
		}
		switch f.method() {
		case reply.ID():
			return amqp.Decode(reply, f.payload)
		case idConnectionClose, idChannelClose:
			return f.refusal()
		}
	}
}

// readFrame returns the next frame, which stays in the buffer.
func (c *client) readFrame() (frame, error) {
	h, err := c.r.Peek(frameHeaderSize)
	if err != nil {
		return frame{}, err
	}
	kind, n := amqp.FrameType(h[0]), binary.BigEndian.Uint32(h[3:])
	if n > readSize-amqp.FrameOverhead {
		return frame{}, fmt.Errorf("a frame of %d bytes", n)
	}
	b, err := c.r.Peek(int(n) + amqp.FrameOverhead)
	if err != nil {
		return frame{}, err
	}
	if b[len(b)-1] != amqp.FrameEnd {
		return frame{}, errors.New("a frame without an end")
	}
	_, err = c.r.Discard(len(b))
	return frame{kind, binary.BigEndian.Uint16(b[1:]), b[frameHeaderSize : len(b)-1]}, err
}

// method is 0 for a frame that has none.
func (f frame) method() amqp.MethodID {
	if f.kind != amqp.FrameMethod {
		return 0
	}
	id, _ := amqp.PayloadID(f.payload)
	return id
}

// refusal is what a frame that closes a channel or a connection says.
func (f frame) refusal() error {
	m, err := amqp.DecodeMethod(f.payload)
	switch m := m.(type) {
	case *amqp.ConnectionClose:
		return &refusal{amqp.ReplyCode(m.ReplyCode), m.ReplyText}
	case *amqp.ChannelClose:
		return &refusal{amqp.ReplyCode(m.ReplyCode), m.ReplyText}
	}
	return err
}
