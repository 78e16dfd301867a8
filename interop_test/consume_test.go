package interop

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// CONS-02, CONS-16, CONS-18, CONS-28, CONS-29
func TestConsumerGetsWhatIsAndWhatComes(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	put(t, ch, "", q, "0", "1")
	deliveries, err := ch.Consume(q, "tag", false, false, false, false, nil)
	must(t, err)
	put(t, ch, "", q, "2", "3")
	held := make([]amqp.Delivery, 4)
	for i := range held {
		held[i] = receive(t, deliveries)
		equal(t, "body", string(held[i].Body), fmt.Sprint(i))
		equal(t, "delivery tag", held[i].DeliveryTag, uint64(i+1))
	}
	must(t, ch.Cancel("tag", false))
	put(t, ch, "", q, "4")
	if d, ok := await(t, deliveries, "the end of the consumer"), false; d.Acknowledger != nil {
		t.Errorf("delivery %q after cancel-ok, %v", d.Body, ok)
	}
	equal(t, "ready", inspect(t, ch, q).Messages, 1) // what was delivered is still held
	must(t, held[3].Ack(true))
	same(t, "messages", drain(t, ch, q), []string{"4"})
}

// CONS-04, CONS-17
func TestConsumerTagIsFreeAfterCancel(t *testing.T) {
	conn := dial(t)
	ch, other := publisher(t, conn), open(t, conn)
	q := private(t, ch)
	_, err := other.Consume(q, "tag", true, false, false, false, nil)
	must(t, err)
	for range 10 {
		_, err := ch.Consume(q, "tag", true, false, false, false, nil)
		must(t, err)
		must(t, ch.Cancel("tag", false))
	}
	must(t, ch.Cancel("nobody", false))
	equal(t, "consumers", inspect(t, ch, q).Consumers, 1)
}

// CONS-14
func TestConsumersTakeTurns(t *testing.T) {
	for _, tt := range []struct {
		name     string
		channels int // on how many channels the consumers are
		noAck    bool
		prefetch int
	}{
		{"one channel, no-ack", 1, true, 0},
		{"two channels, no-ack", 2, true, 0},
		{"two channels, unlimited", 2, false, 0},
		{"two channels, prefetch", 2, false, 10},
		{"one channel, prefetch", 1, false, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dial(t)
			pub := publisher(t, conn)
			q := private(t, pub)
			channels := make([]*amqp.Channel, 2)
			for i := range channels {
				channels[i] = channels[0]
				if i < tt.channels {
					channels[i] = open(t, conn)
					must(t, channels[i].Qos(tt.prefetch, 0, false))
				}
			}
			a, err := channels[0].Consume(q, "a", tt.noAck, false, false, false, nil)
			must(t, err)
			b, err := channels[1].Consume(q, "b", tt.noAck, false, false, false, nil)
			must(t, err)
			put(t, pub, "", q, numbered("", 6)...)
			same(t, "a", receiveBodies(t, a, 3), []string{"0", "2", "4"})
			same(t, "b", receiveBodies(t, b, 3), []string{"1", "3", "5"})
		})
	}
}

// CONS-08
func TestNoLocalIsIgnored(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	deliveries, err := ch.Consume(q, "", true, false, true, false, nil)
	must(t, err)
	put(t, ch, "", q, "own")
	same(t, "messages", receiveBodies(t, deliveries, 1), []string{"own"})
}

// CONS-06, CONS-07, CONS-12
func TestExclusiveConsumerIsAlone(t *testing.T) {
	conn := dial(t)
	pub := publisher(t, conn)
	q := private(t, pub)
	consume := func(exclusive bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.Consume(q, "", false, exclusive, false, false, amqp.Table{"unknown": "ignored"})
			return err
		}
	}
	inUse := "ACCESS_REFUSED - queue '" + q + "' in vhost '/' in exclusive use"
	first := open(t, conn)
	must(t, first.Qos(1, 0, false))
	must(t, consume(true)(first))
	refusesOnChannel(t, conn, []refusal{
		{"beside an exclusive one", consume(false), 403, inUse},
		{"two exclusive ones", consume(true), 403, inUse},
	})
	put(t, pub, "", q, "0", "1")
	equal(t, "get beside it", string(get(t, pub, q).Body), "1")
	must(t, first.Close())

	second := open(t, conn)
	must(t, consume(false)(second))
	refusesOnChannel(t, conn, []refusal{{"exclusive beside another", consume(true), 403, inUse}})
	must(t, second.Close())
	must(t, consume(true)(open(t, conn)))
}

// CONS-19, QOP-19
func TestDeletedQueueCancelsItsConsumers(t *testing.T) {
	conn, other := dial(t), dial(t)
	pub := publisher(t, conn)
	q := shared(t, pub)
	type consumer struct {
		cancelled chan string
		ends      <-chan amqp.Delivery
	}
	consumers := map[string]consumer{}
	for tag, conn := range map[string]*amqp.Connection{"a": conn, "b": other} {
		ch := open(t, conn)
		ends, err := ch.Consume(q, tag, false, false, false, false, nil)
		must(t, err)
		consumers[tag] = consumer{ch.NotifyCancel(make(chan string, 1)), ends}
	}
	_, err := pub.QueueDelete(q, false, false, false)
	must(t, err)
	for tag, c := range consumers {
		equal(t, "cancelled consumer", await(t, c.cancelled, "basic.cancel"), tag)
		if d := await(t, c.ends, "the consumer to end"); d.Acknowledger != nil {
			t.Errorf("delivery %q from a deleted queue", d.Body)
		}
	}
	open(t, conn)
	open(t, other)
}

// CTL-05, CONS-18, ACK-12: a cut connection gives back what it had, in order.
func TestCutConnectionGivesBackWhatItHeld(t *testing.T) {
	pub := publisher(t, dial(t))
	q := shared(t, pub)
	put(t, pub, "", q, "0", "1", "2", "3")
	l := &line{}
	conn := dialLine(t, l)
	ch := open(t, conn)
	must(t, ch.Qos(3, 0, false))
	deliveries, err := ch.Consume(q, "", false, false, false, false, nil)
	must(t, err)
	receiveBodies(t, deliveries, 2)
	wantReady(t, pub, q, 1)
	l.cut(t, conn)
	wantReady(t, pub, q, 4)
	for i := range 4 {
		d := get(t, pub, q)
		equal(t, "body", string(d.Body), fmt.Sprint(i))
		equal(t, "redelivered", d.Redelivered, i < 3) // the third was sent, never read
	}
}

// CONS-03
func TestConsumerTagTwiceEndsTheConnection(t *testing.T) {
	reuse := func(queue func(t *testing.T, ch *amqp.Channel) string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			q := private(t, ch)
			if _, err := ch.Consume(q, "tag", true, false, false, false, nil); err != nil {
				return err
			}
			_, err := ch.Consume(queue(t, ch), "tag", true, false, false, false, nil)
			return err
		}
	}
	const text = "NOT_ALLOWED - attempt to reuse consumer tag 'tag'"
	refusesOnConnection(t, []refusal{
		{"another queue", reuse(func(t *testing.T, ch *amqp.Channel) string { return private(t, ch) }), 530, text},
		{"no such queue", reuse(func(*testing.T, *amqp.Channel) string { return "nope" }), 530, text},
	})
}
