package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
)

// shutdownLimit bounds the graceful stop: clients that have not answered
// connection.close by then are cut off.
const shutdownLimit = 10 * time.Second

// serve runs the broker until the command's context is cancelled or a
// listener fails.
func serve(c *cli.Context) error {
	set, err := loadConfig(c, c.Command.Name == nameServer)
	if err != nil {
		return err
	}
	s, err := newSettings(set)
	if err != nil {
		return err
	}
	log, outs, err := newLogger(c.App.Writer, s.log)
	if err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	defer outs.file.close()
	log.Info().Msgf("Starting leveret %s", buildVersion())
	logNotes(set, log)
	if os.Getenv("GOGC") == "" {
		defer boundGarbage(headroomFor(s.options))()
	}
	stopPprof, err := startPprof(s.pprof, log)
	if err != nil {
		return err
	}
	defer stopPprof()
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	return (&server{
		settings: s, set: set, log: log, outputs: outs, ready: announcer(c.App.Writer, s.log), accepting: make(chan struct{}), stop: stop,
	}).run(ctx)
}

// server is a broker with all that belongs to the process that it is in.
type server struct {
	settings
	set     *config.Set
	log     zerolog.Logger
	outputs *outputs
	ready   zerolog.Logger // says what is waited for
	certs   *certificates  // nil without TLS
	broker  *broker.Broker
	hangUp  chan os.Signal
	doors   []door

	accepting chan struct{} // closed when doors are open
	stop      func()        // ends the process in order
}

// run opens the broker and its doors, serves until ctx is done, or a listener or
// the store fails, and shuts the broker down.
func (s *server) run(ctx context.Context) (err error) {
	s.hangUp = make(chan os.Signal, 1)
	signal.Notify(s.hangUp, syscall.SIGHUP) // which would end the process
	defer signal.Stop(s.hangUp)
	if len(s.listenTLS) > 0 {
		if s.certs, err = loadCertificates(s.tls, s.log); err != nil {
			return err
		}
		defer s.certs.close()
	}
	s.options.Log = s.log
	if err := s.openWithDefinitions(ctx); err != nil {
		return err
	}
	l := watchLimits(alarms{s.broker, s.log}, s.settings)
	defer l.close()
	closeControl, err := s.openControl(l)
	if err != nil {
		return errors.Join(err, s.broker.Shutdown(ctx))
	}
	defer closeControl()
	doors, err := s.openDoors()
	if err != nil {
		return errors.Join(err, s.broker.Shutdown(ctx))
	}
	s.doors = doors
	ended := make(chan error, len(doors))
	for _, d := range doors {
		go func() { ended <- s.broker.Serve(d) }() // waited for below
	}
	close(s.accepting)
	announce(doors, s.ready)

	errs := s.await(ctx, ended)
	running := len(doors) - len(errs)
	errs = append(errs, s.shutDown(ctx))
	for range running {
		errs = append(errs, <-ended)
	}
	s.log.Info().Msg("stopped")
	return errors.Join(errs...)
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

// await keeps the files that are in use up to date until it is time to stop. It
// returns why a listener ended, if one did.
func (s *server) await(ctx context.Context, ended <-chan error) []error {
	files := s.certs.events()
	for {
		select {
		case <-ctx.Done():
			s.log.Info().Msg("stopping")
			return nil
		case err := <-ended:
			return []error{err}
		case <-s.broker.Failed(): // Shutdown says why
			return nil
		case <-s.hangUp:
			s.outputs.file.hangUp(s.log)
			s.certs.reload()
		case event := <-files.touched:
			s.certs.touched(event)
		case err := <-files.failed:
			s.log.Error().Err(err).Msg("TLS certificates are not watched well: send SIGHUP when they have changed")
		case <-files.settled:
			s.certs.reload()
		}
	}
}

// shutDown tells all clients, and waits for a while until they have gone.
func (s *server) shutDown(ctx context.Context) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	err := s.broker.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn().Err(err).Msg("clients were cut off")
		return nil
	}
	return err
}
