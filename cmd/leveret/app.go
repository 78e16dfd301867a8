package main

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/control"
	"github.com/leveretmq/leveret/storage"
)

// shutdownLimit bounds the graceful stop: clients that have not answered
// connection.close by then are cut off.
const shutdownLimit = 10 * time.Second

// app is a broker with its listeners, as RabbitMQ's rabbit application: commands
// stop and start it while the process goes on.
type app struct {
	broker *broker.Broker
	limits *limits
	doors  []door

	running int        // of doors
	ended   chan error // of each door that does not run any more
}

// ends is nil, as that of failed, while nothing runs.
func (a *app) ends() <-chan error {
	if a == nil {
		return nil
	}
	return a.ended
}

func (a *app) failed() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.broker.Failed()
}

// open opens the broker with what it has kept, and then its doors.
func (s *server) open(ctx context.Context) error {
	booted := make(chan struct{})
	shown := &control.App{Booted: booted}
	s.shown.Store(shown)
	defer close(booted)
	a, err := s.newApp(ctx)
	if err != nil {
		s.shown.Store(nil)
		return err
	}
	for _, d := range a.doors {
		go func() { a.ended <- a.broker.Serve(d) }() // waited for in close
	}
	s.app = a
	s.show(shown)
	return nil
}

// newApp is one whose doors nobody serves yet.
func (s *server) newApp(ctx context.Context) (*app, error) {
	b, err := s.openWithDefinitions(ctx)
	if err != nil {
		return nil, err
	}
	doors, err := s.openDoors()
	if err != nil {
		return nil, errors.Join(err, b.Shutdown(ctx))
	}
	return &app{
		broker: b, limits: watchLimits(alarms{b, s.log}, s.settings), doors: doors, running: len(doors), ended: make(chan error, len(doors)),
	}, nil
}

// openDoors opens all listeners, or none.
func (s *server) openDoors() ([]door, error) {
	doors, err := openDoors("TCP", s.listen)
	if err != nil {
		return nil, err
	}
	secure, err := openDoors("TLS (SSL)", s.listenTLS)
	if err != nil {
		closeDoors(doors)
		return nil, err
	}
	for _, d := range secure {
		d.Listener = tls.NewListener(d.Listener, s.certs.Config())
		doors = append(doors, d)
	}
	return doors, nil
}

// close tells all clients, waits for a while until they have gone, and closes what
// open opened.
func (s *server) close(ctx context.Context) error {
	a := s.app
	s.app = nil
	s.shown.Store(nil)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	err := a.broker.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn().Err(err).Msg("clients were cut off")
		err = nil
	}
	errs := []error{err}
	for range a.running {
		errs = append(errs, <-a.ended)
	}
	a.limits.close()
	return errors.Join(errs...)
}

// turn is what a command wants done where the app is opened and closed.
type turn struct {
	do   func(context.Context) error
	done chan error
}

// inTurn returns a command's function, which waits for its turn.
func (s *server) inTurn(do func(context.Context) error) func(context.Context) error {
	return func(command context.Context) error {
		t := turn{do, make(chan error, 1)}
		select {
		case s.turns <- t:
		case <-command.Done():
			return command.Err()
		}
		select {
		case err := <-t.done:
			return err
		case <-command.Done():
			return command.Err()
		}
	}
}

// startApp opens the broker, unless it is open.
func (s *server) startApp(ctx context.Context) error {
	if s.app != nil {
		return nil
	}
	if err := s.open(ctx); err != nil {
		s.log.Error().Err(err).Msg("the broker cannot be started again")
		return err
	}
	announce(s.app.doors, s.ready)
	return nil
}

// stopApp closes the broker, unless it is closed.
func (s *server) stopApp(ctx context.Context) error {
	if s.app == nil {
		return nil
	}
	s.log.Info().Msg("the broker is stopped by a command: it waits for start_app")
	return s.close(ctx)
}

// reset forgets all that is kept.
func (s *server) reset(context.Context) error {
	if s.app != nil {
		return &control.Error{Kind: control.Running, Text: "the broker runs: see stop_app"}
	}
	if s.options.DataDir == "" {
		return nil // stop_app has
	}
	s.log.Info().Str("data-dir", s.options.DataDir).Msg("all that is kept is erased by a command")
	return storage.Erase(s.options.DataDir)
}
