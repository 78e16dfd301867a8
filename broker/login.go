package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"

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
	if known == 0 {
		return user, errCredentials
	}
	if user == "guest" && !loopback(peer) {
		return user, errLoopback
	}
	return user, nil
}

func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// loopback tells whether a peer is on this machine. Connections without an
// internet address, such as a net.Pipe, are.
func loopback(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}
