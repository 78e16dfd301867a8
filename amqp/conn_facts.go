package amqp

import (
	"crypto/tls"
	"net"
	"time"
)

// Outbox is where frames for the client are put.
func (c *Conn) Outbox() *Outbox { return c.out }

// RemoteAddr is the address of the client.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// LocalAddr is the address that the client has connected to.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// ID is unique among the connections that the server ever had.
func (c *Conn) ID() uint64 { return c.id }

// User is the authenticated user, empty before login.
func (c *Conn) User() string { return c.user }

// Vhost is the virtual host named in connection.open.
func (c *Conn) Vhost() string { return c.vhost }

// TLS is what was agreed on with the client before the protocol began, nil if the
// connection is not secured.
func (c *Conn) TLS() *tls.ConnectionState { return c.tls }

// FrameMax is the negotiated frame size in bytes, overhead included.
func (c *Conn) FrameMax() int { return c.frameMax }

// ChannelMax is the negotiated number of channels.
func (c *Conn) ChannelMax() int { return c.channelMax }

// Heartbeat is the negotiated interval, 0 if there is none.
func (c *Conn) Heartbeat() time.Duration { return c.heartbeat }

// Mechanism is the SASL mechanism of the login.
func (c *Conn) Mechanism() string { return c.mechanism }

// Properties are the client's. They must not be changed.
func (c *Conn) Properties() Table { return c.properties }

// Traffic is how many bytes came from the client and were written to it. It may
// be called by anyone.
func (c *Conn) Traffic() (received, written uint64) {
	return c.in.received.Load(), c.out.written.Load()
}

// State is how the connection is doing, in RabbitMQ's words: running; blocking,
// while an alarm is raised; blocked, if the client published meanwhile; closing,
// when Close was called. It may be called by anyone.
func (c *Conn) State() string {
	switch {
	case c.Forced() != nil:
		return "closing"
	case c.blocked.Load():
		return "blocked"
	case c.server.alarms.on():
		return "blocking"
	}
	return "running"
}

// Capable tells whether the client declared a capability (CONN-14).
func (c *Conn) Capable(name string) bool {
	v, _ := c.properties.Get("capabilities")
	capabilities, _ := v.(Table)
	has, _ := capabilities.Get(name)
	yes, _ := has.(bool)
	return yes
}

// Name is the connection_name that the client gave itself (CONN-15).
func (c *Conn) Name() string {
	v, _ := c.properties.Get("connection_name")
	name, _ := v.(string)
	return name
}
