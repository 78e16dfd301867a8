package amqptest

import "github.com/leveretmq/leveret/amqp"

// Login is how a client introduces itself. The zero value of each field stands
// for what an ordinary client says.
type Login struct {
	Properties amqp.Table // client-properties
	Mechanism  string     // default: PLAIN
	Response   string     // default: guest and guest
	ChannelMax uint16     // default: 2047
	FrameMax   uint32     // default: 131072
	Heartbeat  uint16     // seconds; default: none
	Vhost      string     // default: "/"
}

func (l Login) startOk() *amqp.ConnectionStartOk {
	return &amqp.ConnectionStartOk{
		ClientProperties: l.Properties,
		Mechanism:        or(l.Mechanism, "PLAIN"),
		Response:         []byte(or(l.Response, "\x00guest\x00guest")),
		Locale:           "en_US",
	}
}

func (l Login) tuneOk() *amqp.ConnectionTuneOk {
	return &amqp.ConnectionTuneOk{
		ChannelMax: or(l.ChannelMax, 2047), FrameMax: or(l.FrameMax, 131072), Heartbeat: l.Heartbeat,
	}
}

func (l Login) open() *amqp.ConnectionOpen {
	return &amqp.ConnectionOpen{VirtualHost: or(l.Vhost, "/")}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Bytes is all that the client sends for a handshake, in one piece.
func (l Login) Bytes() []byte {
	b := []byte(amqp.ProtocolHeader)
	b = amqp.AppendMethod(b, 0, l.startOk())
	b = amqp.AppendMethod(b, 0, l.tuneOk())
	return amqp.AppendMethod(b, 0, l.open())
}

// Phase is a point of the handshake, named after what the client has sent and
// the server has answered.
type Phase int

// The phases, in their order.
const (
	Connected Phase = iota // nothing was sent
	Started                // the protocol header was sent, connection.start came
	Tuned                  // start-ok was sent, connection.tune came
	TuneOked               // tune-ok was sent, which has no answer
	Opened                 // connection.open was sent, open-ok came
)

// Phases are all phases, in their order.
var Phases = []Phase{Connected, Started, Tuned, TuneOked, Opened}

// String names a phase for messages.
func (p Phase) String() string {
	return [...]string{"connected", "started", "tuned", "tune-ok", "opened"}[p]
}

// Reach brings the connection from nothing to a phase.
func (c *Client) Reach(p Phase, l Login) {
	c.t.Helper()
	if p >= Started {
		c.Send([]byte(amqp.ProtocolHeader))
		c.expectID(&amqp.ConnectionStart{})
	}
	if p >= Tuned {
		c.SendMethods(0, l.startOk())
		c.expectID(&amqp.ConnectionTune{})
	}
	if p >= TuneOked {
		c.SendMethods(0, l.tuneOk())
	}
	if p >= Opened {
		c.SendMethods(0, l.open())
		c.Expect(0, &amqp.ConnectionOpenOk{})
	}
}

// Open does the whole handshake.
func (c *Client) Open(l Login) {
	c.t.Helper()
	c.Reach(Opened, l)
}

// OpenChannel opens channels.
func (c *Client) OpenChannel(ids ...uint16) {
	c.t.Helper()
	for _, id := range ids {
		c.SendMethods(id, &amqp.ChannelOpen{})
		c.Expect(id, &amqp.ChannelOpenOk{})
	}
}

// Quit closes the connection in order.
func (c *Client) Quit() {
	c.t.Helper()
	c.SendMethods(0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess)})
	c.Expect(0, &amqp.ConnectionCloseOk{})
	c.Close()
}

// expectID reads a method of the same kind, whatever its arguments.
func (c *Client) expectID(want amqp.Method) {
	c.t.Helper()
	if channel, got := c.NextMethod(); channel != 0 || got.ID() != want.ID() {
		c.t.Fatalf("got %s on channel %d, want %s on channel 0", got.ID(), channel, want.ID())
	}
}
