package model

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
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

// link is the client's end of a connection.
type link struct {
	net.Conn
	r     *bufio.Reader
	gone  <-chan struct{} // closed when the broker has nothing more to do for it; nil if nobody tells
	model *conn
	open  map[uint16]*content // messages on their way in
	ended bool
}

type content struct {
	event
	size uint64
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

// frame reads the next frame, which must come within a time.
func (l *link) frame(within time.Duration) (amqptest.Frame, error) {
	if err := l.SetReadDeadline(time.Now().Add(within)); err != nil {
		return amqptest.Frame{}, err
	}
	head, err := l.r.Peek(7)
	if err != nil {
		return amqptest.Frame{}, err
	}
	size := int(binary.BigEndian.Uint32(head[3:]))
	all, err := l.r.Peek(7 + size + 1) // as a whole: what is begun stays readable after a timeout
	if err != nil {
		return amqptest.Frame{}, err
	}
	f := amqptest.Frame{Type: amqp.FrameType(all[0]), Channel: binary.BigEndian.Uint16(all[1:]), Payload: append([]byte{}, all[7:7+size]...)}
	if all[7+size] != amqp.FrameEnd {
		return f, fmt.Errorf("%v ends with %#x", f, all[7+size])
	}
	_, err = l.r.Discard(len(all))
	return f, err
}

// trip is a round trip on the spare channel.
type trip struct {
	bytes   []byte
	answers int
}

// roundTrip is over when what was sent before was carried out.
var roundTrip = trip{amqp.AppendMethod(nil, spare, &amqp.ChannelFlow{Active: true}), 1}

// durableTrip is over when all of that is durable, too, and was confirmed: the
// first answer says so much of one group, and the second that the next one
// followed.
var durableTrip = trip{
	amqp.AppendMethod(amqp.AppendMethod(nil, spare, &amqp.QueueDeclare{Queue: "spare", Durable: true}),
		spare, &amqp.QueueDelete{Queue: "spare"}), 2,
}

// barrier makes a round trip, or waits for one that was sent, and gathers all
// that comes up to its end, or up to the end of the connection.
func (l *link) barrier(send bool, t trip) error {
	if send {
		if err := l.write(t.bytes); err != nil {
			return err
		}
	}
	for answers := 0; answers < t.answers; {
		f, err := l.frame(patience)
		if err != nil {
			return fmt.Errorf("on %s: %w", l.model.name, err)
		}
		if f.Channel == spare {
			answers++
			continue
		}
		if err := l.take(f); err != nil {
			return err
		}
		if f.Channel == 0 {
			return l.leave(f)
		}
	}
	return nil
}

// settle gathers what comes until the broker is silent for a time.
func (l *link) settle(silence time.Duration) (some bool, err error) {
	for !l.ended {
		f, err := l.frame(silence)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return some, nil
		}
		if err != nil {
			return some, fmt.Errorf("on %s: %w", l.model.name, err)
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

// more waits for another frame.
func (l *link) more() bool {
	if l.ended {
		return false
	}
	f, err := l.frame(patience)
	return err == nil && l.take(f) == nil && (f.Channel != 0 || l.leave(f) == nil)
}

// leave ends a connection on which connection.close or close-ok has come.
func (l *link) leave(f amqptest.Frame) error {
	if id, _ := amqp.PayloadID(f.Payload); id == (&amqp.ConnectionClose{}).ID() {
		if err := l.write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{})); err != nil {
			return err
		}
		if f, err := l.frame(patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("on %s, after close-ok: %v (%w)", l.model.name, f, err)
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
		return err
	case <-timeout.C:
		return fmt.Errorf("the broker does not let go of %s", l.model.name)
	}
}

// take adds a frame to what has come.
func (l *link) take(f amqptest.Frame) error {
	c := l.open[f.Channel]
	switch {
	case f.Type == amqp.FrameMethod && c == nil:
		id, ok := amqp.PayloadID(f.Payload)
		if !ok {
			return fmt.Errorf("on %s: %v", l.model.name, f)
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
		return fmt.Errorf("on %s: %v is not due", l.model.name, f)
	}
	if uint64(len(c.body)) < c.size || l.open[f.Channel] != nil && c.properties == nil {
		return nil
	}
	delete(l.open, f.Channel)
	l.model.in[f.Channel] = append(l.model.in[f.Channel], c.event)
	return nil
}
