package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/rs/zerolog"
)

// door is a listener with the words by which it is announced.
type door struct {
	net.Listener
	kind string // TCP, or TLS (SSL)
	host string // as configured
}

// String is RabbitMQ's line. Whoever waits for it looks for [::] where any
// address will do, also on a machine without IPv6.
func (d door) String() string {
	addr := d.Addr().String()
	if _, port, err := net.SplitHostPort(addr); err == nil && d.host == "" {
		addr = net.JoinHostPort("::", port)
	}
	return fmt.Sprintf("started %s listener on %s", d.kind, addr)
}

// openDoors listens on every address, or none.
func openDoors(kind string, addrs []string) (doors []door, err error) {
	for _, addr := range addrs {
		host, _, _ := net.SplitHostPort(addr)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			closeDoors(doors)
			return nil, fmt.Errorf("cannot listen for %s: %w", kind, err)
		}
		doors = append(doors, door{l, kind, host})
	}
	return doors, nil
}

func closeDoors(doors []door) {
	for _, d := range doors {
		d.Close()
	}
}

// announce tells that the broker is ready. Test containers and scripts wait for
// these words, some with the semicolon.
func announce(doors []door, log zerolog.Logger) {
	for _, d := range doors {
		log.Info().Msg(d.String())
	}
	log.Info().Msg("Server startup complete; 0 plugins started.")
}

// errNoDoors is for a broker that nobody could come to.
var errNoDoors = errors.New("want a listener: listeners.tcp and listeners.ssl are none")
