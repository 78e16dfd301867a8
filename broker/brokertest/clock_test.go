package brokertest_test

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// Each message dies when its time has come, and the letters go on from there.
func TestAdvanceHasMessagesExpireInOrder(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, brokertest.Frozen(epoch))
	retry := b.DeclareQueue(t, broker.Queue{Name: "retry", Arguments: map[string]any{
		"x-message-ttl": 60_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work",
	}})
	work := b.DeclareQueue(t, broker.Queue{Name: "work", Arguments: map[string]any{
		"x-message-ttl": 10_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
	}})
	dead := b.DeclareQueue(t, broker.Queue{Name: "dead"})
	retry.Publish(t, brokertest.Message{Body: []byte("m")})

	b.Advance(59_999 * time.Millisecond)
	equal(t, "too early", []int{retry.Len(), work.Len(), dead.Len()}, []int{1, 0, 0})
	b.Advance(time.Millisecond)
	equal(t, "after a minute", []int{retry.Len(), work.Len(), dead.Len()}, []int{0, 1, 0})
	equal(t, "expires", work.Messages(t)[0].Expires, epoch.Add(70*time.Second).Local())
	b.Advance(time.Hour)
	equal(t, "after an hour", []int{retry.Len(), work.Len(), dead.Len()}, []int{0, 0, 1})

	deaths := dead.Messages(t)[0].Headers["x-death"].([]any)
	for i, want := range []time.Duration{70 * time.Second, time.Minute} {
		at := deaths[i].(map[string]any)["time"].(time.Time)
		equal(t, "death", at.Sub(epoch), want)
	}
	equal(t, "now", b.Now(), epoch.Add(time.Hour+time.Minute))
}

func TestAdvanceEndsDelays(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, brokertest.Frozen(time.Time{}))
	b.DeclareExchange(t, broker.Exchange{Name: "later", Type: "x-delayed-message", Arguments: map[string]any{"x-delayed-type": "direct"}})
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	b.Bind(t, broker.Binding{Source: "later", Destination: "q", RoutingKey: "q"})
	for body, delay := range map[string]int{"last": 3_600_000, "first": 1000, "second": 60_000} {
		b.Publish(t, brokertest.Message{
			Exchange: "later", RoutingKey: "q", Body: []byte(body), Headers: map[string]any{"x-delay": delay},
		})
	}
	for i, d := range []time.Duration{time.Second, time.Minute, time.Hour} {
		equal(t, "before", q.Len(), i)
		b.Advance(d)
	}
	equal(t, "order", bodies(q.Messages(t)), []string{"first", "second", "last"})
}

func TestAdvanceDeletesQueuesThatAreNotUsed(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q", Arguments: map[string]any{"x-expires": 600_000}})
	b.Advance(9 * time.Minute)
	if _, there := q.Info(); !there {
		t.Error("it has gone too early")
	}
	b.Advance(time.Minute)
	if _, there := q.Info(); there {
		t.Error("it is still there")
	}
}

// It takes milliseconds, and the connection survives it.
func TestAdvanceFindsConsumersLate(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	q.Publish(t, brokertest.Message{Body: []byte("m")})
	conn := dial(t, b)
	ch := channel(t, conn)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	_, err := ch.Consume("q", "", false, false, false, false, nil)
	must(t, err)
	q.WaitUnacknowledged(t, 1)

	began := time.Now()
	b.Advance(29 * time.Minute)
	equal(t, "after 29 minutes", q.Messages(t)[0].Unacknowledged, true)
	b.Advance(2 * time.Minute)
	if e := <-closed; e == nil || e.Code != amqp.PreconditionFailed {
		t.Errorf("the channel was closed by %v, want 406", e)
	}
	equal(t, "redelivered", q.Messages(t)[0].Redelivered, true)
	equal(t, "unacknowledged", q.Messages(t)[0].Unacknowledged, false)
	if conn.IsClosed() {
		t.Error("the connection is closed")
	}
	t.Logf("31 minutes took %v", time.Since(began))
}

func TestAdvanceMissesHeartbeatsOfWhoIsUnplugged(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	q.Publish(t, brokertest.Message{})
	for _, name := range []string{"cut", "well"} {
		ch := channel(t, dial(t, b, named(name), func(c *amqp.Config) { c.Heartbeat = 10 * time.Second }))
		_, err := ch.Consume("q", "", false, false, false, false, nil)
		must(t, err)
	}
	q.WaitUnacknowledged(t, 1)
	b.WaitConnections(t, 2)[0].Unplug()
	b.Advance(19 * time.Second)
	equal(t, "connections", len(b.Connections()), 2)
	b.Advance(time.Minute)
	all := b.WaitConnections(t, 1)
	equal(t, "who is left", all[0].Name(), "well")
	equal(t, "redelivered", q.WaitMessages(t, 1)[0].Redelivered, true)
	equal(t, "consumers", len(q.Consumers(t)), 1)
}

// The clock of the machine moves what Advance does not.
func TestTheClockGoesOnByItself(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	b.Advance(time.Hour)
	q.Publish(t, brokertest.Message{Expiration: "20"})
	q.WaitEmpty(t)
	if ahead := time.Until(b.Now()); ahead < 59*time.Minute || ahead > time.Hour {
		t.Errorf("it is %v ahead", ahead)
	}
}
