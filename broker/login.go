package broker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

var (
	errLoopback   = errors.New("user can only connect via localhost")
	errNameless   = errors.New("nothing says who it is")
	errNoSuchUser = errors.New("there is no such user")
)

// Login implements amqp.Backend.
func (b *backend) Login(r amqp.LoginRequest) (string, error) {
	user, err := b.identify(r)
	var silent *amqp.SilentError
	switch {
	case errors.As(err, &silent):
		return "", err
	case err == nil && slices.Contains(b.options.LoopbackUsers, user) && !loopback(r.Peer):
		err = errLoopback
	}
	if err != nil {
		return "", fmt.Errorf("user %q: %w", user[:min(len(user), 255)], err)
	}
	return user, nil
}

// identify finds out who a client is.
func (b *backend) identify(r amqp.LoginRequest) (user string, err error) {
	switch r.Mechanism {
	case "PLAIN":
		return b.password(amqp.ParsePlain(r.Response))
	case "AMQPLAIN":
		return b.password(amqp.ParseAMQPlain(r.Response))
	case "EXTERNAL":
		return b.known(b.options.CertLogin.name(r.TLS))
	case "ANONYMOUS": // CONN-08
		return b.known(b.options.AnonymousUser)
	default:
		return "", &amqp.SilentError{Reason: "unknown authentication mechanism '" + r.Mechanism + "'"}
	}
}

// password is for a client that has sent a name and a password.
func (b *backend) password(user, password string, err error) (string, error) {
	if err != nil {
		return "", &amqp.SilentError{Reason: err.Error()}
	}
	return user, b.access.authenticate(user, password)
}

// known is for a client whose name is beyond doubt.
func (b *backend) known(user string) (string, error) {
	b.access.mu.RLock()
	defer b.access.mu.RUnlock()
	switch {
	case user == "":
		return "", errNameless
	case b.access.users[user] == nil:
		return user, errNoSuchUser
	}
	return user, nil
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
