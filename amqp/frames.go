package amqp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// parse takes every complete frame that stands in the read buffer. It returns
// how many bytes have to stand in one piece before it can go on.
func (c *Conn) parse() (need int, err error) {
	for c.state != connClosed {
		b := c.in.unparsed()
		if len(b) < 7 {
			return 7, nil
		}
		kind, id, size := FrameType(b[0]), binary.BigEndian.Uint16(b[1:]), binary.BigEndian.Uint32(b[3:])
		if uint64(size) > uint64(c.frameMax) { // 8 bytes of slack: FRM-03
			return 0, c.tooLarge(kind, size)
		}
		end := int(size) + FrameOverhead
		if len(b) < end {
			if kind == FrameBody && c.state == connRunning {
				if done, err := c.largeBody(id, int(size)); done || err != nil {
					if err != nil {
						return 0, err
					}
					continue
				}
			}
			return end, nil
		}
		payload := b[7 : end-1]
		if b[end-1] != FrameEnd {
			return 0, badFrameEnd(kind, payload, b[end-1])
		}
		c.in.r += end
		c.frame(kind, id, payload)
	}
	return 0, nil
}

// frame takes one frame in a connection that is open.
func (c *Conn) frame(kind FrameType, id uint16, payload []byte) {
	switch {
	case kind == FrameHeartbeat && len(payload) == 0:
		if id != 0 && c.state == connRunning {
			c.fail(0, 0, unexpectedFrame(kind, payload)) // HB-06
		}
	case kind < FrameMethod || kind > FrameBody || len(payload) < leastPayload[kind]:
		if c.state == connRunning {
			c.fail(0, 0, unknownFrame(kind, payload))
			c.desynchronised()
		}
	case id == 0 && kind == FrameMethod:
		c.controlMethod(payload)
	case c.state != connRunning: // FRM-30
	case id == 0:
		c.fail(0, 0, unexpectedFrame(kind, payload)) // FRM-13
	default:
		c.channelFrame(kind, id, payload)
	}
}

// leastPayload is the shortest payload of each frame type (FRM-06).
var leastPayload = [...]int{FrameMethod: 4, FrameHeader: contentHeaderSize, FrameBody: 0}

// controlMethod takes a method on channel 0.
func (c *Conn) controlMethod(payload []byte) {
	id := methodID(payload)
	switch {
	case id == idConnectionCloseOk && c.state == connClosing:
		c.state = connClosed
		return
	case id == idConnectionClose:
	case c.state != connRunning:
		return
	}
	m, err := DecodeMethod(payload)
	if err != nil {
		c.fail(0, id, controlError(err))
		return
	}
	switch m.(type) {
	case *ConnectionClose:
		c.flush()
		c.closedByClient()
	case *ConnectionUpdateSecret: // CTL-14: there is no secret that could expire
		c.out.Send(0, &ConnectionUpdateSecretOk{})
	default: // CONN-33, FRM-12
		c.fail(0, id, ChannelError.Errorf("unexpected method in connection state running"))
	}
}

// controlError is what a method on channel 0 that cannot be decoded comes to.
// RabbitMQ does not say why, but names the method for a malformed string.
func controlError(err error) error {
	var e *Error
	switch {
	case !errors.As(err, &e) || e.Code != FrameError:
		return err
	case e.NoMethod:
		return &Error{Code: e.Code, Text: e.Text}
	}
	return &Error{Code: InternalError, NoMethod: true, Err: err}
}

// tooLarge is FRM-04: raised by the frame's head alone.
func (c *Conn) tooLarge(kind FrameType, size uint32) *Error {
	return FrameError.Errorf("type %d, all octets = <<>>: {frame_too_large,%d,%d}",
		kind, size, c.frameMax-FrameOverhead)
}

func badFrameEnd(kind FrameType, payload []byte, end byte) *Error {
	return FrameError.Errorf("%s", describeBadEnd(kind, payload, end)) // FRM-02
}

func unknownFrame(kind FrameType, payload []byte) *Error {
	return FrameError.Errorf("%s: unknown_frame", describeFrame(kind, payload)) // FRM-05, FRM-06, HB-07
}

func unexpectedFrame(kind FrameType, payload []byte) *Error {
	e := UnexpectedFrame.Errorf("%s", describeFrame(kind, payload))
	e.NoMethod = true
	return e
}

// methodID is the class and method at the start of a method frame's payload.
func methodID(payload []byte) MethodID { return MethodID(binary.BigEndian.Uint32(payload)) }

// panicked is a panic that was recovered. What the session has gathered can
// not be trusted after it.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }
