package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/internal/control"
)

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
		settings: s, set: set, log: log, outputs: outs, ready: announcer(c.App.Writer, s.log), stop: stop, turns: make(chan turn),
	}).run(ctx)
}

// server is the process that a broker is in, which stays while the broker is
// opened and closed by commands.
type server struct {
	settings
	set     *config.Set
	log     zerolog.Logger
	outputs *outputs
	ready   zerolog.Logger // says what is waited for
	certs   *certificates  // nil without TLS
	hangUp  chan os.Signal
	stop    func() // ends the process in order

	app   *app                        // nil from stop_app to start_app; of run alone
	shown atomic.Pointer[control.App] // the same, as commands see it
	turns chan turn                   // what commands want run to do
}

// run opens the broker, serves until ctx is done, or a listener or the store
// fails, and shuts the broker down.
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
	if err := s.open(ctx); err != nil {
		return err
	}
	closeControl, err := s.openControl()
	if err != nil {
		return errors.Join(err, s.close(ctx))
	}
	defer closeControl()
	announce(s.app.doors, s.ready)
	errs := []error{s.await(ctx)}
	if s.app != nil {
		errs = append(errs, s.close(ctx))
	}
	s.log.Info().Msg("stopped")
	return errors.Join(errs...)
}

// await does what is to be done while the broker runs, until it is time to stop.
// It returns why a listener ended, if one did.
func (s *server) await(ctx context.Context) error {
	files := s.certs.events()
	for {
		select {
		case <-ctx.Done():
			s.log.Info().Msg("stopping")
			return nil
		case err := <-s.app.ends():
			s.app.running--
			return err
		case <-s.app.failed(): // close says why
			return nil
		case t := <-s.turns:
			t.done <- t.do(ctx)
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
