package amqp

import (
	"crypto/tls"
	"net"
)

// Backend is what a Server asks of the broker behind it.
type Backend interface {
	// Login authenticates a peer and returns its user name. Any error is a
	// refused login (CONN-10); its text is for the log, never for the wire,
	// and is to say who tried.
	Login(r LoginRequest) (user string, err error)
	// Open is called on connection.open. An *Error closes the connection.
	Open(user, vhost string, c *Conn) (Session, error)
}

// LoginRequest is what a client says in connection.start-ok, and what is known of
// it besides.
type LoginRequest struct {
	Mechanism string // one of those that it was offered
	Response  []byte
	Peer      net.Addr
	TLS       *tls.ConnectionState // nil without TLS
}

// Session is one opened connection as the broker sees it. Its methods, and
// those of its channels, are called by the connection's reader goroutine
// only, one at a time.
type Session interface {
	// OpenChannel is called on channel.open; id is not in use. An error
	// closes the connection.
	OpenChannel(id uint16) (Channel, error)
	// Flush carries out what Publish and Ack gathered. It is called before
	// any other method is handed over and before the reader waits for input;
	// a failure is reported through Conn.Fail.
	Flush()
	// Pause may hold the reader back for some milliseconds when consumers
	// that are draining cannot keep up with what this connection publishes.
	Pause()
	// Close ends the session: its channels, then whatever the connection owns.
	Close()
}

// Channel is one open channel as the broker sees it.
type Channel interface {
	// Publish takes a complete message. content is valid until the next
	// Flush unless it is kept (see Content); p stays valid and unchanged.
	Publish(p *BasicPublish, content Content) error
	// Ack takes a basic.ack. It may be gathered until the next Flush.
	Ack(tag uint64, multiple bool)
	// Method carries out any other method; m is valid until it returns.
	Method(m Method) error
	// Close ends the channel: consumers leave, unsettled deliveries return.
	Close()
}

// Trace holds optional hooks, called by connection goroutines. They must not
// block.
type Trace struct {
	// Starved is called when no connection can be accepted, for want of file
	// descriptors for example; again only after one could be.
	Starved func(cause error)
	// Opened is called when connection.open succeeded.
	Opened func(c *Conn)
	// ChannelClosed is called when the broker closes a channel for an error.
	ChannelClosed func(c *Conn, channel uint16, cause *Error)
	// Closed is called at the end of a connection that has sent eight octets of a
	// header, or whose TLS failed. cause is nil after an orderly close by the client.
	Closed func(c *Conn, cause error)
}
