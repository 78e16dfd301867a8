package broker

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// blockable is the login of a client that wants to know when it is blocked.
var blockable = amqptest.Login{Properties: amqp.Table{
	{Key: "capabilities", Value: amqp.Table{{Key: "connection.blocked", Value: true}}},
}}

// CTL-09, CTL-12: what was published before is in its queue, and confirmed;
// consumers, of the blocked connection as well, go on.
func TestAnAlarmHoldsBackPublishesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p, other := connectAs(t, b, blockable, 2), connect(t, b, 2)
		p.declare("q")
		p.declare("mine")
		p.do(1, &amqp.ConfirmSelect{})
		other.publish("mine", "1", "2", "3")
		b.SetAlarm(MemoryAlarm, true)
		b.SetAlarm(DiskAlarm, true)
		p.Send(publishes(1, "q", ""), publishes(1, "q", "later"), amqp.AppendMethod(nil, 1, &amqp.BasicQos{}))
		p.Expect(0, &amqp.ConnectionBlocked{Reason: "low on disk & memory"})
		p.Expect(1, &amqp.BasicAck{DeliveryTag: 1})
		if n, _ := waiting(b, "q"); n != 1 {
			t.Errorf("%d messages are in the queue", n)
		}
		if bodies := bodiesOf(other, "mine"); bodies != "123" {
			t.Errorf("the other connection got %s", bodies)
		}
		b.SetAlarm(MemoryAlarm, false)
		b.SetAlarm(DiskAlarm, false)
		p.Expect(0, &amqp.ConnectionUnblocked{})
		p.Expect(1, &amqp.BasicAck{DeliveryTag: 2}, &amqp.BasicQosOk{})
		if n, _ := waiting(b, "q"); n != 2 {
			t.Errorf("%d messages are in the queue", n)
		}
	})
}

// The store and whoever watches the disk each have a say in the disk alarm.
func TestADiskAlarmHoldsUntilTheStoreHasRoomAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connectAs(t, b, blockable, 1)
		p.declare("q")
		b.SetAlarm(DiskAlarm, true)
		b.storeShort(true)
		b.storeShort(true)
		b.SetAlarm(DiskAlarm, false)
		p.Send(publishes(1, "q", "body"))
		p.Expect(0, &amqp.ConnectionBlocked{Reason: "low on disk"})
		b.SetAlarm(DiskAlarm, true)
		b.storeShort(false)
		synctest.Wait()
		if n, _ := waiting(b, "q"); n != 0 {
			t.Error("published during the alarm")
		}
		b.SetAlarm(DiskAlarm, false)
		p.Expect(0, &amqp.ConnectionUnblocked{})
	})
}

// bodiesOf consumes a queue and returns what it has, joined.
func bodiesOf(p *peer, queue string) string {
	p.consume(2, queue, "t", true)
	return strings.Join(p.bodies(), "")
}

// A consumer on a blocked connection gets what others deliver to it.
func TestABlockedConnectionGetsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p, other := connectAs(t, b, blockable, 1), connect(t, b, 1)
		p.declare("q")
		other.publish("q", "0", "1")
		for range 2 {
			other.get("q")
		}
		p.consume(1, "q", "t", true)
		b.SetAlarm(DiskAlarm, true)
		p.Send(publishes(1, "q", "held"))
		p.Expect(0, &amqp.ConnectionBlocked{Reason: "low on disk"})
		other.do(1, &amqp.BasicRecover{Requeue: true})
		for i := range uint64(2) {
			_, body := p.ExpectContent(1, &amqp.BasicDeliver{
				ConsumerTag: "t", DeliveryTag: i + 1, Redelivered: true, RoutingKey: "q",
			})
			if string(body) != fmt.Sprint(i) {
				t.Errorf("got %q as number %d", body, i)
			}
		}
		b.SetAlarm(DiskAlarm, false)
		p.Expect(0, &amqp.ConnectionUnblocked{})
	})
}

// CTL-07, CTL-08: a blocked client learns of its end like any other.
func TestTheEndOfABlockedConnection(t *testing.T) {
	for name, end := range map[string]func(*Broker) error{
		"vhost 'v' is deleted": func(b *Broker) error { return b.DeleteVhost("v") },
		"broker forced connection closure with reason 'shutdown'": func(b *Broker) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			return b.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{Vhosts: []string{"v"}})
				l := blockable
				l.Vhost = "v"
				p := connectAs(t, b, l, 1)
				b.SetAlarm(MemoryAlarm, true)
				p.Send(publishes(1, "q", "m"))
				p.Expect(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
				begin := time.Now()
				ended := make(chan error, 1)
				go func() { ended <- end(b) }()
				p.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - "+name, 0)
				p.SendMethods(0, &amqp.ConnectionCloseOk{})
				p.ExpectEnd()
				if err := <-ended; err != nil || time.Since(begin) > 0 {
					t.Errorf("ended with %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

// Operators look for these words.
func TestAlarmsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	b := New(Options{Log: zerolog.New(&log)})
	for range 2 {
		b.SetAlarm(MemoryAlarm, true)
	}
	for range 2 {
		b.SetAlarm(MemoryAlarm, false)
	}
	want := `{"level":"warn","message":"memory resource limit alarm set: publishers will be blocked until it clears"}
{"level":"info","message":"memory resource limit alarm cleared"}
`
	if got := log.String(); got != want {
		t.Errorf("logged %s", got)
	}
}
