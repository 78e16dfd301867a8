package brokertest_test

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

func TestLookingAtMessagesChangesNothing(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	ch := channel(t, dial(t, b))
	sent := time.Unix(1700000000, 0)
	must(t, ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{
		Headers:     amqp.Table{"tries": int32(3), "at": sent, "list": []any{"a", amqp.Table{"k": "v"}}},
		ContentType: "text/plain", DeliveryMode: amqp.Persistent, Priority: 4, CorrelationId: "c", ReplyTo: "r",
		MessageId: "m", Timestamp: sent, Type: "t", AppId: "a", Expiration: "60000", Body: []byte("one"),
	}))
	for _, body := range []string{"two", "three"} {
		must(t, ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{Body: []byte(body)}))
	}
	q.WaitReady(t, 3)
	got, _, err := ch.Get("q", false)
	must(t, err)
	must(t, got.Nack(false, true)) // comes back, redelivered
	q.WaitReady(t, 3)

	for range 3 {
		all := q.WaitMessages(t, 3)
		equal(t, "bodies", bodies(all), []string{"one", "two", "three"})
		m := all[0]
		equal(t, "headers", m.Headers, map[string]any{"tries": 3, "at": sent, "list": []any{"a", map[string]any{"k": "v"}}})
		equal(t, "redelivered", []bool{m.Redelivered, all[1].Redelivered}, []bool{true, false})
		equal(t, "deliveries", m.Deliveries, 1)
		if m.ContentType != "text/plain" || !m.Persistent || m.Priority != 4 || m.CorrelationID != "c" || m.ReplyTo != "r" ||
			m.MessageID != "m" || !m.Timestamp.Equal(sent) || m.Type != "t" || m.AppID != "a" || m.Expiration != "60000" {
			t.Errorf("properties: %+v", m)
		}
		if left := m.Expires.Sub(b.Now()); left <= 0 || left > time.Minute {
			t.Errorf("it expires in %v", left)
		}
	}
	for _, want := range []string{"one", "two", "three"} {
		d, _, err := ch.Get("q", true)
		must(t, err)
		equal(t, "body", string(d.Body), want)
		equal(t, "redelivered", d.Redelivered, want == "one")
	}
}

func TestUnacknowledgedMessagesAreSeenWhoeverHasThem(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	for _, body := range []string{"consumed", "got", "in a transaction", "ready"} {
		q.Publish(t, brokertest.Message{Body: []byte(body)})
	}
	conn := dial(t, b)
	consumer, getter, tx := channel(t, conn), channel(t, conn), channel(t, conn)
	must(t, consumer.Qos(1, 0, false))
	_, err := consumer.Consume("q", "me", false, false, false, false, nil)
	must(t, err)
	q.WaitUnacknowledged(t, 1)
	_, _, err = getter.Get("q", false)
	must(t, err)
	must(t, tx.Tx())
	d, _, err := tx.Get("q", false)
	must(t, err)
	must(t, d.Ack(false))
	must(t, channel(t, conn).Close()) // an answer: the acknowledgement has come

	all := q.WaitMessages(t, 4)
	equal(t, "bodies", bodies(all), []string{"ready", "consumed", "got", "in a transaction"})
	equal(t, "unacknowledged", []bool{all[0].Unacknowledged, all[1].Unacknowledged, all[3].Unacknowledged}, []bool{false, true, true})
	equal(t, "tags", []string{all[1].ConsumerTag, all[2].ConsumerTag}, []string{"me", ""})
	i, _ := q.Info()
	equal(t, "bytes", []int{i.ReadyBytes, i.UnacknowledgedBytes}, []int{len("ready"), len("consumedgotin a transaction")})

	must(t, tx.TxCommit())
	equal(t, "after the commit", q.Len(), 3)
	must(t, getter.Close())
	must(t, consumer.Close())
	equal(t, "after the channels", bodies(q.Messages(t)), []string{"consumed", "got", "ready"})
	equal(t, "unacknowledged", q.Messages(t)[0].Unacknowledged, false)
}

func TestMessagesAreShownInTheOrderOfDeliveries(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arguments    map[string]any
		first, again []string // again: when the first came back
	}{
		"priorities": {map[string]any{"x-max-priority": 9}, []string{"b2", "d2", "a1", "c1"}, []string{"b2", "d2", "a1", "c1"}},
		"groups":     {map[string]any{"x-message-groups": true}, []string{"a1", "b2", "c1", "d2"}, []string{"a1", "b2", "c1", "d2"}},
		"quorum":     {map[string]any{"x-queue-type": "quorum"}, []string{"a1", "b2", "c1", "d2"}, []string{"b2", "c1", "d2", "a1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t)
			q := b.DeclareQueue(t, broker.Queue{Name: "q", Durable: true, Arguments: tt.arguments})
			for _, body := range []string{"a1", "b2", "c1", "d2"} {
				q.Publish(t, brokertest.Message{
					Body: []byte(body), Priority: body[1] - '0', Headers: map[string]any{"x-group-id": body[1:]},
				})
			}
			ch := channel(t, dial(t, b))
			equal(t, "order", bodies(q.Messages(t)), tt.first)
			d, _, err := ch.Get("q", false)
			must(t, err)
			equal(t, "got", string(d.Body), tt.first[0])
			must(t, d.Nack(false, true))
			q.WaitUnacknowledged(t, 0)
			equal(t, "order", bodies(q.Messages(t)), tt.again)
			d, _, err = ch.Get("q", true)
			must(t, err)
			equal(t, "got", string(d.Body), tt.again[0])
		})
	}
}

func TestMessagesOnDiskAreShownToo(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, brokertest.OnDisk())
	q := b.DeclareQueue(t, broker.Queue{Name: "q", Durable: true})
	for range 3 {
		q.Publish(t, brokertest.Message{Persistent: true, Body: make([]byte, 1000)})
	}
	b.Restart(t)
	for _, m := range q.WaitMessages(t, 3) {
		equal(t, "size", len(m.Body), 1000)
	}
}

func TestConsumersAndBindingsAreSeen(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.DeclareQueue(t, broker.Queue{Name: "q"})
	x := b.DeclareExchange(t, broker.Exchange{Name: "x", Type: "topic"})
	b.Bind(t, broker.Binding{Source: "x", Destination: "q", RoutingKey: "a.*"})
	equal(t, "bindings", q.Bindings(t), x.Bindings(t))
	equal(t, "key", q.Bindings(t)[0].RoutingKey, "a.*")

	conn := dial(t, b)
	ch := channel(t, conn)
	must(t, ch.Qos(7, 0, false))
	_, err := ch.Consume("q", "tag", false, false, false, false, nil)
	must(t, err)
	q.WaitConsumers(t, 1)
	k := q.Consumers(t)[0]
	equal(t, "consumer", []any{k.Tag, k.Prefetch, k.AckRequired}, []any{"tag", 7, true})
	must(t, conn.Close())
	q.WaitConsumers(t, 0)
}

func TestWaitsEndWithWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	q := b.Queue("q") // not there yet
	ch := channel(t, dial(t, b))
	must(t, ch.Confirm(false))
	go func() {
		_, _ = ch.QueueDeclare("q", false, true, false, false, nil)
		for range 3 {
			_ = ch.Publish("", "q", false, false, amqp.Publishing{})
		}
	}()
	equal(t, "messages", len(q.WaitMessages(t, 3)), 3)
	equal(t, "published", len(b.Exchange("").WaitPublished(t, 3)), 3)

	consumer := channel(t, dial(t, b))
	deliveries, err := consumer.Consume("q", "", false, false, false, false, nil)
	must(t, err)
	q.WaitUnacknowledged(t, 3)
	go func() {
		for d := range deliveries {
			_ = d.Ack(false)
		}
	}()
	q.WaitEmpty(t)
	go consumer.Close()
	q.WaitGone(t) // it was auto-delete
}

func TestPublishedMessagesAreRemembered(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	x := b.DeclareExchange(t, broker.Exchange{Name: "x", Type: "fanout"})
	ch := channel(t, dial(t, b))
	for i := range 1003 {
		must(t, ch.PublishWithContext(t.Context(), "x", "key", false, false, amqp.Publishing{Body: []byte{byte(i >> 8), byte(i)}}))
	}
	all := x.WaitPublished(t, 1003)
	equal(t, "how many", len(all), 1000)
	equal(t, "the first", all[0].Body, []byte{0, 3})
	equal(t, "the last", all[999].Body, []byte{3, 1002 & 255})
	equal(t, "key", all[0].RoutingKey, "key")
	equal(t, "of others", len(b.Exchange("amq.topic").Published()), 0)
}
