package amqp_test

import (
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// backend is a broker that only writes down what it is asked for. Publishes
// are looked at when they are flushed, as late as a session may.
type backend struct {
	server amqp.Server

	// method, if set, carries out methods. Otherwise each has no answer but
	// basic.qos, queue.delete (404) and queue.purge (530).
	method func(ch *backendChannel, m amqp.Method) error

	mu     sync.Mutex
	events []string
	closed []error        // what connections ended with, in Trace.Closed
	panics map[string]int // events that panic, and how often
	forces string         // event at which all connections are closed

	refused uint16        // a channel that is not opened; 0: none
	slow    time.Duration // how long a login takes
}

var errLogin = fmt.Errorf("wrong password")

func newBackend() *backend {
	b := new(backend)
	b.server.Backend = b
	b.server.Config = amqp.Config{
		Properties:       amqp.Table{{Key: "product", Value: "test"}},
		Mechanisms:       []string{"PLAIN", "AMQPLAIN", "EXTERNAL"},
		FrameMax:         131072,
		ChannelMax:       2047,
		Heartbeat:        60 * time.Second,
		MaxMessageSize:   1 << 20,
		HandshakeTimeout: 10 * time.Second,
		LoginDelay:       3 * time.Second,
	}
	b.server.Trace.Closed = func(_ *amqp.Conn, cause error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.closed = append(b.closed, cause)
	}
	return b
}

// connect returns the client's end of a new connection over net.Pipe. The test
// waits for the server to be done with it.
func (b *backend) connect(t testing.TB) *amqptest.Client {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.server.ServeConn(server)
	}()
	t.Cleanup(func() { <-done })
	return amqptest.New(t, client)
}

// open returns a client that has opened a connection and these channels.
func (b *backend) open(t testing.TB, l amqptest.Login, channels ...uint16) *amqptest.Client {
	t.Helper()
	c := b.connect(t)
	c.Open(l)
	c.OpenChannel(channels...)
	return c
}

// took returns what happened since it was last called.
func (b *backend) took() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// expect compares what happened since the last time.
func (b *backend) expect(t testing.TB, want ...string) {
	t.Helper()
	if got := b.took(); !slices.Equal(got, want) {
		t.Errorf("the session saw %q, want %q", got, want)
	}
}

// causes returns what connections have ended with so far.
func (b *backend) causes() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.closed)
}

func (b *backend) note(format string, args ...any) {
	event := fmt.Sprintf(format, args...)
	b.mayPanic(event)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, event)
	if event == b.forces {
		b.closeAll()
	}
}

func (b *backend) mayPanic(event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.panics[event] > 0 {
		b.panics[event]--
		panic("BUG: " + event)
	}
}

// panicAt has the next n of these events panic.
func (b *backend) panicAt(event string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.panics = map[string]int{event: n}
}

func (b *backend) Login(r amqp.LoginRequest) (string, error) {
	<-time.After(b.slow)
	b.note("login")
	switch {
	case r.Mechanism != "PLAIN":
		return "", &amqp.SilentError{Reason: "unknown mechanism"}
	case string(r.Response) != "\x00guest\x00guest":
		return "", errLogin
	}
	return "guest", nil
}

func (b *backend) Open(user, vhost string, c *amqp.Conn) (amqp.Session, error) {
	b.note("open %s as %s", vhost, user)
	if vhost != "/" {
		return nil, amqp.NotAllowed.Errorf("vhost %s not found", vhost)
	}
	return &backendSession{backend: b, conn: c, channels: map[uint16]bool{}}, nil
}

type backendSession struct {
	*backend
	conn      *amqp.Conn
	channels  map[uint16]bool
	published []published
}

type published struct {
	channel uint16
	method  *amqp.BasicPublish
	content amqp.Content
}

func (s *backendSession) OpenChannel(id uint16) (amqp.Channel, error) {
	s.note("channel %d", id)
	if id == s.refused && id != 0 {
		return nil, amqp.NotAllowed.Errorf("no such channel")
	}
	s.channels[id] = true
	return &backendChannel{backendSession: s, id: id}, nil
}

func (s *backendSession) Flush() {
	published := s.published
	s.published = nil
	for _, p := range published {
		s.note("publish %d %q %q %s %q", p.channel, p.method.Exchange, p.method.RoutingKey,
			summary(p.content.Body()), p.content.Properties())
	}
}

// summary shows a short body, and of a long one its size and checksum.
func summary(body []byte) string {
	if len(body) <= 32 {
		return fmt.Sprintf("%q", body)
	}
	return fmt.Sprintf("%d:%08x", len(body), crc32.ChecksumIEEE(body))
}

func (s *backendSession) Pause() { s.mayPanic("pause") }

func (s *backendSession) Close() {
	for _, id := range slices.Sorted(maps.Keys(s.channels)) {
		s.note("close channel %d", id)
	}
	s.note("close")
}

type backendChannel struct {
	*backendSession
	id uint16
}

func (ch *backendChannel) Publish(p *amqp.BasicPublish, content amqp.Content) error {
	if p.Exchange == "missing" {
		return amqp.NotFound.Errorf("no exchange 'missing' in vhost '/'")
	}
	ch.published = append(ch.published, published{ch.id, p, content})
	return nil
}

func (ch *backendChannel) Ack(tag uint64, multiple bool) {
	ch.note("ack %d %d %t", ch.id, tag, multiple)
}

func (ch *backendChannel) Method(m amqp.Method) error {
	ch.note("%s %d", m.ID(), ch.id)
	if ch.method != nil {
		return ch.method(ch, m)
	}
	switch m.(type) {
	case *amqp.BasicQos:
		ch.conn.Outbox().Send(ch.id, &amqp.BasicQosOk{})
	case *amqp.QueueDelete:
		return amqp.NotFound.Errorf("no queue 'q' in vhost '/'")
	case *amqp.QueuePurge:
		return amqp.NotAllowed.Errorf("not now")
	}
	return nil
}

func (ch *backendChannel) Close() {
	ch.note("close channel %d", ch.id)
	delete(ch.channels, ch.id)
}

// sync makes a round trip on a channel: all that was sent before has been
// dealt with when it returns.
func roundTrip(c *amqptest.Client, channel uint16) {
	c.SendMethods(channel, &amqp.BasicQos{})
	c.Expect(channel, &amqp.BasicQosOk{})
}

// since compares the time that has passed in a synctest bubble.
func since(t testing.TB, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("after %v, want %v", got, want)
	}
}
