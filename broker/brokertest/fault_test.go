package brokertest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// confirming is a channel in confirm mode, and a queue q.
func confirming(t *testing.T, b *brokertest.Broker) (*amqp.Connection, *amqp.Channel, *brokertest.Queue) {
	t.Helper()
	conn := dial(t, b)
	ch := channel(t, conn)
	must(t, ch.Confirm(false))
	return conn, ch, b.DeclareQueue(t, broker.Queue{Name: "q"})
}

func TestTheNextPublishesAreNacked(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	_, ch, q := confirming(t, b)
	f := b.Inject(brokertest.AtPublish, brokertest.Nack, brokertest.After(1), brokertest.Next(2))
	var got []bool
	for i := range 5 {
		got = append(got, acked(t, publish(t, ch, "q", fmt.Sprint(i))))
	}
	equal(t, "acked", got, []bool{true, false, false, true, true})
	equal(t, "messages", bodies(q.Messages(t)), []string{"0", "3", "4"})
	equal(t, "published", len(b.Exchange("").Published()), 3)
	equal(t, "times", f.Times(), 2)
}

// Those that are published in one go are answered one by one.
func TestOddsAreDrawnByTheSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (got []bool) {
		b := brokertest.Start(t, brokertest.Seed(seed))
		_, ch, q := confirming(t, b)
		b.Inject(brokertest.AtPublish, brokertest.Nack, brokertest.Odds(0.3))
		var all []*amqp.DeferredConfirmation
		for range 100 {
			all = append(all, publish(t, ch, "q", ""))
		}
		n := 0
		for _, d := range all {
			got = append(got, acked(t, d))
			if d.Acked() {
				n++
			}
		}
		equal(t, "messages", q.Len(), n)
		if n < 50 || n > 90 {
			t.Errorf("%d of 100 were acked", n)
		}
		return got
	}
	first := run(7)
	equal(t, "the same seed", run(7), first)
	if fmt.Sprint(run(8)) == fmt.Sprint(first) {
		t.Error("another seed gives the same")
	}
}

func TestConfirmsAreLost(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	_, ch, q := confirming(t, b)
	b.Inject(brokertest.AtConfirm, brokertest.Lose, brokertest.After(1), brokertest.Next(1))
	first, lost, last := publish(t, ch, "q", "0"), publish(t, ch, "q", "1"), publish(t, ch, "q", "2")
	equal(t, "acked", []bool{acked(t, first), acked(t, last)}, []bool{true, true})
	select {
	case <-lost.Done():
		t.Error("the second was confirmed")
	default:
	}
	equal(t, "messages", bodies(q.Messages(t)), []string{"0", "1", "2"})
}

func TestPublishesAreLost(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	_, ch, q := confirming(t, b)
	b.Inject(brokertest.AtPublish, brokertest.Lose, brokertest.Next(1))
	lost, next := publish(t, ch, "q", "0"), publish(t, ch, "q", "1")
	equal(t, "acked", acked(t, next), true)
	equal(t, "messages", bodies(q.Messages(t)), []string{"1"})
	select {
	case <-lost.Done():
		t.Error("the first was confirmed")
	default:
	}
}

func TestConnectionsBreakAroundAPublish(t *testing.T) {
	t.Parallel()
	for at, want := range map[brokertest.Point][]string{
		brokertest.AtPublish: {"0"},
		brokertest.AtConfirm: {"0", "1"},
	} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t)
			conn, ch, q := confirming(t, b)
			closed := conn.NotifyClose(make(chan *amqp.Error, 1))
			b.Inject(at, brokertest.Drop, brokertest.After(1), brokertest.Next(1))
			equal(t, "acked", acked(t, publish(t, ch, "q", "0")), true)
			for _, body := range []string{"1", "2"} { // "2" is never taken
				_ = ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{Body: []byte(body)})
			}
			if <-closed == nil {
				t.Error("the connection ended in order")
			}
			b.WaitConnections(t, 0)
			equal(t, "messages", bodies(q.Messages(t)), want)
		})
	}
}

func TestAcknowledgementsAreLost(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	for _, body := range []string{"0", "1"} {
		q.Publish(t, brokertest.Message{Body: []byte(body)})
	}
	f := b.Inject(brokertest.AtAck, brokertest.Lose, brokertest.Next(1))
	conn := dial(t, b)
	deliveries, err := channel(t, conn).Consume("q", "", false, false, false, false, nil)
	must(t, err)
	for range 2 {
		must(t, (<-deliveries).Ack(false))
	}
	f.Wait(t, 1)
	q.Wait(t, "one message", func(i broker.QueueInfo) bool { return i.Unacknowledged == 1 })
	must(t, conn.Close())
	q.WaitReady(t, 1)
	equal(t, "redelivered", q.Messages(t)[0].Redelivered, true)
	equal(t, "messages", bodies(q.Messages(t)), []string{"0"})
}

func TestConnectionsBreakAtAnAcknowledgement(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	q.Publish(t, brokertest.Message{})
	b.Inject(brokertest.AtAck, brokertest.Drop)
	deliveries, err := channel(t, dial(t, b)).Consume("q", "", false, false, false, false, nil)
	must(t, err)
	_ = (<-deliveries).Ack(false)
	for range deliveries {
		t.Error("there is another delivery")
	}
	q.WaitReady(t, 1)
}

func TestMethodsAreRefused(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	conn := dial(t, b)
	b.Inject("queue.declare", brokertest.Refuse(406, "PRECONDITION_FAILED - no"), brokertest.Next(1))
	b.Inject("basic.publish", brokertest.Refuse(404, "no"), brokertest.Next(1))
	b.Inject("exchange.declare", brokertest.Refuse(541, "no"), brokertest.Next(1))

	_, err := channel(t, conn).QueueDeclare("q", false, false, false, false, nil)
	refusedBy(t, err, 406, "PRECONDITION_FAILED - no")
	ch := channel(t, conn)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	must(t, ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{}))
	refusedBy(t, <-closed, 404, "NOT_FOUND - no")
	equal(t, "the connection is closed", conn.IsClosed(), false)
	err = channel(t, conn).ExchangeDeclare("x", "fanout", false, false, false, false, nil)
	refusedBy(t, err, 541, "INTERNAL_ERROR - no")
	equal(t, "the connection is closed", conn.IsClosed(), true)
}

func refusedBy(t testing.TB, err error, code int, text string) {
	t.Helper()
	var e *amqp.Error
	if !errors.As(err, &e) || e.Code != code || e.Reason != text {
		t.Errorf("got %v, want %d %s", err, code, text)
	}
}

func TestStepsOfTheHandshakeAreRefused(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	for _, at := range []brokertest.Point{
		brokertest.AtAccept, brokertest.AtStart, brokertest.AtLogin, brokertest.AtTune, brokertest.AtOpen,
	} {
		for name, action := range map[string]brokertest.Action{"drop": brokertest.Drop, "refuse": brokertest.Refuse(530, "no")} {
			for _, dialer := range []func(string, string) (net.Conn, error){b.Dial, amqp.DefaultDial(time.Minute)} {
				f := b.Inject(at, action, brokertest.Next(1))
				conn, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: dialer})
				if err == nil {
					must(t, conn.Close())
					t.Errorf("%s at %s: connected", name, at)
				}
				switch {
				case name == "drop":
				case at == brokertest.AtLogin && !errors.Is(err, amqp.ErrCredentials):
					t.Errorf("at %s: %v", at, err)
				case at == brokertest.AtOpen:
					refusedBy(t, err, 530, "NOT_ALLOWED - no")
				}
				equal(t, "times", f.Times(), 1)
			}
		}
	}
	conn, err := amqp.Dial(b.URL())
	must(t, err)
	must(t, conn.Close())
}

// With a clock that stands, a delay lasts until it is moved.
func TestStepsOfTheHandshakeAreDelayed(t *testing.T) {
	t.Parallel()
	for _, at := range []brokertest.Point{
		brokertest.AtAccept, brokertest.AtStart, brokertest.AtLogin, brokertest.AtTune, brokertest.AtOpen,
	} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t, brokertest.Frozen(time.Time{}))
			f := b.Inject(at, brokertest.Delay(5*time.Second))
			connected := make(chan error, 1)
			var conn *amqp.Connection
			go func() {
				var err error
				conn, err = amqp.DialConfig(b.URL(), amqp.Config{Dial: b.Dial})
				connected <- err
			}()
			f.Wait(t, 1)
			b.Advance(4 * time.Second)
			select {
			case err := <-connected:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			b.Advance(time.Second)
			must(t, <-connected)
			must(t, conn.Close())
		})
	}
}

// Nobody waits for a delay when the broker ends.
func TestDelaysEndWithTheBroker(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	f := b.Inject(brokertest.AtTune, brokertest.Delay(time.Hour))
	ended := make(chan error, 1)
	go func() {
		_, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: b.Dial})
		ended <- err
	}()
	f.Wait(t, 1)
	b.Stop(t)
	if <-ended == nil {
		t.Error("it has connected")
	}
}

func TestPublishersAreBlocked(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	conn, ch, q := confirming(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 2))
	b.Block()
	d := publish(t, ch, "q", "m")
	if got := <-blocked; !got.Active || got.Reason != "low on memory" {
		t.Errorf("got %+v", got)
	}
	equal(t, "messages", q.Len(), 0)
	b.Unblock()
	equal(t, "blocked", (<-blocked).Active, false)
	equal(t, "acked", acked(t, d), true)
}

func TestConsumersAreCancelled(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	q.Publish(t, brokertest.Message{})
	ch := channel(t, dial(t, b))
	must(t, ch.Qos(1, 0, false))
	cancelled := ch.NotifyCancel(make(chan string, 1))
	one, err := ch.Consume("q", "one", false, false, false, false, nil)
	must(t, err)
	_, err = ch.Consume("q", "two", false, false, false, false, nil)
	must(t, err)
	d := <-one
	q.CancelConsumers(t, "one")
	equal(t, "cancelled", <-cancelled, "one")
	for range one {
		t.Error("there is another delivery")
	}
	equal(t, "left", q.Consumers(t)[0].Tag, "two")
	must(t, d.Ack(false)) // it is still the client's
	q.WaitEmpty(t)
}

func TestConnectionsAreBroken(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	for _, dialer := range []func(string, string) (net.Conn, error){b.Dial, amqp.DefaultDial(time.Minute)} {
		for name, end := range map[string]func(*brokertest.Connection){
			"drop":  (*brokertest.Connection).Drop,
			"close": func(k *brokertest.Connection) { k.Close(320, "CONNECTION_FORCED - going away") },
		} {
			conn := dial(t, b, func(c *amqp.Config) { c.Dial = dialer })
			closed := conn.NotifyClose(make(chan *amqp.Error, 1))
			end(b.WaitConnections(t, 1)[0])
			e := <-closed
			switch {
			case name == "close":
				refusedBy(t, e, 320, "CONNECTION_FORCED - going away")
			case e == nil || e.Code == amqp.ConnectionForced || errors.Is(e, io.ErrNoProgress):
				t.Errorf("a dropped connection was told %v", e)
			}
			b.WaitConnections(t, 0)
		}
	}
}

func TestFaultsAreForOneConnectionOnly(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	f := b.Inject("queue.declare", brokertest.Refuse(403, "no"), brokertest.Of("bad"))
	for _, name := range []string{"good", "bad"} {
		_, err := channel(t, dial(t, b, named(name))).QueueDeclare("q", false, false, false, false, nil)
		equal(t, name+" is refused", err != nil, name == "bad")
	}
	f.Remove()
	_, err := channel(t, dial(t, b, named("bad"))).QueueDeclare("q", false, false, false, false, nil)
	must(t, err)
	equal(t, "times", f.Times(), 1)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	for _, tt := range []struct {
		at     brokertest.Point
		action brokertest.Action
		want   string
	}{
		{brokertest.AtAccept, brokertest.Nack, "this cannot be done at accept"},
		{"queue.declair", brokertest.Drop, `there is no point "queue.declair"; there are ["accept" `},
		{"queue.declare-ok", brokertest.Drop, `there is no point "queue.declare-ok"`},
		{"channel.open", brokertest.Drop, `there is no point "channel.open"`},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tt.want) {
					t.Errorf("at %s: got %s, want %s", tt.at, got, tt.want)
				}
			}()
			b.Inject(tt.at, tt.action)
		}()
	}
}

// What a client can send on an open channel.
func TestEveryMethodIsAPoint(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	const firstOfChannels = 20
	for class := wire.MethodID(firstOfChannels); class < 256; class++ {
		for method := range wire.MethodID(256) {
			id := class<<16 | method
			if name := id.String(); id.FromClient() && !strings.HasSuffix(name, "-ok") && name != "channel.open" && name != "channel.close" {
				b.Inject(brokertest.Point(name), brokertest.Drop)
			}
		}
	}
}
