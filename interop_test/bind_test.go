package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// QOP-01, QOP-02, QOP-09, XTYP-27
func TestBindingIsItsKeyAndArguments(t *testing.T) {
	ch := publisher(t, dial(t))
	for _, kind := range []string{"direct", "fanout", "topic", "headers"} {
		t.Run(kind, func(t *testing.T) {
			x := exchange(t, ch, kind)
			q := private(t, ch)
			ab := amqp.Table{"a": int32(1), "b": int32(2)}
			c := amqp.Table{"c": "3"}
			m := amqp.Publishing{Body: []byte("m"), Headers: amqp.Table{"a": int32(1), "b": int32(2), "c": "3"}}
			routed := func(n int) {
				t.Helper()
				putMessage(t, ch, x, "k", m)
				equal(t, "messages", len(drain(t, ch, q)), n)
			}
			must(t, ch.QueueBind(q, "k", x, false, ab))
			must(t, ch.QueueBind(q, "k", x, false, ab)) // the same one
			must(t, ch.QueueBind(q, "k", x, false, c))
			routed(1)
			must(t, ch.QueueUnbind(q, "k", x, nil)) // no such binding
			must(t, ch.QueueUnbind(q, "other", x, ab))
			routed(1)
			must(t, ch.QueueUnbind(q, "k", x, amqp.Table{"b": int32(2), "a": int32(1)}))
			routed(1)
			must(t, ch.QueueUnbind(q, "k", x, c))
			routed(0)
		})
	}
}

// QOP-07
func TestUnbindOfWhatIsMissingIsAnswered(t *testing.T) {
	ch := channel(t)
	q := private(t, ch)
	x := exchange(t, ch, "direct")
	must(t, ch.QueueUnbind(q, "k", x, nil))
	must(t, ch.QueueUnbind(q, "k", "nope", nil))
	must(t, ch.QueueUnbind("nope", "k", x, nil))
	must(t, ch.QueueUnbind("nope", "k", "nope", nil))
}

// QOP-11
func TestPurgeTakesWhatIsReady(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	put(t, ch, "", q, "0", "1", "2", "3")
	held := get(t, ch, q)
	purged, err := ch.QueuePurge(q, false)
	must(t, err)
	equal(t, "purged", purged, 3)
	must(t, held.Nack(false, true))
	wantReady(t, ch, q, 1)
	same(t, "messages", drain(t, ch, q), []string{"0"})
	purged, err = ch.QueuePurge(q, false)
	must(t, err)
	equal(t, "purged", purged, 0)
}

// QOP-14, QOP-15, QOP-16, QOP-20
func TestDeleteTellsWhatWasReady(t *testing.T) {
	ch := publisher(t, dial(t))
	q := shared(t, ch)
	put(t, ch, "", q, "0", "1", "2")
	held := get(t, ch, q)
	deleted, err := ch.QueueDelete(q, true, false, false)
	must(t, err)
	equal(t, "deleted", deleted, 2)
	must(t, held.Ack(false)) // accepted although the queue is gone
	deleted, err = ch.QueueDelete(q, false, false, false)
	must(t, err)
	equal(t, "deleted", deleted, 0)

	q = shared(t, ch)
	put(t, ch, "", q, "0")
	get(t, ch, q) // only ready messages count
	deleted, err = ch.QueueDelete(q, true, true, false)
	must(t, err)
	equal(t, "deleted", deleted, 0)
}

// QOP-10
func TestDeletedQueueComesBackUnbound(t *testing.T) {
	ch := publisher(t, dial(t))
	x := exchange(t, ch, "fanout")
	q := private(t, ch)
	must(t, ch.QueueBind(q, "", x, false, nil))
	_, err := ch.QueueDelete(q, false, false, false)
	must(t, err)
	_, err = ch.QueueDeclare(q, false, false, true, false, nil)
	must(t, err)
	put(t, ch, x, "", "unroutable")
	same(t, "messages", drain(t, ch, q), nil)
}
