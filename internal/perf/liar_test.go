package perf

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// liar stands between a client and a broker, and passes on what it makes of
// deliveries.
type liar struct {
	t      *testing.T
	broker *brokertest.Broker
	// tell gets the frames of the nth message, from 1 up, and returns those to
	// pass on.
	tell func(n int, message []byte) []byte
	all  sync.WaitGroup
}

// startLiar returns the URI of one.
func startLiar(t *testing.T, tell func(n int, message []byte) []byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &liar{t: t, broker: brokertest.Start(t), tell: tell}
	k.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.all.Go(func() { k.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		k.all.Wait()
	})
	return "amqp://" + l.Addr().String()
}

func (k *liar) serve(c net.Conn) {
	defer c.Close()
	b, err := k.broker.Dial("tcp", "")
	if err != nil {
		k.t.Error(err)
		return
	}
	k.all.Go(func() {
		_, _ = io.Copy(b, c) // ends with either
		b.Close()
	})
	r := bufio.NewReader(b)
	var message []byte // the frames of the delivery that is coming
	var left uint64
	for n := 0; ; {
		f, err := rawFrame(r)
		if err != nil {
			return
		}
		switch payload := f[frameHeaderSize : len(f)-1]; {
		case (frame{kind: amqp.FrameType(f[0]), payload: payload}).method() == idDeliver:
			message = f
			continue
		case message == nil:
		case amqp.FrameType(f[0]) == amqp.FrameHeader:
			left = binary.BigEndian.Uint64(payload[4:])
			message = append(message, f...)
			continue
		case amqp.FrameType(f[0]) == amqp.FrameBody:
			message = append(message, f...)
			if left -= uint64(len(payload)); left > 0 {
				continue
			}
			n++
			f, message = k.tell(n, message), nil
		}
		if _, err := c.Write(f); err != nil {
			return
		}
	}
}

func rawFrame(r io.Reader) ([]byte, error) {
	h := make([]byte, frameHeaderSize)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, err
	}
	f := make([]byte, frameHeaderSize+int(binary.BigEndian.Uint32(h[3:]))+1)
	copy(f, h)
	_, err := io.ReadFull(r, f[frameHeaderSize:])
	return f, err
}
