package amqp

import (
	"errors"
	"io"
	"net"
	"time"
)

// interrupted deals with the end of input: a close asked for from outside,
// an error of the protocol, or a lost connection.
func (c *Conn) interrupted(err error) {
	if c.state == connRunning {
		if forced := c.takeForced(); forced != nil {
			c.fail(0, 0, forced)
			if err := c.in.discard(); err != nil {
				c.state = connClosed
			}
			return
		}
		var e *Error
		if errors.As(err, &e) {
			c.fail(0, 0, e)
			c.desynchronised()
			return
		}
	}
	if c.closing == nil && c.state == connRunning {
		c.closing = c.whyLost(err)
	}
	c.state = connClosed
}

// whyLost is the cause of a failed read: ours if we closed the socket.
func (c *Conn) whyLost(err error) error {
	c.forced.Lock()
	defer c.forced.Unlock()
	if c.forced.lost != nil {
		return c.forced.lost
	}
	if bug := c.out.fault(); bug != nil {
		return bug
	}
	return err
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed)
}

// teardown is the one way in which a connection ends.
func (c *Conn) teardown() {
	c.beat.stop()
	c.endSession()
	c.conn.SetWriteDeadline(time.Now().Add(lastWords))
	c.out.drain()
	c.conn.Close()
	c.out.close()
	c.in.release()
	if t := c.server.Trace.Closed; t != nil && c.accepted {
		t(c, c.closing)
	}
	c.server.remove(c)
}

// endSession closes the session, and with it its channels, once.
func (c *Conn) endSession() {
	s := c.session
	if s == nil {
		return
	}
	c.session = nil
	for _, ch := range c.channels {
		ch.session = nil
	}
	if err := guarded(func() error { s.Close(); return nil }); err != nil {
		c.closing = err
	}
}

// Close has the reader send connection.close with the given error and end the
// connection. It may be called by anyone, does not wait, and has no effect on
// a connection that Close was called for before.
func (c *Conn) Close(err *Error) {
	c.forced.Lock()
	defer c.forced.Unlock()
	if c.forced.err == nil {
		c.forced.err = err
		c.conn.SetReadDeadline(longAgo)                       // wakes the reader
		c.conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // for a client that does not read
		c.out.hurry()
	}
}

// Forced is what Close was called with, nil if it was not.
func (c *Conn) Forced() *Error {
	c.forced.Lock()
	defer c.forced.Unlock()
	return c.forced.err
}

var longAgo = time.Unix(1, 0)

// readUntil sets when the reader gives up waiting, the zero time for never: at
// once if it has yet to deal with a Close.
func (c *Conn) readUntil(t time.Time) {
	c.until = t
	c.forced.Lock()
	defer c.forced.Unlock()
	if c.forced.err != nil && !c.forced.taken {
		t = longAgo
	}
	c.conn.SetReadDeadline(t)
}

// takeForced returns what Close was called with, nil if it was not.
func (c *Conn) takeForced() *Error {
	c.forced.Lock()
	defer c.forced.Unlock()
	c.forced.taken = c.forced.err != nil
	return c.forced.err
}
