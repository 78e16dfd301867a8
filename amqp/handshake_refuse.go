package amqp

import (
	"errors"
	"net"
	"os"
)

// refusedLogin ends a connection whose client did not authenticate.
type refusedLogin struct{ mechanism string }

func (r *refusedLogin) Error() string {
	return "Login was refused using authentication mechanism " + r.mechanism +
		". For details see the broker logfile."
}

// SilentError is a refused login that the client is not told about even if it
// could be: the response made no sense or the mechanism is not offered
// (CONN-05 to CONN-07).
type SilentError struct{ Reason string }

// Error returns the reason, for the log.
func (e *SilentError) Error() string { return e.Reason }

// refuse ends a connection whose handshake failed. The client learns why only
// where RabbitMQ tells it; otherwise the socket closes after a pause.
func (c *Conn) refuse(err error) {
	c.closing = err
	if forced := c.takeForced(); forced != nil {
		c.closing = forced
		return
	}
	var e *Error
	switch {
	case errors.Is(err, errHandshake):
		c.linger()
	case errors.As(err, &e):
		c.fail(0, c.handshaking, e)
		c.awaitCloseOk()
	case isGone(err), errors.Is(err, errProtocol), errors.Is(err, errSecure), errors.Is(err, os.ErrDeadlineExceeded):
	default:
		c.linger()
	}
}

func isGone(err error) bool {
	var op *net.OpError
	return errors.Is(err, errNoHeader) || errors.As(err, &op) || isEOF(err)
}

// awaitCloseOk reads on until the client has taken note of a close.
func (c *Conn) awaitCloseOk() {
	for c.state == connClosing {
		if err := guarded(c.step); err != nil {
			var e *Error
			if errors.As(err, &e) { // nothing more can be understood
				c.linger()
			}
			return
		}
	}
}
