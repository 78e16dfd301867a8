package perf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// address is where a broker is, and who logs in there to what.
type address struct {
	host           string // with the port
	tls            *tls.Config
	user, password string
	vhost          string
}

// parseURI reads an AMQP URI. What is left out is guest, guest, localhost, the
// port of AMQP or of AMQPS, and the virtual host "/"; so it is after a slash
// with nothing behind it.
func parseURI(s string, base *tls.Config) (address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return address{}, err
	}
	a := address{user: "guest", password: "guest", vhost: "/"}
	port := "5672"
	switch u.Scheme {
	case "amqp":
	case "amqps":
		port = "5671"
		a.tls = base.Clone()
		if a.tls == nil {
			a.tls = &tls.Config{}
		}
		a.tls.ServerName = u.Hostname()
	default:
		return address{}, fmt.Errorf("%q is no AMQP URI: want amqp:// or amqps://", s)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	host := u.Hostname()
	if host == "" {
		host = "localhost"
	}
	a.host = net.JoinHostPort(host, port)
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	if path := strings.TrimPrefix(u.EscapedPath(), "/"); path != "" {
		if strings.Contains(path, "/") {
			return address{}, errors.New("a virtual host has no / in a URI, but %2F")
		}
		a.vhost, err = url.PathUnescape(path)
	}
	return a, err
}
