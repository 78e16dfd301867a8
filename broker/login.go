package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/leveretmq/leveret/amqp"
)

var (
	errCredentials = errors.New("invalid credentials")
	errLoopback    = errors.New("user can only connect via localhost")
)

// Login implements amqp.Backend: PLAIN and AMQPLAIN with the default user.
func (b *backend) Login(mechanism string, response []byte, peer net.Addr) (string, error) {
	var parse func([]byte) (string, string, error)
	switch mechanism {
	case "PLAIN":
		parse = amqp.ParsePlain
	case "AMQPLAIN":
		parse = amqp.ParseAMQPlain
	default:
		return "", &amqp.SilentError{Reason: "unknown authentication mechanism '" + mechanism + "'"}
	}
	user, password, err := parse(response)
	if err != nil {
		return "", &amqp.SilentError{Reason: err.Error()}
	}
	// Both are compared, in constant time, whether or not the user exists.
	known := equal(user, b.options.DefaultUser) & equal(password, b.options.DefaultPass)
	switch {
	case known == 0 || password == "":
		err = errCredentials
	case user == "guest" && !loopback(peer):
		err = errLoopback
	default:
		return user, nil
	}
	return "", fmt.Errorf("user %q: %w", user[:min(len(user), 255)], err)
}

func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// loopback tells whether a peer is on this machine: a net.Pipe, a Unix socket,
// or an address that says so. Whatever else there is, is not.
func loopback(peer net.Addr) bool {
	if peer == nil {
		return false
	}
	switch peer.Network() {
	case "pipe", "unix":
		return true
	}
	at, err := netip.ParseAddrPort(peer.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}
