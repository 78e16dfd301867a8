package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// ownOutboxHigh bounds the replies that gather for a client which does not
// read them: beyond it the client's own input is not read any more.
const ownOutboxHigh = 4 << 20

// lastWords is how long a client has to take what is pending at the end of its
// connection.
const lastWords = 3 * time.Second

// Conn is one client connection. Its reader goroutine runs the protocol and
// calls the Session; see the package comment for who owns what.
type Conn struct {
	server *Server
	id     uint64 // immutable
	conn   net.Conn
	out    *Outbox
	in     input

	// Set during the handshake by the reader goroutine, then immutable.
	user, vhost string
	mechanism   string               // of the login
	properties  Table                // the client's
	tls         *tls.ConnectionState // nil without TLS
	frameMax    int
	channelMax  int
	heartbeat   time.Duration
	thought     time.Duration // how long a login took that was refused

	// Reader goroutine only.
	handshaking MethodID // the method that the handshake has last taken, 0 for another frame
	session     Session
	channels    map[uint16]*channel
	last        *channel // the channel of the last frame
	open        int      // channels in state open
	flushes     uint64   // counts calls of Session.Flush
	state       connState
	closing     error     // why the connection ends, once it does
	until       time.Time // the reader gives up waiting; the zero time: never

	beat    heart
	reading atomic.Bool // the reader waits for input
	unread  atomic.Bool // the reader waits for the client to take its answers
	blocked atomic.Bool // the reader waits for an alarm to clear

	forced struct { // a close from outside the reader
		sync.Mutex
		err   *Error
		taken bool  // the reader deals with err
		lost  error // why the socket was closed under the reader
	}
	errands errands

	accepted bool // what came was no probe: worth a word in the log
}

var errMissedHeartbeats = errors.New("missed heartbeats from client")

// connState is where the connection stands after the handshake.
type connState int

const (
	connRunning connState = iota
	connClosing           // connection.close was sent; close-ok is awaited
	connClosed            // nothing more is to be read
)

// Outbox is where frames for the client are put.
func (c *Conn) Outbox() *Outbox { return c.out }

// RemoteAddr is the address of the client.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// LocalAddr is the address that the client has connected to.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// ID is unique among the connections that the server ever had.
func (c *Conn) ID() uint64 { return c.id }

// User is the authenticated user, empty before login.
func (c *Conn) User() string { return c.user }

// Vhost is the virtual host named in connection.open.
func (c *Conn) Vhost() string { return c.vhost }

// TLS is what was agreed on with the client before the protocol began, nil if the
// connection is not secured.
func (c *Conn) TLS() *tls.ConnectionState { return c.tls }

// FrameMax is the negotiated frame size in bytes, overhead included.
func (c *Conn) FrameMax() int { return c.frameMax }

// ChannelMax is the negotiated number of channels.
func (c *Conn) ChannelMax() int { return c.channelMax }

// Heartbeat is the negotiated interval, 0 if there is none.
func (c *Conn) Heartbeat() time.Duration { return c.heartbeat }

// Mechanism is the SASL mechanism of the login.
func (c *Conn) Mechanism() string { return c.mechanism }

// Properties are the client's. They must not be changed.
func (c *Conn) Properties() Table { return c.properties }

// Traffic is how many bytes came from the client and were written to it. It may
// be called by anyone.
func (c *Conn) Traffic() (received, written uint64) {
	return c.in.received.Load(), c.out.written.Load()
}

// State is how the connection is doing, in RabbitMQ's words: running; blocking,
// while an alarm is raised; blocked, if the client published meanwhile; closing,
// when Close was called. It may be called by anyone.
func (c *Conn) State() string {
	switch {
	case c.Forced() != nil:
		return "closing"
	case c.blocked.Load():
		return "blocked"
	case c.server.alarms.on():
		return "blocking"
	}
	return "running"
}

// Capable tells whether the client declared a capability (CONN-14).
func (c *Conn) Capable(name string) bool {
	v, _ := c.properties.Get("capabilities")
	capabilities, _ := v.(Table)
	has, _ := capabilities.Get(name)
	yes, _ := has.(bool)
	return yes
}

// Name is the connection_name that the client gave itself (CONN-15).
func (c *Conn) Name() string {
	v, _ := c.properties.Get("connection_name")
	name, _ := v.(string)
	return name
}

// run is the reader goroutine: handshake, frames, teardown.
func (c *Conn) run() {
	defer c.teardown()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("amqp", "reader")))
	if err := guarded(c.handshake); err != nil {
		c.refuse(err)
		return
	}
	c.beat.start(c)
	for c.state != connClosed {
		if err := guarded(c.step); err != nil {
			c.interrupted(err)
		}
	}
}

// step takes what has been read, and reads more.
func (c *Conn) step() error {
	need, err := c.parse()
	if err == nil {
		err = c.fill(need)
	}
	return err
}

// guarded calls f. A panic in it is a bug, which costs this connection and no
// other.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Code: InternalError, NoMethod: true, Err: &panicked{p, debug.Stack()}}
		}
	}()
	return f()
}

// fill waits for input, when all gathered work is done and the client takes
// what it is sent.
func (c *Conn) fill(need int) error {
	c.flush()
	c.awaitAnswers()
	if c.session != nil {
		c.session.Pause()
	}
	if c.state == connClosed {
		return nil
	}
	c.reading.Store(true)
	var err error
	if !c.errands.some.Load() {
		err = c.in.fill(need)
	}
	c.reading.Store(false)
	if c.errands.some.Load() {
		err = c.runErrands(err)
	}
	return err
}

// awaitAnswers holds the reader back while the client does not take what it is
// answered.
func (c *Conn) awaitAnswers() {
	c.unread.Store(true)
	c.out.wait(ownOutboxHigh)
	c.unread.Store(false)
}

// flush hands over what the session gathered.
func (c *Conn) flush() {
	c.flushes++
	if c.session != nil {
		c.session.Flush()
	}
}

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
