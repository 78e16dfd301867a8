package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// blockable is the login of a client that wants to know when it is blocked.
var blockable = amqptest.Login{Properties: amqp.Table{
	{Key: "capabilities", Value: amqp.Table{{Key: "connection.blocked", Value: true}}},
}}

// alarm raises an alarm until the test ends, if not before.
func (b *backend) alarm(t testing.TB, resource string) {
	t.Helper()
	if !b.server.SetAlarm(resource, true) {
		t.Fatalf("the alarm for %s was on", resource)
	}
	t.Cleanup(func() { b.server.SetAlarm(resource, false) })
}

// silent fails if anything comes within an hour.
func silent(t testing.TB, c *amqptest.Client) {
	t.Helper()
	c.Conn.SetReadDeadline(time.Now().Add(time.Hour))
	defer c.Conn.SetReadDeadline(time.Time{})
	if f, err := c.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, %v, want silence", f, err)
	}
}

var qos = amqp.AppendMethod(nil, 1, &amqp.BasicQos{})

// CTL-09, CTL-10, CTL-12
func TestAnAlarmBlocksWhoPublishes(t *testing.T) {
	for _, body := range []int{1, 100, 4000, 10_000, 100_000} {
		t.Run(fmt.Sprint(body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c, other := b.open(t, blockable, 1), b.open(t, blockable, 1)
				b.alarm(t, "memory")
				silent(t, c)
				roundTrip(c, 1)
				b.took()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					c.Conn.Write(append(frames(1, pattern(body)), qos...))
				}()
				c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
				silent(t, c)
				roundTrip(other, 1)
				b.expect(t, "basic.qos 1")
				b.server.SetAlarm("memory", false)
				c.Expect(0, &amqp.ConnectionUnblocked{})
				c.Expect(1, &amqp.BasicQosOk{})
				b.expect(t, publishEvent(1, pattern(body)), "basic.qos 1")
				<-sent
				silent(t, other)
			})
		})
	}
}

// CTL-11
func TestOthersAreBlockedWithoutAWord(t *testing.T) {
	for _, capabilities := range []amqp.Table{nil, {{Key: "connection.blocked", Value: false}}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{Properties: amqp.Table{{Key: "capabilities", Value: capabilities}}}, 1)
			b.alarm(t, "disk")
			c.Send(frames(1, []byte("m")), qos)
			silent(t, c)
			b.server.SetAlarm("disk", false)
			c.Expect(1, &amqp.BasicQosOk{})
			silent(t, c)
		})
	}
}

// CTL-09: the reasons are those of the moment; a change of them is not told,
// and all must clear. CTL-13: a connection may be opened meanwhile.
func TestReasonsOfBeingBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		blocked := func(reason string) *amqptest.Client {
			t.Helper()
			c := b.open(t, blockable, 1)
			roundTrip(c, 1)
			c.Send(frames(1, []byte("m")))
			c.Expect(0, &amqp.ConnectionBlocked{Reason: reason})
			return c
		}
		b.alarm(t, "memory")
		all := []*amqptest.Client{blocked("low on memory")}
		b.alarm(t, "disk")
		if b.server.SetAlarm("disk", true) {
			t.Error("raised again, the alarm has changed")
		}
		all = append(all, blocked("low on disk & memory"))
		b.server.SetAlarm("memory", false)
		all = append(all, blocked("low on disk"))
		for _, c := range all {
			silent(t, c)
		}
		b.took()
		b.server.SetAlarm("disk", false)
		if b.server.SetAlarm("disk", false) {
			t.Error("cleared again, the alarm has changed")
		}
		for _, c := range all {
			c.Expect(0, &amqp.ConnectionUnblocked{})
			roundTrip(c, 1)
		}
	})
}

// An alarm that has cleared lets one publish through, however soon the next
// one comes.
func TestAlarmsInQuickSuccession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1)
		b.took()
		b.alarm(t, "memory")
		for range 10 {
			c.Send(frames(1, []byte("m")))
			c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
			synctest.Wait()
			b.expect(t)
			b.server.SetAlarm("memory", false)
			b.server.SetAlarm("memory", true)
			c.Expect(0, &amqp.ConnectionUnblocked{})
			synctest.Wait()
			b.expect(t, publishEvent(1, []byte("m")))
		}
	})
}

// An alarm that nobody has published under is not told.
func TestAlarmsThatPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1)
		c.Send(amqp.AppendMethod(nil, 1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"}))
		b.alarm(t, "memory")
		silent(t, c)
		b.server.SetAlarm("memory", false)
		b.took()
		c.Send(frames(1, []byte("m"))[len(amqp.AppendMethod(nil, 1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"})):])
		silent(t, c)
		b.expect(t, publishEvent(1, []byte("m")))
	})
}

// What came before the header that blocks is carried out, and a content that
// ends with it as well.
func TestWhatIsDoneBeforeAConnectionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1, 2)
		b.took()
		b.alarm(t, "memory")
		c.Send(amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 1}), frames(2, nil), frames(2, []byte("later")))
		c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		silent(t, c)
		b.expect(t, "ack 1 1 false", publishEvent(2, nil))
		b.server.SetAlarm("memory", false)
		c.Expect(0, &amqp.ConnectionUnblocked{})
		silent(t, c)
		b.expect(t, publishEvent(2, []byte("later")))
	})
}

// The header of a content that is dropped, because its channel is closing,
// blocks like any other.
func TestAPublishOnAClosingChannelIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1, 2)
		b.alarm(t, "memory")
		c.SendMethods(1, softError)
		c.ExpectClose(1, amqp.NotFound, softText, id(softError))
		c.Send(frames(1, []byte("m")), amqp.AppendMethod(nil, 2, &amqp.BasicQos{}))
		c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		silent(t, c)
		b.server.SetAlarm("memory", false)
		c.Expect(0, &amqp.ConnectionUnblocked{})
		c.Expect(2, &amqp.BasicQosOk{})
	})
}

// A header that is an error ends the connection, which is not blocked.
func TestAnErrorInTheHeaderIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1)
		b.alarm(t, "memory")
		c.Send(amqp.AppendMethod(nil, 1, &amqp.BasicPublish{}), amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("m")))
		c.ExpectClose(0, amqp.UnexpectedFrame,
			"UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
			id(&amqp.BasicPublish{}))
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
	})
}

// CTL-06, CTL-07: the client learns of it at once, and what was not read is
// dropped.
func TestCloseOfABlockedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, blockable, 1)
		b.alarm(t, "memory")
		b.took()
		begin := time.Now()
		c.Send(frames(1, []byte("m")), qos)
		c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		synctest.Wait()
		b.closeAll()
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		c.Send(frames(1, []byte("m")), qos)
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
		b.expect(t, "close channel 1", "close")
		synctest.Wait()
		if causes := b.causes(); len(causes) != 1 || !errors.Is(causes[0], forced) {
			t.Errorf("ended with %v", causes)
		}
	})
}

// Also one that comes at the same time as the alarm ends.
func TestCloseAsTheAlarmClears(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{}, 1)
			b.alarm(t, "memory")
			begin := time.Now()
			c.Send(frames(1, []byte("m")))
			synctest.Wait()
			go b.closeAll()
			go b.server.SetAlarm("memory", false)
			c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
			c.SendMethods(0, &amqp.ConnectionCloseOk{})
			c.ExpectEnd()
			since(t, begin, 0)
		})
	}
}

func TestShutdownWithBlockedClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.alarm(t, "memory")
		for range 5 {
			c := b.open(t, blockable, 1)
			c.Send(frames(1, []byte("m")), qos)
			c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.server.Shutdown(ctx, forced); err != nil {
			t.Error(err)
		}
		// Some have output left, and get a moment more to read it.
		if took := time.Since(begin); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// HB-09: a blocked client need not send anything to be alive, and gets its
// heartbeats. When it is not blocked any more its time begins anew.
func TestABlockedClientIsAlive(t *testing.T) {
	for _, after := range []time.Duration{time.Hour, time.Hour + 300*time.Millisecond, time.Hour + 700*time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			b.alarm(t, "memory")
			c := b.open(t, amqptest.Login{Heartbeat: 2}, 1)
			c.Send(frames(1, []byte("m")))
			var cleared time.Time
			time.AfterFunc(after, func() {
				cleared = time.Now()
				b.server.SetAlarm("memory", false)
			})
			beats := 0
			for ; ; beats++ {
				f, err := c.ReadFrame()
				if err != nil {
					break
				}
				if !isHeartbeat(f) {
					t.Fatalf("got %v", f)
				}
			}
			if beats < 3600 || beats > 3606 {
				t.Errorf("%d heartbeats within an hour", beats)
			}
			if d := time.Since(cleared); d < 4*time.Second || d > 6*time.Second {
				t.Errorf("dropped after %v", d)
			}
		})
	}
}

// A blocked client that has gone is noticed when nothing can be sent to it.
func TestABlockedClientThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.alarm(t, "memory")
		login := blockable
		login.Heartbeat = 2
		c := b.open(t, login, 1)
		c.Send(frames(1, []byte("m")), qos)
		c.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		synctest.Wait()
		b.took()
		c.Close()
		<-time.After(3 * time.Second)
		synctest.Wait()
		b.expect(t, "close channel 1", "close")
		if n := len(b.server.Conns()); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}
