package amqp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
)

// sink is a connection that takes what is written to it. It has nothing to
// read.
type sink struct {
	net.Conn
	mu      sync.Mutex
	got     []byte
	pieces  [][]byte      // as they were passed to Write
	fail    int           // bytes after which writing fails; negative: never
	proceed chan struct{} // if set, each Write takes one from it
	closed  chan struct{}
	once    sync.Once
}

func newSink() *sink { return &sink{fail: -1, closed: make(chan struct{})} }

var errSink = errors.New("sink is full")

func (s *sink) Write(b []byte) (int, error) {
	if s.proceed != nil {
		select {
		case <-s.proceed:
		case <-s.closed:
			return 0, net.ErrClosed
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail >= 0 && len(s.got)+len(b) > s.fail {
		n := s.fail - len(s.got)
		s.got = append(s.got, b[:n]...)
		return n, errSink
	}
	s.got = append(s.got, b...)
	s.pieces = append(s.pieces, b)
	return len(b), nil
}

func (s *sink) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got)
}

// delivered is one content as it arrived.
type delivered struct {
	channel uint16
	method  Method
	body    []byte
}

// parseOutput splits output into methods and contents, which must be whole:
// method, header and body frames of a channel one behind the other, none of a
// body longer than frameMax.
func parseOutput(t *testing.T, b []byte, frameMax int) (all []delivered) {
	t.Helper()
	next := func() (FrameType, uint16, []byte) {
		if len(b) < FrameOverhead {
			t.Fatalf("%d bytes are no frame", len(b))
		}
		n := int(binary.BigEndian.Uint32(b[3:]))
		if len(b) < n+FrameOverhead || b[n+FrameOverhead-1] != FrameEnd {
			t.Fatalf("a frame of %d bytes does not end where it should", n)
		}
		kind, channel, payload := FrameType(b[0]), binary.BigEndian.Uint16(b[1:]), b[7:7+n]
		b = b[n+FrameOverhead:]
		return kind, channel, payload
	}
	for len(b) > 0 {
		kind, channel, payload := next()
		if kind != FrameMethod {
			t.Fatalf("a frame of type %d where a method is due", kind)
		}
		m, err := DecodeMethod(payload)
		if err != nil {
			t.Fatal(err)
		}
		d := delivered{channel: channel, method: m}
		if m.ID().HasContent() {
			kind, on, payload := next()
			if kind != FrameHeader || on != channel {
				t.Fatalf("a frame of type %d on channel %d behind %s on %d", kind, on, m.ID(), channel)
			}
			size := binary.BigEndian.Uint64(payload[4:])
			for uint64(len(d.body)) < size {
				kind, on, payload := next()
				if kind != FrameBody || on != channel || len(payload)+FrameOverhead > frameMax {
					t.Fatalf("a frame of type %d and %d bytes on channel %d within a body on %d", kind, len(payload), on, channel)
				}
				d.body = append(d.body, payload...)
			}
		}
		all = append(all, d)
	}
	return all
}

func TestOutboxSendsInOrder(t *testing.T) {
	s := newSink()
	o := newOutbox(s)
	defer o.close()
	var want []byte
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 3000 {
		m := &BasicCancel{ConsumerTag: fmt.Sprint(i, string(make([]byte, random.IntN(200))))}
		o.Send(uint16(i), m)
		want = AppendMethod(want, uint16(i), m)
	}
	o.drain()
	if !bytes.Equal(s.bytes(), want) {
		t.Error("what was sent is not what was written")
	}
}

// FRM-22, FRM-23: bodies of all sizes and forms, at all frame sizes, by both
// ways of sending them, at every place in a chunk.
func TestOutboxSplitsBodies(t *testing.T) {
	properties := (&BasicProperties{ContentType: "t"}).Append(nil)
	for _, frameMax := range []int{4096, 50000, 131072} {
		for _, size := range contentSizes {
			body := patterned(size)
			for name, c := range contents(t, properties, body) {
				s := newSink()
				o := newOutbox(s)
				var d Deliver
				d.Prepare(3, "tag", "x", "key")
				o.SendContent(2, &BasicGetOk{DeliveryTag: 1, RoutingKey: "key"}, &c, frameMax)
				batch := o.Batch()
				batch.Deliver(&d, 7, true, &c, false, frameMax)
				batch.Deliver(&d, 8, false, &c, false, frameMax)
				batch.Deliver(&d, 9, true, &c, true, frameMax)
				batch.End()
				o.close2(t)
				got := parseOutput(t, s.bytes(), frameMax)
				if len(got) != 4 {
					t.Fatalf("%d messages", len(got))
				}
				for i, g := range got {
					if !bytes.Equal(g.body, body) {
						t.Errorf("frame-max %d, %s: body %d of %d bytes differs", frameMax, name, i, size)
					}
				}
				want := &BasicDeliver{ConsumerTag: "tag", DeliveryTag: 7, Redelivered: true, Exchange: "x", RoutingKey: "key"}
				if m := got[1].method.(*BasicDeliver); *m != *want || got[1].channel != 3 {
					t.Errorf("got %+v, want %+v", m, want)
				}
				if m := got[2].method.(*BasicDeliver); m.DeliveryTag != 8 || m.Redelivered {
					t.Errorf("got %+v", m)
				}
			}
		}
	}
}

// close2 lets the outbox write what it has and closes it.
func (o *Outbox) close2(t *testing.T) {
	t.Helper()
	o.drain()
	o.close()
}

// FRM-23
func TestOutboxDoesNotSplitMethodsAndHeaders(t *testing.T) {
	s := newSink()
	o := newOutbox(s)
	headers := Table{{Key: "h", Value: string(patterned(100000))}}
	properties := (&BasicProperties{Headers: headers}).Append(nil)
	start := &ConnectionStart{ServerProperties: headers}
	c := NewContent(properties, []byte("body"))
	large := NewContent(properties, make([]byte, 100000))
	var want []byte
	for range 3 {
		o.Send(0, start)
		want = AppendMethod(want, 0, start)
		for _, c := range []Content{c, large} {
			o.SendContent(1, &BasicReturn{}, &c, 131072)
			want = AppendMethod(want, 1, &BasicReturn{})
			want = AppendContentHeader(want, 1, uint64(len(c.Body())), properties)
			want = AppendFrame(want, FrameBody, 1, c.Body())
		}
	}
	o.close2(t)
	if !bytes.Equal(s.bytes(), want) {
		t.Error("what was sent is not what was written")
	}
}

// A large body is passed to the connection as it is, not copied.
func TestOutboxSendsLargeBodiesByReference(t *testing.T) {
	s := newSink()
	o := newOutbox(s)
	body := patterned(1 << 20)
	c := NewContent(Properties{0, 0}, body)
	o.SendContent(1, &BasicGetOk{}, &c, 131072)
	o.close2(t)
	parts := 0
	for _, p := range s.pieces {
		for at := 0; at < len(body); at += 131064 {
			if &p[0] == &body[at] {
				parts++
			}
		}
	}
	if want := 1 << 20 / 131064; parts != want { // the rest is short
		t.Errorf("%d parts of the body were passed on, want %d", parts, want)
	}
}

// Sequences that many goroutines append are each in one piece, and those of
// one goroutine in order, however the writer comes in between.
func TestOutboxKeepsConcurrentSequencesWhole(t *testing.T) {
	const senders, each = 8, 200
	for _, network := range []string{"sink", "pipe", "tcp"} {
		t.Run(network, func(t *testing.T) {
			conn, output := receiver(t, network)
			o := newOutbox(conn)
			var group sync.WaitGroup
			for id := range uint16(senders) {
				group.Go(func() { sendSequences(o, id, each) })
			}
			group.Wait()
			o.close2(t)
			conn.Close()
			next := map[uint16]int{}
			for _, d := range parseOutput(t, output(), 4096) {
				i := next[d.channel]
				next[d.channel]++
				if want := sequenceBody(d.channel, i); !bytes.Equal(d.body, want) {
					t.Fatalf("channel %d: message %d is damaged or out of order", d.channel, i)
				}
			}
			for id := range uint16(senders) {
				if next[id] != each {
					t.Errorf("channel %d: %d messages, want %d", id, next[id], each)
				}
			}
		})
	}
}

// receiver returns a connection and a function that returns all that was
// written to it, once it is closed.
func receiver(t *testing.T, network string) (net.Conn, func() []byte) {
	t.Helper()
	var near, far net.Conn
	switch network {
	case "sink":
		s := newSink()
		return s, s.bytes
	case "pipe":
		near, far = net.Pipe()
	default:
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if far, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		far.Close()
		got <- b
	}()
	return near, func() []byte { return <-got }
}

// sequenceBody is the i-th body that a sender sends: one of many sizes.
func sequenceBody(id uint16, i int) []byte {
	random := rand.New(rand.NewPCG(uint64(id), uint64(i)))
	body := make([]byte, []int{0, 10, 500, 4000, 4088, 5000, 20000}[random.IntN(7)])
	for j := range body {
		body[j] = byte(int(id)*31 + i*7 + j)
	}
	return body
}

func sendSequences(o *Outbox, id uint16, n int) {
	var d Deliver
	d.Prepare(id, "t", "", "k")
	for i := 0; i < n; {
		switch i % 3 {
		case 0:
			c := NewContent(Properties{0, 0}, sequenceBody(id, i))
			o.SendContent(id, &BasicGetOk{}, &c, 4096)
			i++
		default:
			batch := o.Batch()
			for ; i < n && i%3 != 0; i++ {
				c := NewContent(Properties{0, 0}, sequenceBody(id, i))
				batch.Deliver(&d, uint64(i), false, &c, i%2 == 0, 4096)
			}
			batch.End()
		}
	}
}

// Output buffers go from outbox to outbox. What was appended arrives as it
// was, also while others fill and empty theirs, and some break down.
func TestOutboxesShareBuffers(t *testing.T) {
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for range 5 {
				s := newSink()
				if i%4 == 0 {
					s.fail = 100000
				}
				o := newOutbox(s)
				sendSequences(o, uint16(i), 40)
				o.drain()
				o.close()
				if i%4 == 0 {
					continue
				}
				for j, d := range parseOutput(t, s.bytes(), 4096) {
					if !bytes.Equal(d.body, sequenceBody(uint16(i), j)) {
						t.Errorf("outbox %d: message %d is damaged", i, j)
					}
				}
			}
		})
	}
	group.Wait()
}

// A connection that fails is closed, and what is sent afterwards vanishes.
func TestOutboxOfABrokenConnection(t *testing.T) {
	for _, fail := range []int{0, 1, 8, 1000, 70000, 200000} {
		s := newSink()
		s.fail = fail
		o := newOutbox(s)
		for i := 0; ; i++ {
			c := NewContent(Properties{0, 0}, make([]byte, 5000))
			o.SendContent(1, &BasicGetOk{}, &c, 4096)
			select {
			case <-s.closed:
			default:
				if i < 1000 {
					o.drain()
					continue
				}
				t.Fatal("the connection is not closed")
			}
			break
		}
		o.drain()
		for range 5 {
			o.Send(1, &BasicQosOk{})
			o.sendHeartbeat()
		}
		o.mu.Lock()
		if o.chunk != nil || o.vec != nil || o.spent != nil {
			t.Error("something is kept")
		}
		o.mu.Unlock()
		if got := len(s.bytes()); got != fail {
			t.Errorf("%d bytes were written, want %d", got, fail)
		}
		if w := o.written.Load(); w > uint64(fail) {
			t.Errorf("%d bytes are said to be written of %d", w, fail)
		}
		o.close()
		o.close() // again
	}
}

// A full outbox whose connection fails is full for ever: nothing more is to
// be delivered, nobody waits.
func TestOutboxOfABrokenConnectionIsFull(t *testing.T) {
	s := newSink()
	s.proceed = make(chan struct{})
	o := newOutbox(s)
	f := &filler{o: o, left: 1 << 20, size: 100000}
	f.Drained(f.o)
	left := f.left
	s.Close() // while it writes
	o.drain()
	f.Drained(f.o)
	o.close()
	if f.left < left-10 {
		t.Errorf("%d messages went to a broken connection", left-f.left)
	}
}

// close waits for the writer to end, whatever it is at, and forgets what is
// pending.
func TestOutboxIsClosedWhileWriting(t *testing.T) {
	for _, appendMore := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSink()
			s.proceed = make(chan struct{})
			o := newOutbox(s)
			c := NewContent(Properties{0, 0}, make([]byte, 100000))
			o.SendContent(1, &BasicGetOk{}, &c, 4096)
			s.proceed <- struct{}{} // it is writing
			var group sync.WaitGroup
			if appendMore {
				for range 4 {
					group.Go(func() {
						for range 100 {
							o.Send(1, &BasicQosOk{})
						}
					})
				}
			}
			closed := make(chan struct{})
			go func() {
				o.close()
				close(closed)
			}()
			synctest.Wait()
			select {
			case <-closed:
				t.Error("closed while it was writing")
			default:
			}
			s.Close()
			<-closed
			group.Wait()
			if o.chunk != nil || o.vec != nil || o.spent != nil || o.writing {
				t.Errorf("something is kept, writing %t", o.writing)
			}
		})
	}
}

// wait returns when few enough answers are pending, not before, or when
// somebody is in a hurry. Deliveries do not count.
func TestOutboxWait(t *testing.T) {
	for _, hurry := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSink()
			s.proceed = make(chan struct{})
			o := newOutbox(s)
			var d Deliver
			d.Prepare(1, "t", "", "k")
			c := NewContent(Properties{0, 0}, make([]byte, 100000))
			batch := o.Batch()
			batch.Deliver(&d, 1, false, &c, true, 131072)
			batch.End()
			o.wait(0) // at once: it is no answer
			o.Send(1, &BasicQosOk{})
			synctest.Wait()
			o.wait(1000) // at once: it is a short one
			waited := make(chan struct{})
			go func() {
				o.wait(0)
				close(waited)
			}()
			synctest.Wait()
			select {
			case <-waited:
				t.Error("wait returned with an answer pending")
			default:
			}
			if hurry {
				o.hurry()
				<-waited
				o.wait(0)
			}
			for o.size.Load() > 0 {
				s.proceed <- struct{}{}
				synctest.Wait()
			}
			<-waited
			o.close()
			if got := parseOutput(t, s.bytes(), 131072); len(got) != 2 {
				t.Errorf("%d messages arrived", len(got))
			}
		})
	}
}
