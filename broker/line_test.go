package broker

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// line is a connection to a broker without a socket and without a client that
// takes time: the broker reads what is fed, and what it writes is only counted.
// With acks, every delivery is acknowledged, one by one.
type line struct {
	mu      sync.Mutex // guards what follows
	change  *sync.Cond
	input   []byte // not yet read
	written int    // bytes
	last    []byte // the end of what was written
	each    int    // bytes of a delivery that is to be acknowledged; 0: none is
	from    int    // so much was written before the first
	acked   int    // deliveries, of those since from
	tag     uint64 // of the last acknowledgement
	closed  bool
}

// newLine opens a connection with channel 1 and sends methods on it, the
// answers to which it awaits.
func newLine(t testing.TB, b *Broker, methods ...amqp.Method) *line {
	t.Helper()
	l := new(line)
	l.change = sync.NewCond(&l.mu)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.ServeConn(l)
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	l.feed(amqptest.Login{}.Bytes())
	l.feed(amqp.AppendMethod(nil, 1, &amqp.ChannelOpen{}))
	for _, m := range methods {
		l.feed(amqp.AppendMethod(nil, 1, m))
	}
	l.sync()
	l.from = l.written
	return l
}

// feed has the broker read b, all of what was fed before being read.
func (l *line) feed(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.input) > 0 && !l.closed {
		l.change.Wait()
	}
	l.input = b
	l.change.Broadcast()
}

// sync returns when the broker has carried out all that was fed.
func (l *line) sync() {
	answer := string(amqp.AppendMethod(nil, 1, &amqp.ChannelFlowOk{Active: true}))
	l.feed(amqp.AppendMethod(nil, 1, &amqp.ChannelFlow{Active: true}))
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.HasSuffix(string(l.last), answer) && !l.closed {
		l.change.Wait()
	}
	l.last = l.last[:0]
}

// awaitConfirm returns when the broker has confirmed the publish of a tag.
// Confirms come in order, so those before are confirmed as well.
func (l *line) awaitConfirm(tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed {
		if n := len(l.last) - len(ackFrame); n >= 0 && bytes.Equal(l.last[n:][:11], ackFrame[:11]) && binary.BigEndian.Uint64(l.last[n+11:]) >= tag {
			return
		}
		l.change.Wait()
	}
}

// await returns when the broker has written n bytes since the last await, or
// since newLine, and everything was acknowledged.
func (l *line) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.written < l.from+n || l.unacked() > 0) && !l.closed {
		l.change.Wait()
	}
	l.from += n
	l.acked -= n / max(l.each, 1)
}

// unacked is how many deliveries are to be acknowledged. l.mu is held.
func (l *line) unacked() int {
	if l.each == 0 {
		return 0
	}
	return (l.written-l.from)/l.each - l.acked
}

func (l *line) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch n := l.unacked(); {
		case l.closed:
			return 0, io.EOF
		case len(l.input) > 0:
			n := copy(p, l.input)
			l.input = l.input[n:]
			l.change.Broadcast()
			return n, nil
		case n > 0:
			l.change.Broadcast()
			return l.acknowledge(p, n), nil
		}
		l.change.Wait()
	}
}

// acknowledge writes up to n acknowledgements to p.
func (l *line) acknowledge(p []byte, n int) (size int) {
	for ; n > 0 && len(p)-size >= len(ackFrame); n-- {
		l.tag++
		l.acked++
		copy(p[size:], ackFrame)
		binary.BigEndian.PutUint64(p[size+11:], l.tag)
		size += len(ackFrame)
	}
	return size
}

var ackFrame = amqp.AppendMethod(nil, 1, &amqp.BasicAck{})

func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written += len(p)
	l.last = append(l.last[:0], p[max(0, len(p)-len(ackFrame)):]...)
	l.change.Broadcast()
	return len(p), nil
}

func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.change.Broadcast()
	return nil
}

func (l *line) LocalAddr() net.Addr              { return &net.UnixAddr{Net: "unix"} }
func (l *line) RemoteAddr() net.Addr             { return &net.UnixAddr{Net: "unix"} }
func (l *line) SetDeadline(time.Time) error      { return nil }
func (l *line) SetReadDeadline(time.Time) error  { return nil }
func (l *line) SetWriteDeadline(time.Time) error { return nil }
