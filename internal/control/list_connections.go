package control

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/leveretmq/leveret/broker"
)

var connectionColumns = columns[broker.ConnectionInfo]{
	"pid":               func(q *request, i *broker.ConnectionInfo) any { return q.pid(i.ID, 0) },
	"name":              func(_ *request, i *broker.ConnectionInfo) any { return i.Name },
	"user":              func(_ *request, i *broker.ConnectionInfo) any { return i.User },
	"vhost":             func(_ *request, i *broker.ConnectionInfo) any { return i.Vhost },
	"state":             func(_ *request, i *broker.ConnectionInfo) any { return i.State },
	"channels":          func(_ *request, i *broker.ConnectionInfo) any { return i.Channels },
	"protocol":          func(*request, *broker.ConnectionInfo) any { return []int{0, 9, 1} },
	"auth_mechanism":    func(_ *request, i *broker.ConnectionInfo) any { return i.Mechanism },
	"host":              func(_ *request, i *broker.ConnectionInfo) any { return host(i.Local) },
	"port":              func(_ *request, i *broker.ConnectionInfo) any { return port(i.Local) },
	"peer_host":         func(_ *request, i *broker.ConnectionInfo) any { return host(i.Peer) },
	"peer_port":         func(_ *request, i *broker.ConnectionInfo) any { return port(i.Peer) },
	"timeout":           func(_ *request, i *broker.ConnectionInfo) any { return int(i.Heartbeat / time.Second) },
	"frame_max":         func(_ *request, i *broker.ConnectionInfo) any { return i.FrameMax },
	"channel_max":       func(_ *request, i *broker.ConnectionInfo) any { return i.ChannelMax },
	"client_properties": func(_ *request, i *broker.ConnectionInfo) any { return typedTable(i.Properties) },
	"recv_oct":          func(_ *request, i *broker.ConnectionInfo) any { return i.Received },
	"send_oct":          func(_ *request, i *broker.ConnectionInfo) any { return i.Sent },
	"recv_cnt":          unknown, "send_cnt": unknown,
	"ssl":              func(_ *request, i *broker.ConnectionInfo) any { return i.TLS != nil },
	"ssl_protocol":     func(_ *request, i *broker.ConnectionInfo) any { return tlsVersion(i.TLS) },
	"ssl_cipher":       func(_ *request, i *broker.ConnectionInfo) any { return tlsCipher(i.TLS) },
	"ssl_key_exchange": unknown, "ssl_hash": unknown,
	"peer_cert_subject": func(_ *request, i *broker.ConnectionInfo) any {
		return peerName(i.TLS, func(c *x509.Certificate) any { return c.Subject.String() })
	},
	"peer_cert_issuer": func(_ *request, i *broker.ConnectionInfo) any {
		return peerName(i.TLS, func(c *x509.Certificate) any { return c.Issuer.String() })
	},
	"peer_cert_validity": func(_ *request, i *broker.ConnectionInfo) any {
		return peerName(i.TLS, func(c *x509.Certificate) any {
			return c.NotBefore.Format(time.RFC3339) + " - " + c.NotAfter.Format(time.RFC3339)
		})
	},
	"send_pend":    func(_ *request, i *broker.ConnectionInfo) any { return i.Pending },
	"connected_at": func(_ *request, i *broker.ConnectionInfo) any { return i.Since.UnixMilli() },
}

// unknown is a column that is there, and empty.
func unknown(*request, *broker.ConnectionInfo) any { return "" }

func tlsVersion(t *tls.ConnectionState) any {
	if t == nil {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(tls.VersionName(t.Version), "TLS ", "tlsv"))
}

func tlsCipher(t *tls.ConnectionState) any {
	if t == nil {
		return ""
	}
	return tls.CipherSuiteName(t.CipherSuite)
}

// peerName is something of the client's certificate, empty if it has none.
func peerName(t *tls.ConnectionState, of func(*x509.Certificate) any) any {
	if t == nil || len(t.PeerCertificates) == 0 {
		return ""
	}
	return of(t.PeerCertificates[0])
}

var channelColumns = columns[broker.ChannelInfo]{
	"pid":                     func(q *request, i *broker.ChannelInfo) any { return q.pid(i.Connection, i.Number) },
	"connection":              func(q *request, i *broker.ChannelInfo) any { return q.pid(i.Connection, 0) },
	"name":                    func(_ *request, i *broker.ChannelInfo) any { return fmt.Sprintf("%s (%d)", i.ConnectionName, i.Number) },
	"number":                  func(_ *request, i *broker.ChannelInfo) any { return i.Number },
	"user":                    func(_ *request, i *broker.ChannelInfo) any { return i.User },
	"vhost":                   func(_ *request, i *broker.ChannelInfo) any { return i.Vhost },
	"transactional":           func(_ *request, i *broker.ChannelInfo) any { return i.Transactional },
	"confirm":                 func(_ *request, i *broker.ChannelInfo) any { return i.Confirm },
	"consumer_count":          func(_ *request, i *broker.ChannelInfo) any { return i.Consumers },
	"messages_unacknowledged": func(_ *request, i *broker.ChannelInfo) any { return i.Unacknowledged },
	"messages_uncommitted":    func(_ *request, i *broker.ChannelInfo) any { return i.UncommittedMessages },
	"acks_uncommitted":        func(_ *request, i *broker.ChannelInfo) any { return i.UncommittedAcks },
	"messages_unconfirmed":    func(_ *request, i *broker.ChannelInfo) any { return i.Unconfirmed },
	"prefetch_count":          func(_ *request, i *broker.ChannelInfo) any { return i.Prefetch },
	"global_prefetch_count":   func(_ *request, i *broker.ChannelInfo) any { return i.GlobalPrefetch },
}

// pid is what stands for the process that RabbitMQ would have for a connection,
// or a channel of it: unique, and close_connection knows it.
func (q *request) pid(connection uint64, channel int) string {
	if connection == 0 {
		return ""
	}
	return fmt.Sprintf("<%s.1.%d.%d>", q.Name, connection, channel)
}

// connection is the one that a pid stands for, or that has a name.
func (q *request) connection(text string) (id uint64, ok bool) {
	for _, c := range q.Broker.ConnectionInfos() {
		if c.Name == text || q.pid(c.ID, 0) == text {
			return c.ID, true
		}
	}
	parts := strings.Split(strings.Trim(text, "<>"), ".")
	if len(parts) < 4 {
		return 0, false
	}
	id, err := strconv.ParseUint(parts[len(parts)-2], 10, 64)
	return id, err == nil && q.pid(id, 0) == text
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}

func port(a net.Addr) int {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.Port
	}
	return 0
}
