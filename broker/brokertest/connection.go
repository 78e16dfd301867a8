package brokertest

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

// Connection is the connection of a client, seen from the broker.
type Connection struct {
	broker *Broker
	socket net.Conn // the broker's end
	peer   net.Addr

	greeted   bool        // a protocol header came; of the reader
	unplugged atomic.Bool // nothing gets through
	dropped   atomic.Bool // Drop was called
	ending    sync.Once
	closed    chan struct{} // by either side

	protocol *amqp.Conn // nil until it is open; Broker.mu
}

// Connections are those that are open, in the order in which clients connected.
func (b *Broker) Connections() []*Connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.conns), func(k *Connection) bool { return k.protocol == nil })
}

// DropConnections drops all there are.
func (b *Broker) DropConnections() {
	b.mu.Lock()
	all := slices.Clone(b.conns)
	b.mu.Unlock()
	for _, k := range all {
		k.Drop()
	}
}

// WaitConnections waits until so many connections are open, and returns them.
func (b *Broker) WaitConnections(t testing.TB, n int) (all []*Connection) {
	t.Helper()
	b.wait(t, count(n, "open connection"), func() (bool, string) {
		all = b.Connections()
		return len(all) == n, count(len(all), "open connection")
	})
	return all
}

// Name is the connection_name that the client has given itself.
func (k *Connection) Name() string { return k.protocol.Name() }

// User is who has logged in.
func (k *Connection) User() string { return k.protocol.User() }

// Vhost is the virtual host of the connection.
func (k *Connection) Vhost() string { return k.protocol.Vhost() }

// RemoteAddr is the address of the client.
func (k *Connection) RemoteAddr() net.Addr { return k.peer }

// Drop breaks the connection without a word, at once: what has come and is not
// done yet is not done any more. Over TCP the client sees a reset.
func (k *Connection) Drop() {
	k.dropped.Store(true)
	k.end()
	abort(k.socket)
}

// Unplug has nothing get through any more, in either direction and for good, as
// if a cable was cut: broker and client find out by heartbeats. See Advance.
func (k *Connection) Unplug() { k.unplugged.Store(true) }

// Close has the broker close the connection in order, by a connection.close with
// a reply code and a text, such as 320 and "CONNECTION_FORCED - going away".
func (k *Connection) Close(code int, text string) {
	k.protocol.Close(refusal(code, text, true))
}

// end is when either side has closed the connection.
func (k *Connection) end() { k.ending.Do(func() { close(k.closed) }) }

// find returns the connection that has a peer's address.
func (b *Broker) find(peer net.Addr) *Connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.conns {
		if k.peer.String() == peer.String() {
			return k
		}
	}
	return nil
}

// nameOf is what a connection calls itself, if that is known.
func (b *Broker) nameOf(k *Connection) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.protocol == nil {
		return ""
	}
	return k.protocol.Name()
}

// opened notes that a connection is open.
func (b *Broker) opened(k *Connection, c *amqp.Conn) {
	b.mu.Lock()
	k.protocol = c
	b.mu.Unlock()
	b.events.notify()
}

// left notes that a connection has ended.
func (b *Broker) left(k *Connection) {
	b.mu.Lock()
	b.conns = slices.DeleteFunc(b.conns, func(other *Connection) bool { return other == k })
	b.mu.Unlock()
	b.events.notify()
}

// Block raises the alarm for memory: publishers are blocked, and told so by
// connection.blocked, until Unblock. Consumers go on. For another alarm see
// broker.Broker.SetAlarm.
func (b *Broker) Block() { b.alarm(true) }

// Unblock clears the alarm that Block has raised.
func (b *Broker) Unblock() { b.alarm(false) }

func (b *Broker) alarm(on bool) {
	if running := b.Broker(); running != nil {
		running.SetAlarm(broker.MemoryAlarm, on)
	}
}
