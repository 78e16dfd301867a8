package model

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// spare is the channel of the round trips.
const spare = 100

// patience is how long an answer may take, calm how long a RabbitMQ has to be
// silent until all has come that a step has caused there.
const (
	patience = 5 * time.Second
	calm     = 10 * time.Millisecond
)

// errSilence is for a frame that has not come in time.
var errSilence = errors.New("nothing comes")

// link is the client's end of a connection.
type link struct {
	net.Conn
	name   string
	frames chan amqptest.Frame // what has been read; closed when there is no more
	gone   <-chan struct{}     // closed when the broker has nothing more to do for it; nil if nobody tells
	open   map[uint16]*content // messages on their way in
	in     map[uint16][]event  // what has come since somebody looked, by channel
	ended  bool
}

type content struct {
	event
	size uint64
}

func newLink(name string, conn net.Conn, gone <-chan struct{}) *link {
	l := &link{
		Conn: conn, name: name, frames: make(chan amqptest.Frame, 1<<10), gone: gone,
		open: map[uint16]*content{}, in: map[uint16][]event{},
	}
	go l.read()
	return l
}

// read reads frames until the stream ends. What it has not the form of one ends
// it as well.
func (l *link) read() {
	defer close(l.frames)
	r := bufio.NewReaderSize(l.Conn, 1<<12)
	for {
		head := make([]byte, 7)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
		if _, err := io.ReadFull(r, rest); err != nil || rest[len(rest)-1] != amqp.FrameEnd {
			return
		}
		l.frames <- amqptest.Frame{
			Type: amqp.FrameType(head[0]), Channel: binary.BigEndian.Uint16(head[1:]), Payload: rest[:len(rest)-1],
		}
	}
}

// handshake opens the connection and its spare channel.
func (l *link) handshake(notify bool) error {
	login := amqptest.Login{Properties: amqp.Table{{
		Key: "capabilities", Value: amqp.Table{{Key: "consumer_cancel_notify", Value: notify}},
	}}}
	all := login.Bytes()
	for _, n := range []int{8, startOk(all[8:]), len(all)} { // up to header, start-ok, the end
		n = min(n, len(all))
		if err := l.write(all[:n]); err != nil {
			return err
		}
		all = all[n:]
		if _, err := l.frame(patience); err != nil {
			return err
		}
	}
	if err := l.write(amqp.AppendMethod(nil, spare, &amqp.ChannelOpen{})); err != nil {
		return err
	}
	_, err := l.frame(patience)
	return err
}

// startOk is the length of the first frame.
func startOk(b []byte) int { return int(binary.BigEndian.Uint32(b[3:])) + amqp.FrameOverhead }

func (l *link) write(b []byte) error {
	if err := l.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := l.Write(b)
	return err
}

// frame is the next frame, which must come within a time; 0: it is there already.
func (l *link) frame(within time.Duration) (f amqptest.Frame, err error) {
	var timeout <-chan time.Time
	if within > 0 {
		timer := time.NewTimer(within)
		defer timer.Stop()
		timeout = timer.C
	} else {
		now := make(chan time.Time)
		close(now)
		timeout = now
	}
	ok := true
	select {
	case f, ok = <-l.frames:
	default:
		select {
		case f, ok = <-l.frames:
		case <-timeout:
			return f, errSilence
		}
	}
	if !ok {
		err = io.ErrUnexpectedEOF
	}
	return f, err
}

// roundTrip is over when what was sent before was carried out.
var roundTrip = amqp.AppendMethod(nil, spare, &amqp.ChannelFlow{Active: true})

// barrier waits for the end of a round trip, and gathers all that comes up to
// it, or up to the end of the connection.
func (l *link) barrier() error {
	for {
		f, err := l.frame(patience)
		if err != nil {
			return fmt.Errorf("on %s: %w", l.name, err)
		}
		if f.Channel == spare {
			return nil
		}
		if err := l.take(f); err != nil {
			return err
		}
		if f.Channel == 0 {
			return l.leave(f)
		}
	}
}

// settle gathers what comes until the broker is silent for a time.
func (l *link) settle(silence time.Duration) (some bool, err error) {
	for !l.ended {
		f, err := l.frame(silence)
		if errors.Is(err, errSilence) {
			return some, nil
		}
		if err != nil {
			return some, fmt.Errorf("on %s: %w", l.name, err)
		}
		if err := l.take(f); err != nil {
			return some, err
		}
		if some = true; f.Channel == 0 {
			return some, l.leave(f)
		}
	}
	return some, nil
}

// leave ends a connection on which connection.close or close-ok has come.
func (l *link) leave(f amqptest.Frame) error {
	if id, _ := amqp.PayloadID(f.Payload); id == (&amqp.ConnectionClose{}).ID() {
		if err := l.write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{})); err != nil {
			return err
		}
		if f, err := l.frame(patience); err == nil || errors.Is(err, errSilence) {
			return fmt.Errorf("on %s, after close-ok: %v (%w)", l.name, f, err)
		}
	}
	return l.drop()
}

// drop ends the stream, and returns when the broker has noticed.
func (l *link) drop() error {
	if l.ended {
		return nil
	}
	l.ended = true
	err := l.Close()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	if l.gone == nil {
		timeout.Reset(40 * calm)
		<-timeout.C
		return err
	}
	select {
	case <-l.gone:
		for range l.frames { // the reader ends, however much it has read
		}
		return err
	case <-timeout.C:
		return fmt.Errorf("the broker does not let go of %s", l.name)
	}
}

// take adds a frame to what has come.
func (l *link) take(f amqptest.Frame) error {
	c := l.open[f.Channel]
	switch {
	case f.Type == amqp.FrameMethod && c == nil:
		id, ok := amqp.PayloadID(f.Payload)
		if !ok {
			return fmt.Errorf("on %s: %v", l.name, f)
		}
		c = &content{event: event{payload: f.Payload}}
		if id.HasContent() {
			l.open[f.Channel] = c
			return nil
		}
	case f.Type == amqp.FrameHeader && c != nil && c.properties == nil && len(f.Payload) >= 14:
		c.size, c.properties = binary.BigEndian.Uint64(f.Payload[4:]), f.Payload[12:]
	case f.Type == amqp.FrameBody && c != nil && c.properties != nil:
		c.body += string(f.Payload)
	default:
		return fmt.Errorf("on %s: %v is not due", l.name, f)
	}
	if uint64(len(c.body)) < c.size || l.open[f.Channel] != nil && c.properties == nil {
		return nil
	}
	delete(l.open, f.Channel)
	l.in[f.Channel] = append(l.in[f.Channel], c.event)
	return nil
}
