package interop

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// line is a client's socket that a test can stop reading, silence or cut.
type line struct {
	net.Conn
	mute atomic.Bool // what the client writes goes nowhere
	read gate
	// heard is called with the bytes of each read. Set before the dial.
	heard func([]byte)
}

// dialLine connects over a line of its own.
func dialLine(t testing.TB, l *line, options ...func(*amqp.Config)) *amqp.Connection {
	t.Helper()
	conn := dial(t, append(options, func(c *amqp.Config) { c.Dial = l.dial })...)
	t.Cleanup(l.releaseReads) // before the connection is closed
	return conn
}

func (l *line) dial(network, addr string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, addr, patience)
	l.Conn = conn
	return l, err
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.read.pass()
	if l.heard != nil {
		l.heard(p[:n])
	}
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	if l.mute.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// Close ends the socket, and a read that is held.
func (l *line) Close() error {
	err := l.Conn.Close()
	l.read.open()
	return err
}

// cut closes the socket without a word and waits until the client has noticed.
func (l *line) cut(t testing.TB, conn *amqp.Connection) {
	t.Helper()
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	_ = l.Close()
	_ = await(t, closed, "the client to notice the cut")
}

// holdReads keeps from the client, until releaseReads, whatever comes from now
// on: its next read does not return.
func (l *line) holdReads() { l.read.shut() }

func (l *line) releaseReads() { l.read.open() }

// gate lets everybody pass unless it is shut.
type gate struct {
	mu struct {
		sync.Mutex
		shut chan struct{} // nil when open
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.shut == nil {
		g.mu.shut = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.shut != nil {
		close(g.mu.shut)
		g.mu.shut = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.mu.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

// heartbeat sets the interval that the client asks for.
func heartbeat(d time.Duration) func(*amqp.Config) {
	return func(c *amqp.Config) { c.Heartbeat = d }
}

// frameMax sets the largest frame that the client asks for.
func frameMax(n int) func(*amqp.Config) {
	return func(c *amqp.Config) { c.FrameSize = n }
}

// channelMax sets the number of channels that the client asks for.
func channelMax(n uint16) func(*amqp.Config) {
	return func(c *amqp.Config) { c.ChannelMax = n }
}
