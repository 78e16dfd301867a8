package broker

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

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
		return b.known(certifiedName(r.TLS, b.options.CertLoginFrom))
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

// certifiedName is the user that a client's certificate names: by its
// distinguished name as RFC 2253 writes it, or by its common names. It is empty if
// there is none.
func certifiedName(state *tls.ConnectionState, from string) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	subject := state.VerifiedChains[0][0].RawSubject
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(subject, &name); err != nil || len(rest) > 0 {
		return ""
	}
	if from != "common_name" {
		return name.String()
	}
	var common []string
	for _, set := range name {
		for _, attribute := range set {
			if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidCommonName) {
				common = append(common, text)
			}
		}
	}
	return strings.Join(common, ",")
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

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
