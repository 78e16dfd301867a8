package broker

import (
	"context"
	"errors"
	"net"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Broker is a message broker that speaks AMQP 0-9-1. It keeps everything in
// memory. All its methods may be called at any time by any goroutine.
type Broker struct {
	options Options     // immutable
	store   *storage.DB // likewise; nil: nothing is kept
	server  amqp.Server
	vhosts  vhosts
}

// New returns a broker that does not listen yet: see Serve and ServeConn.
func New(o Options) *Broker {
	b := &Broker{options: o.withDefaults(), vhosts: vhosts{log: o.Log}}
	for _, name := range b.options.Vhosts {
		b.vhosts.add(name)
	}
	b.server.Config = b.options.serverConfig()
	b.server.Backend = (*backend)(b)
	b.server.Trace = logTrace(b.options.Log)
	return b
}

// Serve accepts connections on l until Shutdown, which makes it return nil at
// once, while Shutdown still waits for clients to leave: a program should wait
// for Shutdown. Any other error is that of the listener. l is closed when Serve
// returns.
func (b *Broker) Serve(l net.Listener) error {
	if err := b.server.Serve(l); !errors.Is(err, amqp.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeConn serves one connection, such as one end of a net.Pipe, and returns
// when it has ended. It closes conn.
func (b *Broker) ServeConn(conn net.Conn) { b.server.ServeConn(conn) }

// Shutdown stops accepting connections, tells every client that the broker
// goes away (connection.close 320, CTL-07) and waits until all have left, which
// a client that does not answer can delay by half a minute. If ctx ends first,
// the remaining connections are cut and its error is returned. A broker that
// was shut down stays so: Serve and ServeConn then close what they are given.
func (b *Broker) Shutdown(ctx context.Context) error {
	return b.server.Shutdown(ctx, amqp.ConnectionForced.Errorf(
		"broker forced connection closure with reason 'shutdown'"))
}

// backend is the Broker as the protocol sees it.
type backend Broker

// Open implements amqp.Backend.
func (b *backend) Open(user, vhost string, c *amqp.Conn) (amqp.Session, error) {
	if v := b.vhosts.get(vhost); v != nil {
		if s := newSession(v, user, c); v.join(s) {
			return s, nil
		}
	}
	return nil, amqp.NotAllowed.Errorf("vhost %s not found", vhost) // CONN-25
}
