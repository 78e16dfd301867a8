package brokertest

import (
	"errors"
	"fmt"
	"net"
)

var errStopped = errors.New("the broker is stopped")

// accept takes connections as they come.
func (b *Broker) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		if err := b.serve(c, c.RemoteAddr()); err != nil {
			abort(c)
		}
	}
}

// Dial connects to the broker within the process, whatever the network and the
// address. It is what the field Dial of amqp091.Config wants.
func (b *Broker) Dial(network, address string) (net.Conn, error) {
	client, server := net.Pipe()
	b.mu.Lock()
	b.dialed++
	peer := pipeAddr(fmt.Sprintf("in-process-%d", b.dialed))
	b.mu.Unlock()
	if err := b.serve(server, peer); err != nil {
		client.Close()
		server.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: pipeAddr(address), Err: err}
	}
	return client, nil
}

// serve has the broker serve a connection, if it runs.
func (b *Broker) serve(c net.Conn, peer net.Addr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	running := b.running
	if running == nil {
		return errStopped
	}
	k := &Connection{broker: b, socket: c, peer: peer, closed: make(chan struct{})}
	b.conns = append(b.conns, k)
	b.serving.Go(func() { // until it has ended: Close waits
		defer b.left(k)
		if b.faults.meet(AtAccept, k).kind == nothing {
			running.ServeConn(&line{c, k})
		}
		k.Drop()
	})
	return nil
}

// pipeAddr is the address of one end of a connection within the process.
type pipeAddr string

// Network implements net.Addr. Who may log in from this machine alone may do so
// from there.
func (pipeAddr) Network() string { return "pipe" }

// String implements net.Addr.
func (a pipeAddr) String() string { return string(a) }

// line is a connection as the broker has it.
type line struct {
	net.Conn
	k *Connection
}

// RemoteAddr implements net.Conn.
func (l *line) RemoteAddr() net.Addr { return l.k.peer }

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if err == nil && l.k.unplugged.Load() {
			continue
		}
		if n > 0 && !l.k.greeted {
			l.k.greeted = true
			if l.k.broker.faults.meet(AtStart, l.k).kind != nothing {
				l.k.Drop()
				return 0, net.ErrClosed
			}
		}
		return n, err
	}
}

// Write implements net.Conn.
func (l *line) Write(p []byte) (int, error) {
	if l.k.unplugged.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.k.end()
	return l.Conn.Close()
}

// abort closes a connection abruptly: over TCP the client sees a reset.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
