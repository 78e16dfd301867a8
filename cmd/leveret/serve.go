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
	"github.com/leveretmq/leveret/storage"
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
		defer boundGarbage(headroomFor(s.broker))()
	}
	stopPprof, err := startPprof(s.pprof, log)
	if err != nil {
		return err
	}
	defer stopPprof()

	s.broker.Log = log
	b, err := openBroker(s.broker)
	if err != nil {
		return err
	}
	listeners, err := listenAll(s.listen)
	if err != nil {
		return errors.Join(err, b.Shutdown(c.Context))
	}
	a := alarms{b, log}
	defer a.watchMemory(s.memory)()
	if dir := s.broker.DataDir; dir != "" {
		defer a.watchDisk(dir, s.diskFree)()
	}
	return run(c.Context, b, listeners, log)
}

// headroomFor is how much garbage the broker may have.
func headroomFor(o broker.Options) headroom {
	if o.DataDir == "" {
		return memoryHeadroom
	}
	return storeHeadroom
}

// openBroker opens the broker with what it has kept.
func openBroker(o broker.Options) (*broker.Broker, error) {
	b, err := broker.Open(o)
	var corrupt *storage.CorruptError
	switch {
	case errors.As(err, &corrupt):
		return nil, fmt.Errorf("--%s: %w; see leveret check %s, or go on without what is lost: --%s",
			flagDataDir, err, o.DataDir, flagAcceptLoss)
	case err != nil:
		return nil, fmt.Errorf("--%s: %w", flagDataDir, err)
	}
	return b, nil
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

// run serves the listeners until ctx is done, or one of them or the store fails,
// and shuts the broker down.
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
	case <-b.Failed(): // Shutdown says why
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	switch err := b.Shutdown(limit); {
	case errors.Is(err, context.DeadlineExceeded):
		log.Warn().Err(err).Msg("clients were cut off")
	case err != nil:
		errs = append(errs, err)
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
