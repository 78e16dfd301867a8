package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// secured is a connection with TLS, such as a tls.Conn.
type secured interface {
	HandshakeContext(context.Context) error
	ConnectionState() tls.ConnectionState
}

// errSecure ends a connection without a word: there is nothing to say it with.
var errSecure = errors.New("TLS")

// shakeHands has a secured connection agree on keys, which is part of the
// handshake: both end in the same time.
func (c *Conn) shakeHands() error {
	conn, ok := c.conn.(secured)
	if !ok {
		return nil
	}
	if err := conn.HandshakeContext(context.Background()); err != nil {
		c.accepted = !isEOF(err) // nobody asks why a probe has come and gone (HDR-09)
		return fmt.Errorf("%w: %w", errSecure, err)
	}
	state := conn.ConnectionState()
	c.tls = &state
	return nil
}

// external is the SASL mechanism by which the client's certificate says who it is.
const external = "EXTERNAL"

// mechanisms are those that the client is offered: EXTERNAL over TLS alone, there
// whether it has shown a certificate or not (CONN-04).
func (c *Conn) mechanisms(all []string) []string {
	if c.tls != nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(m string) bool { return m == external })
}
