package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// CONF-01, CONF-02
func TestConfirmsCountFromSelect(t *testing.T) {
	ch := channel(t)
	q := private(t, ch)
	send(t, ch, "", q, text("before"))
	must(t, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 10))
	for i := range 3 {
		send(t, ch, "", q, text("after"))
		c := await(t, confirms, "a confirm")
		equal(t, "sequence number", c.DeliveryTag, uint64(i+1))
		equal(t, "ack", c.Ack, true)
	}
	must(t, ch.Confirm(false)) // again: harmless, and the count goes on
	send(t, ch, "", q, text("after"))
	equal(t, "sequence number", await(t, confirms, "a confirm").DeliveryTag, 4)
}

// CONF-03, CONF-05, CONF-16, CONF-18
func TestEveryPublishIsConfirmedOnce(t *testing.T) {
	const n = 10_000
	conn := dial(t)
	for _, tt := range []struct {
		name       string
		deliveryBy uint8
		consume    bool
		key        func(queue string) string
	}{
		{"transient", amqp.Transient, false, func(q string) string { return q }},
		{"persistent", amqp.Persistent, false, func(q string) string { return q }},
		{"consumed meanwhile", amqp.Transient, true, func(q string) string { return q }},
		{"unroutable", amqp.Transient, false, func(string) string { return "nope" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch := publisher(t, conn)
			q := shared(t, ch)
			if tt.consume {
				deliveries, err := open(t, conn).Consume(q, "", true, false, false, false, nil)
				must(t, err)
				defer func() { receiveBodies(t, deliveries, n) }()
			}
			m := amqp.Publishing{DeliveryMode: tt.deliveryBy, Body: []byte("0123456789abcdef")}
			confirms := make([]*amqp.DeferredConfirmation, n)
			for i := range confirms {
				var err error
				confirms[i], err = ch.PublishWithDeferredConfirmWithContext(t.Context(), "", tt.key(q), false, false, m)
				must(t, err)
				equal(t, "sequence number", confirms[i].DeliveryTag, uint64(i+1))
			}
			for _, c := range confirms {
				confirmed(t, c)
			}
			if tt.key(q) == q && !tt.consume {
				equal(t, "messages", inspect(t, ch, q).Messages, n)
			}
		})
	}
}

// CONF-07
func TestPublishThatEndsTheChannelIsNotConfirmed(t *testing.T) {
	ch := publisher(t, dial(t))
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 10))
	send(t, ch, "nope", "", text("lost"))
	wantError(t, closing(t, closed), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'")
	for c := range confirms { // closed with the channel
		t.Errorf("confirm %+v", c)
	}
}

// CONF-09
func TestMessageOfManyQueuesIsConfirmedOnce(t *testing.T) {
	ch := publisher(t, dial(t))
	x := exchange(t, ch, "fanout")
	queues := make([]string, 20)
	for i := range queues {
		queues[i] = private(t, ch)
		must(t, ch.QueueBind(queues[i], "", x, false, nil))
	}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 200))
	for i := range 100 {
		put(t, ch, x, "", "copy")
		equal(t, "sequence number", await(t, confirms, "a confirm").DeliveryTag, uint64(i+1))
	}
	for _, q := range queues {
		equal(t, "messages", inspect(t, ch, q).Messages, 100)
	}
}
