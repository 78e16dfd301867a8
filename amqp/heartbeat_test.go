package amqp_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

var heartbeat = amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, nil)

func isHeartbeat(f amqptest.Frame) bool {
	return f.Type == amqp.FrameHeartbeat && f.Channel == 0 && len(f.Payload) == 0
}

// HB-01
func TestHeartbeatsLeaveEveryHalfInterval(t *testing.T) {
	for _, seconds := range []uint16{1, 2, 5, 60, 65535} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newBackend().open(t, amqptest.Login{Heartbeat: seconds})
				begin := time.Now()
				for i := range 10 {
					if f := c.Next(); !isHeartbeat(f) {
						t.Fatalf("got %v", f)
					}
					since(t, begin, time.Duration(i+1)*time.Duration(seconds)*time.Second/2)
					c.Send(heartbeat)
				}
			})
		})
	}
}

// HB-02: what else is sent takes the place of the next heartbeat, but not of
// the first.
func TestTrafficTakesThePlaceOfHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBackend().open(t, amqptest.Login{Heartbeat: 2}, 1)
		begin := time.Now()
		if f := c.Next(); !isHeartbeat(f) {
			t.Fatalf("got %v", f)
		}
		since(t, begin, time.Second)
		for range 20 { // at 1.5 s, 2.5 s and so on
			<-time.After(500 * time.Millisecond)
			roundTrip(c, 1)
			<-time.After(500 * time.Millisecond)
		}
		last := time.Now()
		if f := c.Next(); !isHeartbeat(f) {
			t.Fatalf("got %v", f)
		}
		since(t, last, time.Second)
	})
}

// HB-03: a client is dropped two to three intervals after its last byte,
// without a word.
func TestASilentClientIsDropped(t *testing.T) {
	for _, tt := range []struct {
		heartbeat uint16
		last      time.Duration // byte, counted from open-ok; 0: open was the last
		dropped   time.Duration
	}{
		{heartbeat: 1, dropped: 3 * time.Second},
		{heartbeat: 2, dropped: 6 * time.Second},
		{heartbeat: 60, dropped: 180 * time.Second},
		{heartbeat: 1, last: time.Millisecond, dropped: 3 * time.Second},
		{heartbeat: 1, last: 999 * time.Millisecond, dropped: 3 * time.Second},
		{heartbeat: 1, last: 1001 * time.Millisecond, dropped: 4 * time.Second},
		{heartbeat: 1, last: 2500 * time.Millisecond, dropped: 5 * time.Second},
		{heartbeat: 10, last: 29 * time.Second, dropped: 50 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d s, last byte after %v", tt.heartbeat, tt.last), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c := b.open(t, amqptest.Login{Heartbeat: tt.heartbeat}, 1)
				begin := time.Now()
				if tt.last > 0 {
					time.AfterFunc(tt.last, func() { c.Conn.Write(heartbeat) })
				}
				for {
					f, err := c.ReadFrame()
					if err != nil {
						break
					}
					if !isHeartbeat(f) {
						t.Fatalf("got %v", f)
					}
				}
				since(t, begin, tt.dropped)
				synctest.Wait()
				if causes := b.causes(); len(causes) != 1 || !strings.Contains(causes[0].Error(), "missed heartbeats") {
					t.Errorf("ended with %v", causes)
				}
				b.expect(t, "login", "open / as guest", "channel 1", "close channel 1", "close")
			})
		})
	}
}

// HB-04
func TestEveryByteShowsThatAClientIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{Heartbeat: 1}, 1)
		publish := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "k"}, amqp.BasicProperties{}, []byte("body"), 4096)
		done := make(chan struct{})
		go func() { // what the server sends has to be read
			defer close(done)
			for {
				if _, err := c.ReadFrame(); err != nil {
					return
				}
			}
		}()
		b.took()
		for i := range publish {
			<-time.After(1900 * time.Millisecond)
			c.Send(publish[i : i+1])
		}
		synctest.Wait()
		b.expect(t, `publish 1 "" "k" "body" "\x00\x00"`)
		last := time.Now()
		<-done
		if d := time.Since(last); d < 2*time.Second || d > 3*time.Second {
			t.Errorf("dropped %v after its last byte", d)
		}
	})
}

// HB-05
func TestNoHeartbeatsWhereTheClientWantsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBackend().open(t, amqptest.Login{}, 1)
		c.Conn.SetReadDeadline(time.Now().Add(24 * time.Hour))
		if f, err := c.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v, %v", f, err)
		}
		c.Conn.SetReadDeadline(time.Time{})
		roundTrip(c, 1)
	})
}

// HB-06, HB-07
func TestHeartbeatsThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		frame []byte
		code  amqp.ReplyCode
		text  string
		ends  time.Duration // after close-ok
	}{
		{amqp.AppendFrame(nil, amqp.FrameHeartbeat, 1, nil), amqp.UnexpectedFrame, "UNEXPECTED_FRAME - type 8, all octets = <<>>", 0},
		{amqp.AppendFrame(nil, amqp.FrameHeartbeat, 2, nil), amqp.UnexpectedFrame, "UNEXPECTED_FRAME - type 8, all octets = <<>>", 0},
		{
			amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, []byte("x")), amqp.FrameError,
			`FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame`, 3 * time.Second,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newBackend().open(t, amqptest.Login{}, 1)
			begin := time.Now()
			c.Send(tt.frame)
			c.ExpectClose(0, tt.code, tt.text, 0)
			if tt.ends == 0 {
				c.SendMethods(0, &amqp.ConnectionCloseOk{})
			}
			c.ExpectEnd()
			since(t, begin, tt.ends)
		})
	}
}

// HB-08
func TestHeartbeatsBetweenTheFramesOfAContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		c.Send(
			amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "k"}), heartbeat,
			amqp.AppendContentHeader(nil, 1, 8, amqp.Properties{0, 0}), heartbeat, heartbeat,
			amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("half")), heartbeat,
			amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("half")), heartbeat,
		)
		roundTrip(c, 1)
		b.expect(t, `publish 1 "" "k" "halfhalf" "\x00\x00"`, "basic.qos 1")
	})
}

// Heartbeats do not gather for a client that does not read, which is dropped
// when it does not write either.
func TestHeartbeatsDoNotGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		var begin time.Time
		var dropped time.Duration
		b.server.Trace.Closed = func(*amqp.Conn, error) { dropped = time.Since(begin) }
		c := b.open(t, amqptest.Login{Heartbeat: 1}, 1)
		begin = time.Now()
		for range 100 {
			<-time.After(time.Second)
			c.Send(heartbeat)
		}
		<-time.After(100 * time.Millisecond) // between two beats
		c.Conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		for i := 0; ; i++ {
			if _, err := c.ReadFrame(); err == nil {
				continue
			}
			if i != 1 {
				t.Errorf("%d heartbeats have gathered", i)
			}
			break
		}
		<-time.After(10 * time.Second)
		synctest.Wait()
		if dropped < 102*time.Second || dropped > 103*time.Second {
			t.Errorf("dropped after %v", dropped)
		}
	})
}

// A client whose input is not read, because it is slow to take its answers, is
// alive as long as it takes some.
func TestASlowReaderIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		var begin time.Time
		var dropped time.Duration
		b.server.Trace.Closed = func(*amqp.Conn, error) { dropped = time.Since(begin) }
		b.method = answerWith(20 << 20)
		c := b.open(t, amqptest.Login{Heartbeat: 2}, 1)
		begin = time.Now()
		c.SendMethods(1, &amqp.BasicGet{})
		synctest.Wait()
		piece := make([]byte, 100_000)
		const slow = 100 // seconds, of 20 MiB
		for range slow {
			<-time.After(time.Second)
			if _, err := io.ReadFull(c.Conn, piece); err != nil {
				t.Fatalf("after %v: %v", time.Since(begin), err)
			}
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if dropped < (slow+4)*time.Second || dropped > (slow+6)*time.Second {
			t.Errorf("dropped after %v", dropped)
		}
	})
}

// answerWith answers every method with as many bytes.
// A client whose method takes long, such as one that waits for a disk, is not
// taken for dead although nothing is read from it meanwhile.
func TestAClientThatWaitsForTheBrokerIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.method = func(ch *backendChannel, _ amqp.Method) error {
			<-time.After(time.Minute)
			ch.conn.Outbox().Send(ch.id, &amqp.BasicQosOk{})
			return nil
		}
		c := b.open(t, amqptest.Login{Heartbeat: 1}, 1)
		begin := time.Now()
		c.SendMethods(1, &amqp.BasicQos{})
		for {
			if f := c.Next(); !isHeartbeat(f) {
				break
			}
		}
		since(t, begin, time.Minute)
		for { // from then on it is silent, and dropped
			if _, err := c.ReadFrame(); err != nil {
				break
			}
		}
	})
}

func answerWith(size int) func(*backendChannel, amqp.Method) error {
	return func(ch *backendChannel, _ amqp.Method) error {
		content := amqp.NewContent(amqp.Properties{0, 0}, make([]byte, size))
		ch.conn.Outbox().SendContent(ch.id, &amqp.BasicGetOk{}, &content, ch.conn.FrameMax())
		return nil
	}
}
