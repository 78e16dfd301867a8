package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// prefetching starts a consumer and returns its deliveries.
func prefetching(t *testing.T, ch *amqp.Channel, queue, tag string) <-chan amqp.Delivery {
	t.Helper()
	deliveries, err := ch.Consume(queue, tag, false, false, false, false, nil)
	must(t, err)
	return deliveries
}

// QOS-02, QOS-12
func TestPrefetchIsPerConsumer(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	must(t, ch.Qos(1, 0, false))
	a, b := prefetching(t, ch, q, "a"), prefetching(t, ch, q, "b")
	put(t, pub, "", q, "0", "1", "2", "3")
	equal(t, "ready", inspect(t, pub, q).Messages, 2)
	first, second := receive(t, a), receive(t, b)
	equal(t, "a", string(first.Body), "0")
	equal(t, "b", string(second.Body), "1")
	must(t, second.Ack(false))
	second = receive(t, b)
	equal(t, "b", string(second.Body), "2")
	must(t, second.Ack(false))
	equal(t, "b", string(receive(t, b).Body), "3")
	wantReady(t, pub, q, 0)
	must(t, first.Ack(false))
}

// QOS-03
func TestPrefetchPerConsumerIsForLaterConsumers(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	must(t, ch.Qos(1, 0, false))
	a := prefetching(t, ch, q, "a")
	must(t, ch.Qos(3, 0, false))
	put(t, pub, "", q, numbered("", 6)...)
	equal(t, "ready", inspect(t, pub, q).Messages, 5)
	b := prefetching(t, ch, q, "b")
	same(t, "b", receiveBodies(t, b, 3), []string{"1", "2", "3"})
	equal(t, "a", string(receive(t, a).Body), "0")
	wantReady(t, pub, q, 2)
}

// QOS-04
func TestGlobalPrefetchIsShared(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q, other := private(t, pub), private(t, pub)
	must(t, ch.Qos(2, 0, true))
	a, b := prefetching(t, ch, q, "a"), prefetching(t, ch, other, "b")
	put(t, pub, "", q, "0", "1", "2", "3")
	put(t, pub, "", other, "4", "5")
	same(t, "a", receiveBodies(t, a, 2), []string{"0", "1"})
	equal(t, "ready", inspect(t, pub, q).Messages, 2)
	equal(t, "ready", inspect(t, pub, other).Messages, 2)
	must(t, ch.Qos(6, 0, true)) // raised: at once, and for those who are there
	same(t, "a", receiveBodies(t, a, 2), []string{"2", "3"})
	same(t, "b", receiveBodies(t, b, 2), []string{"4", "5"})
}

// QOS-05
func TestBothPrefetchLimitsHold(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	must(t, ch.Qos(2, 0, false))
	must(t, ch.Qos(3, 0, true))
	a, b := prefetching(t, ch, q, "a"), prefetching(t, ch, q, "b")
	put(t, pub, "", q, numbered("", 10)...)
	equal(t, "ready", inspect(t, pub, q).Messages, 7)
	got := append(receiveBodies(t, a, 1), receiveBodies(t, b, 1)...)
	same(t, "first of each", got, []string{"0", "1"})
}

// QOS-06
func TestPrefetchZeroIsUnlimited(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	must(t, ch.Qos(1, 0, false))
	must(t, ch.Qos(0, 0, false))
	put(t, pub, "", q, numbered("", 500)...)
	same(t, "messages", receiveBodies(t, prefetching(t, ch, q, "a"), 500), numbered("", 500))
}

// QOS-07
func TestNoAckIsNotLimited(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	must(t, ch.Qos(1, 0, false))
	deliveries, err := ch.Consume(q, "", true, false, false, false, nil)
	must(t, err)
	put(t, pub, "", q, numbered("", 100)...)
	same(t, "messages", receiveBodies(t, deliveries, 100), numbered("", 100))
}

// QOS-08
func TestGetIsNotLimited(t *testing.T) {
	conn := dial(t)
	pub, ch := publisher(t, conn), open(t, conn)
	q := private(t, pub)
	put(t, pub, "", q, "0", "1", "2", "3")
	must(t, ch.Qos(1, 0, false))
	get(t, ch, q)
	get(t, ch, q)
	a := prefetching(t, ch, q, "a")
	equal(t, "a", string(receive(t, a).Body), "2")
	equal(t, "get", string(get(t, ch, q).Body), "3")
}

// QOS-01
func TestPrefetchSizeEndsTheConnection(t *testing.T) {
	refusesOnConnection(t, []refusal{{
		"5", func(ch *amqp.Channel) error { return ch.Qos(1, 5, false) },
		540, "NOT_IMPLEMENTED - prefetch_size!=0 (5)",
	}})
}
