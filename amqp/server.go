package amqp

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// ErrServerClosed is returned by Serve after Shutdown.
var ErrServerClosed = errors.New("amqp: server closed")

// Config holds what a server offers in connection.start and connection.tune,
// and its limits. All fields must be set, but for Clock.
type Config struct {
	Properties       Table         // server-properties (CONN-02)
	Mechanisms       []string      // of SASL; EXTERNAL is offered to who has shown a certificate (CONN-04)
	FrameMax         uint32        // bytes, overhead included; 0: no limit (CONN-16)
	ChannelMax       uint16        // channels per connection; 0: no limit
	Heartbeat        time.Duration // offered interval, whole seconds; 0: none
	MaxMessageSize   uint64        // bytes of a body (FRM-26)
	HandshakeTimeout time.Duration // from accept to connection.open (CONN-34)
	LoginDelay       time.Duration // pause before a refused client is dropped (CONN-11)
	Clock            Clock         // of heartbeats; nil: RealClock
}

// Server accepts connections and runs the protocol on them. Its fields are
// set before the first call and not changed afterwards.
type Server struct {
	Config  Config
	Backend Backend
	Trace   Trace

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	accepted  uint64 // how many connections there ever were
	shutdown  *Error
	stop      chan struct{} // closed when shutdown begins
	alarms    alarms
	gone      chan struct{} // closed when a connection has ended; nil if nobody waits
	running   sync.WaitGroup
}

func (s *Server) config() *Config { return &s.Config }

func (s *Server) clock() Clock {
	if c := s.Config.Clock; c != nil {
		return c
	}
	return RealClock
}

// Serve accepts connections on l until Shutdown, and returns ErrServerClosed
// then. The listener is closed when it returns.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.track(l) {
		return ErrServerClosed
	}
	defer s.untrack(l)
	for starved := false; ; {
		conn, err := l.Accept()
		if err != nil {
			select {
			case <-s.stopping():
				return ErrServerClosed
			default:
			}
			if !temporary(err) {
				return err
			}
			if t := s.Trace.Starved; t != nil && !starved {
				t(err)
			}
			starved = true
			s.rest()
			continue
		}
		starved = false
		if c := s.add(conn); c != nil {
			go c.run()
		}
	}
}

// temporary tells errors of accept that pass, such as too many open files.
func temporary(err error) bool {
	var ne interface{ Temporary() bool }
	return errors.As(err, &ne) && ne.Temporary()
}

// rest waits until accepting is worth another try.
func (s *Server) rest() {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stopping():
	}
}

// ServeConn runs the protocol on one connection and returns when it has
// ended. It closes conn.
func (s *Server) ServeConn(conn net.Conn) {
	if c := s.add(conn); c != nil {
		c.run()
	}
}

// Shutdown stops accepting, sends connection.close with the given error to
// every client and waits until all connections have ended. When ctx is done
// first, the remaining ones are cut and its error is returned.
func (s *Server) Shutdown(ctx context.Context, cause *Error) error {
	s.mu.Lock()
	if s.shutdown == nil {
		s.shutdown = cause
		s.initLocked()
		close(s.stop)
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Close(cause)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		cut(c.conn)
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

// Conns returns the connections that are there now.
func (s *Server) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

func (s *Server) initLocked() {
	if s.stop == nil {
		s.stop = make(chan struct{})
		s.listeners = map[net.Listener]struct{}{}
		s.conns = map[*Conn]struct{}{}
	}
}

// stopping is closed when shutdown begins.
func (s *Server) stopping() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initLocked()
	return s.stop
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initLocked()
	if s.shutdown != nil {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) untrack(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// add makes a connection known; after Shutdown it is closed instead.
func (s *Server) add(conn net.Conn) *Conn {
	c := &Conn{
		server:   s,
		conn:     conn,
		out:      newOutbox(conn),
		channels: map[uint16]*channel{},
	}
	c.in.conn = conn
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initLocked()
	if s.shutdown != nil {
		cut(conn)
		return nil
	}
	s.accepted++
	c.id = s.accepted
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return c
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	if s.gone != nil {
		close(s.gone)
		s.gone = nil
	}
	s.mu.Unlock()
	s.running.Done()
}
