package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// PUB-02, PUB-03, PUB-19, CONF-05, CONF-06
func TestUnroutableMandatoryMessageComesBack(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	returns := ch.NotifyReturn(make(chan amqp.Return, 10))
	for _, kind := range []string{"", "direct", "fanout", "topic", "headers"} {
		t.Run("exchange "+kind, func(t *testing.T) {
			x := ""
			if kind != "" {
				x = exchange(t, ch, kind)
			}
			m := everyProperty()
			m.Body = []byte("returned")
			d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), x, "no such key", true, false, m)
			must(t, err)
			confirmed(t, d)
			if len(returns) != 1 {
				t.Fatal("the confirm overtook the return")
			}
			r := <-returns
			equal(t, "code", r.ReplyCode, 312)
			equal(t, "text", r.ReplyText, "NO_ROUTE")
			equal(t, "exchange", r.Exchange, x)
			equal(t, "routing key", r.RoutingKey, "no such key")
			samePublishing(t, publishingOfReturn(r), m)

			put(t, ch, x, "no such key", "dropped") // not mandatory
			d, err = ch.PublishWithDeferredConfirmWithContext(t.Context(), "", q, true, false, text("routed"))
			must(t, err)
			confirmed(t, d)
			equal(t, "returns", len(returns), 0)
			same(t, "messages", drain(t, ch, q), []string{"routed"})
		})
	}
}

// PUB-03: returns of a large body and of none, in publishing order.
func TestReturnsKeepTheirOrder(t *testing.T) {
	ch := channel(t)
	returns := ch.NotifyReturn(make(chan amqp.Return, 10))
	sizes := []int{0, 1, 400_000, 131_072 - 8, 5}
	for i, n := range sizes {
		must(t, ch.PublishWithContext(t.Context(), "", "nope", true, false, pattern(n, byte(i))))
	}
	for i, n := range sizes {
		r := await(t, returns, "return %d", i)
		sameBody(t, r.Body, n, byte(i))
	}
}

// PUB-21
func TestCopiesOfAMessageAreIndependent(t *testing.T) {
	ch := publisher(t, dial(t))
	x := exchange(t, ch, "fanout")
	queues := []string{private(t, ch), private(t, ch), private(t, ch)}
	for _, q := range queues {
		must(t, ch.QueueBind(q, "", x, false, nil))
	}
	put(t, ch, x, "", "copy")
	first, second := get(t, ch, queues[0]), get(t, ch, queues[1])
	must(t, first.Ack(false))
	must(t, second.Nack(false, true))
	wantReady(t, ch, queues[0], 0)
	wantReady(t, ch, queues[1], 1)
	equal(t, "redelivered", get(t, ch, queues[1]).Redelivered, true)
	equal(t, "redelivered", get(t, ch, queues[2]).Redelivered, false)
}

// CONS-30, XTYP-01
func TestDeliveryNamesExchangeAndKey(t *testing.T) {
	ch := publisher(t, dial(t))
	x := exchange(t, ch, "topic")
	q := private(t, ch)
	must(t, ch.QueueBind(q, "a.#", x, false, nil))
	deliveries, err := ch.Consume(q, "tag", true, false, false, false, nil)
	must(t, err)
	put(t, ch, x, "a.b.c", "0")
	d := receive(t, deliveries)
	equal(t, "exchange", d.Exchange, x)
	equal(t, "routing key", d.RoutingKey, "a.b.c")
	equal(t, "consumer tag", d.ConsumerTag, "tag")
	equal(t, "delivery tag", d.DeliveryTag, 1)
	equal(t, "redelivered", d.Redelivered, false)
}

func TestPublishRefusals(t *testing.T) {
	conn := dial(t)
	q := private(t, open(t, conn))
	publish := func(exchange string, mandatory, immediate bool, m amqp.Publishing) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			return ch.PublishWithContext(t.Context(), exchange, q, mandatory, immediate, m)
		}
	}
	expiring := func(after string) func(*amqp.Channel) error {
		return publish("", false, false, amqp.Publishing{Expiration: after})
	}
	invalid := func(expiration, why string) string {
		return "PRECONDITION_FAILED - invalid expiration '" + expiration + "': " + why
	}
	const noExchange = "NOT_FOUND - no exchange 'nope' in vhost '/'"
	refusesOnChannel(t, conn, []refusal{
		{"PUB-01 missing exchange", publish("nope", false, false, text("lost")), 404, noExchange},
		{"PUB-04 missing exchange, mandatory", publish("nope", true, false, text("lost")), 404, noExchange},
		{
			"PUB-07 user-id", publish("", false, false, amqp.Publishing{UserId: "joe"}), 406,
			"PRECONDITION_FAILED - user_id property set to 'joe' but authenticated user was 'guest'",
		},
		{"PUB-08 expiration", expiring("abc"), 406, invalid("abc", "no_integer")},
		{"PUB-09 expiration", expiring("1.5"), 406, invalid("1.5", `{leftover_string,".5"}`)},
		{"PUB-10 expiration", expiring("-1"), 406, invalid("-1", "{value_negative,-1}")},
		{
			"PUB-10 expiration", expiring("315360000001"), 406,
			invalid("315360000001", "{value_too_large,315360000001}"),
		},
		{
			"WIRE-07 delivery mode", publish("", false, false, amqp.Publishing{DeliveryMode: 7}), 406,
			"PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,7}",
		},
	})
	const noImmediate = "NOT_IMPLEMENTED - immediate=true"
	refusesOnConnection(t, []refusal{
		{"PUB-05 immediate", publish("amq.direct", false, true, text("lost")), 540, noImmediate},
		{"PUB-05 immediate, missing exchange", publish("nope", false, true, text("lost")), 540, noImmediate},
	})
	ch := publisher(t, conn)
	putMessage(t, ch, "", q, amqp.Publishing{UserId: "guest", Body: []byte("fine")})
	same(t, "messages", drain(t, ch, q), []string{"fine"})
}

// FRM-26
func TestMessageAboveTheLimitIsRefused(t *testing.T) {
	conn := dialURL(t, ownServer(t, serverOptions{MaxMessageSize: 200_000}).url())
	ch := publisher(t, conn)
	q := private(t, ch)
	putMessage(t, ch, "", q, pattern(200_000, 1))
	sameBody(t, get(t, ch, q).Body, 200_000, 1)
	refusesOnChannel(t, conn, []refusal{{"one byte more", func(ch *amqp.Channel) error {
		return ch.PublishWithContext(t.Context(), "", q, false, false, pattern(200_001, 1))
	}, 406, "PRECONDITION_FAILED - message size 200001 is larger than configured max size 200000"}})
}
