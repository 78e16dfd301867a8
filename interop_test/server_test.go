package interop

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/leveretmq/leveret/broker"
)

// serverOptions are the broker's own.
type serverOptions = broker.Options

// server is a broker in this process with one listener.
type server struct {
	broker *broker.Broker
	addr   string
	served chan error // what Serve returned
}

func startServer(o serverOptions) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{broker: broker.New(o), addr: l.Addr().String(), served: make(chan error, 1)}
	go func() { s.served <- s.broker.Serve(l) }()
	return s, nil
}

// ownServer starts a broker for one test and stops it at its end.
func ownServer(t *testing.T, o serverOptions) *server {
	t.Helper()
	inProcess(t)
	s, err := startServer(o)
	if err != nil {
		t.Fatalf("start broker: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.stop(ctx); err != nil {
			t.Errorf("stop broker: %v", err)
		}
	})
	return s
}

func (s *server) url() string { return "amqp://guest:guest@" + s.addr + "/" }

// stop shuts the broker down and waits for Serve; a second call does nothing.
func (s *server) stop(ctx context.Context) error {
	err := s.broker.Shutdown(ctx)
	select {
	case served, ok := <-s.served:
		if ok {
			close(s.served)
		}
		return errors.Join(err, served)
	case <-ctx.Done():
		return errors.Join(err, errors.New("Serve did not return"))
	}
}
