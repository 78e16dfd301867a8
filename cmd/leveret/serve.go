package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
)

const (
	// shutdownLimit bounds the graceful stop: clients that have not answered
	// connection.close by then are cut off.
	shutdownLimit = 10 * time.Second
)

// serve runs the broker until the command's context is cancelled or a
// listener fails.
func serve(c *cli.Context) error {
	s, err := readSettings(c)
	if err != nil {
		return err
	}
	log := newLogger(c.App.Writer, s.logFormat, s.logLevel)
	if os.Getenv("GOGC") == "" {
		defer boundGarbage()()
	}
	stopPprof, err := startPprof(s.pprof, log)
	if err != nil {
		return err
	}
	defer stopPprof()

	listeners, err := listenAll(s.listen)
	if err != nil {
		return err
	}
	s.broker.Log = log
	return run(c.Context, broker.New(s.broker), listeners, log)
}

// listenAll opens every address, or none.
func listenAll(addrs []string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, fmt.Errorf("--%s: %w", flagListen, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// run serves the listeners until ctx is done or one of them fails, and shuts
// the broker down.
func run(ctx context.Context, b *broker.Broker, listeners []net.Listener, log zerolog.Logger) error {
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- b.Serve(l) }() // waited for below
	}
	announce(listeners, log)

	running := len(listeners)
	var errs []error
	select {
	case <-ctx.Done():
		log.Info().Msg("stopping")
	case err := <-ended:
		running--
		errs = append(errs, err)
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := b.Shutdown(limit); err != nil {
		log.Warn().Err(err).Msg("clients were cut off")
	}
	for range running {
		errs = append(errs, <-ended)
	}
	log.Info().Msg("stopped")
	return errors.Join(errs...)
}

// announce tells that the broker is ready. Test containers and scripts wait
// for these words, with RabbitMQ's spelling, so they are logged at every level.
func announce(listeners []net.Listener, log zerolog.Logger) {
	log = log.Level(zerolog.InfoLevel)
	for _, l := range listeners {
		log.Info().Msgf("started TCP listener on %s", l.Addr())
	}
	log.Info().Str("version", buildVersion()).Msg("Server startup complete")
}
