package oracle

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// patience is how long a step waits for what it expects.
const patience = 6 * time.Second

// opening is how long all that opens a connection may take, hundreds of channels
// on a busy machine with the race detector included.
const opening = 30 * time.Second

// frame is one frame as it came, or the eight octets of a protocol header.
type frame struct {
	kind    amqp.FrameType
	channel uint16
	payload []byte
	end     byte
	header  bool
}

// peer is one connection of a scenario: a socket and a reader that gathers
// what the broker sends. Everything else happens on the player's goroutine.
type peer struct {
	name    string
	conn    net.Conn
	in      chan frame // closed at the end of the stream
	done    chan struct{}
	held    []byte // output held back until flush
	hold    bool
	raw     bool // frames are shown as they are
	verbose bool // server-properties are shown
	dead    bool // the end of the stream was seen, or the script closed it
	bye     bool // the broker sent connection.close
	opened  bool // the handshake was completed by the open step
	sent    time.Time

	contents map[uint16]*content
	confirms map[uint16]*confirms
}

// content is a message on its way in.
type content struct {
	method amqp.Method
	size   uint64
	props  amqp.Properties
	body   []byte
	pieces []int
}

func dial(ctx context.Context, addr, name string) (*peer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &peer{
		name: name, conn: conn, sent: time.Now(), in: make(chan frame, 1024), done: make(chan struct{}),
		contents: map[uint16]*content{}, confirms: map[uint16]*confirms{},
	}
	go p.read()
	return p, nil
}

// read gathers frames until the stream ends.
func (p *peer) read() {
	defer close(p.in)
	r := bufio.NewReader(p.conn)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		select {
		case p.in <- f:
		case <-p.done:
			return
		}
	}
}

func readFrame(r *bufio.Reader) (frame, error) {
	var head [7]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	if string(head[:4]) == "AMQP" {
		last, err := r.ReadByte()
		return frame{header: true, payload: append(head[:], last)}, err
	}
	size := binary.BigEndian.Uint32(head[3:])
	if size > 1<<28 {
		return frame{}, errors.New("oversized frame")
	}
	f := frame{kind: amqp.FrameType(head[0]), channel: binary.BigEndian.Uint16(head[1:]), payload: make([]byte, size)}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, err
	}
	end, err := r.ReadByte()
	f.end = end
	return f, err
}

// send writes b, or keeps it while output is held back. A broken connection is
// no failure here: it shows when the answer is awaited.
func (p *peer) send(b []byte) {
	p.held = append(p.held, b...)
	if p.hold {
		return
	}
	out := p.held
	p.held, p.sent = nil, time.Now()
	if p.conn.SetWriteDeadline(time.Now().Add(2*patience)) == nil {
		_, _ = p.conn.Write(out)
	}
}

// patience is how long a step waits: not long when the broker has said that it
// closes the connection, for then nothing can be expected but its end.
func (p *peer) patience() time.Duration {
	if p.bye {
		return patience / 20
	}
	return patience
}

// shut ends the connection without a word; abruptly with a TCP reset.
func (p *peer) shut(abruptly bool) {
	if tcp, ok := p.conn.(*net.TCPConn); ok && abruptly {
		_ = tcp.SetLinger(0)
	}
	p.dead = true
	_ = p.conn.Close()
	select {
	case <-p.done:
	default:
		close(p.done)
	}
}

// next returns the next event, or one of the ends: closed, timeout.
func (p *peer) next(timeout <-chan time.Time) event {
	for {
		select {
		case f, ok := <-p.in:
			if !ok {
				p.dead = true
				return event{end: "closed"}
			}
			if e, whole := p.assemble(f); whole {
				return e
			}
		case <-timeout:
			return event{end: "timeout"}
		}
	}
}
