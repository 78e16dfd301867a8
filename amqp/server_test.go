package amqp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{})}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipes) dial(t *testing.T) *amqptest.Client {
	client, server := net.Pipe()
	l.conns <- server
	return amqptest.New(t, client)
}

// serve runs Serve and returns what it will return.
func (b *backend) serve(l net.Listener) <-chan error {
	done := make(chan error, 1)
	go func() { done <- b.server.Serve(l) }()
	return done
}

// shutdown runs Shutdown and returns what it will return. The zero limit is
// none.
func (b *backend) shutdown(limit time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx := context.Background()
		if limit > 0 {
			var cancel func()
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		done <- b.server.Shutdown(ctx, forced)
	}()
	return done
}

// temporary is an error of accept that passes.
type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func TestServeUntilShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		l, other := newPipes(), newPipes()
		served, servedOther := b.serve(l), b.serve(other)
		l.dial(t).Reach(amqptest.Started, amqptest.Login{})
		other.dial(t).Open(amqptest.Login{})
		synctest.Wait()
		if n := len(b.server.Conns()); n != 2 {
			t.Errorf("%d connections", n)
		}
		if err := <-b.shutdown(time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		for _, done := range []<-chan error{served, servedOther, b.serve(newPipes())} {
			if err := <-done; !errors.Is(err, amqp.ErrServerClosed) {
				t.Errorf("Serve: %v", err)
			}
		}
		<-l.closed
		<-other.closed
		c := b.connect(t) // too late
		c.ExpectEnd()
		if err := <-b.shutdown(0); err != nil { // again
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// Errors of accept that pass are borne, and told once.
func TestServeBearsWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		var told []error
		b.server.Trace.Starved = func(cause error) { told = append(told, cause) }
		l := newPipes()
		served := b.serve(l)
		for range 2 {
			for range 3 {
				l.errs <- temporary{errors.New("too many open files")}
			}
			c := l.dial(t)
			c.Open(amqptest.Login{})
			c.Quit()
		}
		if err := <-b.shutdown(0); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, amqp.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if len(told) != 2 {
			t.Errorf("told %v", told)
		}
	})
}

func TestServeEndsWithItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		l := newPipes()
		served := b.serve(l)
		c := l.dial(t)
		c.Open(amqptest.Login{})
		broken := errors.New("broken")
		l.errs <- broken
		if err := <-served; !errors.Is(err, broken) {
			t.Errorf("Serve: %v", err)
		}
		<-l.closed
		c.Quit() // connections go on
		if err := <-b.shutdown(0); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func TestShutdownOfAServerThatNeverServed(t *testing.T) {
	if err := new(amqp.Server).Shutdown(t.Context(), forced); err != nil {
		t.Error(err)
	}
}

// A shutdown while accepting rests does not wait for it.
func TestShutdownWhileAcceptRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		l := newPipes()
		served := b.serve(l)
		l.errs <- temporary{errors.New("too many open files")}
		synctest.Wait()
		if err := <-b.shutdown(0); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, amqp.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		since(t, begin, 0)
	})
}

// CTL-07
func TestShutdownWithClientsThatAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		var clients []*amqptest.Client
		for range 20 {
			clients = append(clients, b.open(t, amqptest.Login{}, 1, 2))
		}
		done := b.shutdown(0)
		for _, c := range clients {
			c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
			c.SendMethods(0, &amqp.ConnectionCloseOk{})
			c.ExpectEnd()
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		since(t, begin, 0)
		for _, cause := range b.causes() {
			if !errors.Is(cause, forced) {
				t.Errorf("ended with %v", cause)
			}
		}
	})
}

// Clients in a handshake, or refused and still connected, are not waited for.
func TestShutdownWithClientsThatAreNotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		for _, phase := range amqptest.Phases[:amqptest.Opened] {
			b.connect(t).Reach(phase, amqptest.Login{})
		}
		refused := b.connect(t)
		refused.Reach(amqptest.Started, amqptest.Login{})
		refused.SendMethods(0, &amqp.ConnectionStartOk{Mechanism: "PLAIN"})
		broken := b.open(t, amqptest.Login{}, 1)
		broken.Send(amqp.AppendFrame(nil, 4, 1, nil))
		broken.Next()
		gone := b.open(t, amqptest.Login{}, 1)
		gone.SendMethods(0, &amqp.ConnectionClose{})
		gone.Expect(0, &amqp.ConnectionCloseOk{})
		synctest.Wait()
		if err := <-b.shutdown(0); err != nil {
			t.Error(err)
		}
		since(t, begin, 0)
	})
}

func TestShutdownWithClientsThatDoNotAnswer(t *testing.T) {
	for _, tt := range []struct {
		heartbeat  uint16
		limit, end time.Duration
		err        error
	}{
		{heartbeat: 0, end: 30 * time.Second},
		{heartbeat: 5, end: 5 * time.Second},
		{heartbeat: 0, limit: 2 * time.Second, end: 2 * time.Second, err: context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{Heartbeat: tt.heartbeat}, 1)
			begin := time.Now()
			done := b.shutdown(tt.limit)
			c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
			expectEndAmongHeartbeats(t, c)
			if err := <-done; !errors.Is(err, tt.err) {
				t.Errorf("Shutdown: %v", err)
			}
			since(t, begin, tt.end)
		})
	}
}

// Clients that do not read: nothing, a little or more than is kept for them
// waits for them, and some are blocked themselves.
func TestShutdownWithClientsThatDoNotRead(t *testing.T) {
	const limit = 10 * time.Second
	for _, tt := range []struct {
		pending int
		limit   time.Duration
		longest time.Duration
	}{
		{pending: 0, longest: 33 * time.Second}, // to close and to write what is left
		{pending: 1000, longest: 33 * time.Second},
		{pending: 5 << 20, longest: 33 * time.Second},
		{pending: 0, limit: limit, longest: limit},
		{pending: 1000, limit: limit, longest: limit},
		{pending: 5 << 20, limit: limit, longest: limit},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			b.method = answerWith(tt.pending)
			c := b.open(t, amqptest.Login{}, 1)
			if tt.pending > 0 {
				c.SendMethods(1, &amqp.BasicGet{})
			}
			synctest.Wait()
			begin := time.Now()
			err := <-b.shutdown(tt.limit)
			if (err != nil) != (tt.limit > 0) {
				t.Errorf("Shutdown: %v", err)
			}
			if d := time.Since(begin); d > tt.longest {
				t.Errorf("took %v with %d bytes pending, want at most %v", d, tt.pending, tt.longest)
			}
		})
	}
}

// Several shutdowns at once all wait for the end.
func TestShutdownTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		first, second := b.shutdown(0), b.shutdown(0)
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		third := b.shutdown(time.Second)
		if err := <-third; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		c.ExpectEnd()
		for _, done := range []<-chan error{first, second} {
			if err := <-done; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}
	})
}

// Connections that come and go while the server shuts down.
func TestShutdownDuringArrivals(t *testing.T) {
	b := newBackend()
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 20 {
				client, server := net.Pipe()
				go func() {
					client.Write(amqptest.Login{}.Bytes())
				}()
				go func() {
					buf := make([]byte, 1024)
					for {
						if _, err := client.Read(buf); err != nil {
							return
						}
					}
				}()
				b.server.ServeConn(server)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.server.Shutdown(ctx, forced); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	clients.Wait()
	if n := len(b.server.Conns()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
