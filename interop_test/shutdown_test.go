package interop

import (
	"context"
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const shutdownText = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"

// CTL-07
func TestShutdownTellsEveryClient(t *testing.T) {
	s := ownServer(t, serverOptions{})
	var closed []chan *amqp.Error
	for range 5 {
		conn := dialURL(t, s.url())
		ch := publisher(t, conn)
		q := private(t, ch)
		_, err := ch.Consume(q, "", false, false, false, false, nil)
		must(t, err)
		put(t, ch, "", q, "0", "1")
		closed = append(closed, conn.NotifyClose(make(chan *amqp.Error, 1)))
	}
	must(t, s.stop(t.Context()))
	for _, c := range closed {
		wantError(t, closing(t, c), 320, shutdownText)
	}
	if _, err := amqp.Dial(s.url()); err == nil {
		t.Error("a broker that was shut down accepts connections")
	}
}

// CTL-07: while the clients are busy.
func TestShutdownUnderLoad(t *testing.T) {
	s := ownServer(t, serverOptions{})
	conn := dialURL(t, s.url())
	ch, consumer := open(t, conn), open(t, dialURL(t, s.url()))
	q, err := ch.QueueDeclare(unique(), false, false, false, false, nil)
	must(t, err)
	deliveries, err := consumer.Consume(q.Name, "", true, false, false, false, nil)
	must(t, err)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	go func() {
		for ch.PublishWithContext(t.Context(), "", q.Name, false, false, text("busy")) == nil {
		}
	}()
	receiveBodies(t, deliveries, 100)
	must(t, s.stop(t.Context()))
	wantError(t, closing(t, closed), 320, shutdownText)
	for range deliveries { // ends
	}
}

// Shutdown is bounded by its context, whatever a client does not do.
func TestShutdownDoesNotWaitForever(t *testing.T) {
	for _, tt := range []struct {
		name    string
		connect func(t *testing.T, s *server) (cleanup func())
	}{
		{"a client that does not read", func(t *testing.T, s *server) func() {
			l := &line{}
			conn := dialURL(t, s.url(), func(c *amqp.Config) { c.Dial = l.dial })
			ch := open(t, conn)
			q := private(t, ch)
			_, err := ch.Consume(q, "", true, false, false, false, nil)
			must(t, err)
			l.holdReads()
			pub := publisher(t, dialURL(t, s.url()))
			for range 20 {
				putMessage(t, pub, "", q, pattern(1<<20, 1))
			}
			return func() { _ = l.Close() }
		}},
		{"a client that says nothing", func(t *testing.T, s *server) func() {
			c, err := net.Dial("tcp", s.addr)
			must(t, err)
			return func() { _ = c.Close() }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inProcess(t)
			s, err := startServer(serverOptions{})
			must(t, err)
			defer tt.connect(t, s)()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = s.broker.Shutdown(ctx) // how it went is not what is asked
			}()
			await(t, done, "Shutdown")
			must(t, await(t, s.served, "Serve"))
		})
	}
}
