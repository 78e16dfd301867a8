package amqp

import (
	"errors"
	"time"
)

// closeTimeout bounds the wait for the client's close-ok, or for the client's
// end of the connection after ours (CTL-01, CTL-03).
const closeTimeout = 30 * time.Second

// fail ends the channel or the connection for an error of the method with the
// given id, after what was gathered before it: that was in order, unless the
// error is a bug.
func (c *Conn) fail(channel uint16, id MethodID, err error) {
	if err == nil {
		return
	}
	var bug *panicked
	if !errors.As(err, &bug) {
		c.flush()
	}
	c.Fail(channel, id, err)
}

// Fail is the one place where an error becomes a close: of the channel, or of
// the connection. id is the method at fault, 0 if none is to be named. The
// session calls it for an error of work that it gathered. Reader goroutine
// only.
func (c *Conn) Fail(channel uint16, id MethodID, err error) {
	if c.state != connRunning || err == nil {
		return
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: InternalError, Err: err}
	}
	if e.NoMethod {
		id = 0
	}
	if channel != 0 && !e.IsHard() {
		c.failChannel(channel, id, e)
		return
	}
	c.closing = e
	c.endSession()
	c.out.Send(0, &ConnectionClose{
		ReplyCode: uint16(e.Code), ReplyText: e.ReplyText(),
		ClassID: id.Class(), MethodID: id.Method(),
	})
	c.awaitEnd()
}

func (c *Conn) failChannel(id uint16, method MethodID, e *Error) {
	ch := c.channels[id]
	if ch == nil || ch.state != channelOpen {
		return
	}
	if t := c.server.Trace.ChannelClosed; t != nil {
		t(c, id, e)
	}
	ch.end()
	ch.state = channelClosing
	c.open--
	c.out.Send(id, &ChannelClose{
		ReplyCode: uint16(e.Code), ReplyText: e.ReplyText(),
		ClassID: method.Class(), MethodID: method.Method(),
	})
}

// awaitEnd gives the client a while to take note of a close and to answer it.
func (c *Conn) awaitEnd() {
	c.state = connClosing
	end := time.Now().Add(c.closeTimeout())
	c.readUntil(end)
	c.conn.SetWriteDeadline(end) // it may not read either
}

// closeTimeout is the heartbeat interval where that is shorter (CTL-03).
func (c *Conn) closeTimeout() time.Duration {
	if 0 < c.heartbeat && c.heartbeat < closeTimeout {
		return c.heartbeat
	}
	return closeTimeout
}

// closedByClient answers connection.close. The client is expected to close
// the socket, which is kept open for it (CTL-01).
func (c *Conn) closedByClient() {
	crossing := c.state == connClosing
	c.endSession()
	c.out.Send(0, &ConnectionCloseOk{})
	if !crossing {
		c.awaitEnd()
	}
}

// desynchronised ends a connection whose input cannot be understood any more:
// the client has been told and gets a moment to read it (FRM-02).
func (c *Conn) desynchronised() {
	c.linger()
	c.state = connClosed
}

// linger waits as RabbitMQ does before it drops a connection for a fault of
// the client, so that guessing is slow (CONN-11). The time that a refusal took
// is part of that: it does not tell what there was to think about.
func (c *Conn) linger() {
	t := time.NewTimer(c.server.config().LoginDelay - c.thought)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.server.stopping():
	}
}
