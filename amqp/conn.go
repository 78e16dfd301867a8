package amqp

import (
	"context"
	"crypto/tls"
	"errors"
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
