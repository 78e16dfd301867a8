package interop

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// CHAN-08: with channel-max 1 the client has one number to use.
func TestChannelNumberIsFreeAfterClose(t *testing.T) {
	conn := dial(t, channelMax(1))
	for range 50 {
		ch := open(t, conn)
		must(t, ch.Qos(1, 0, false))
		must(t, ch.Close())
	}
}

// CHAN-11, CHAN-14
func TestChannelNumberIsFreeAfterAnError(t *testing.T) {
	conn := dial(t, channelMax(1))
	for range 50 {
		ch := open(t, conn)
		_, err := ch.QueueDeclarePassive("nope", false, false, false, false, nil)
		wantError(t, err, 404, "NOT_FOUND - no queue 'nope' in vhost '/'")
	}
	ch := publisher(t, conn)
	put(t, ch, "", private(t, ch), "still works")
}

// CHAN-09, PUB-01
func TestWhatFollowsAnErrorIsIgnored(t *testing.T) {
	admin := channel(t)
	q := shared(t, admin)
	l := &line{}
	conn := dialLine(t, l)
	ch := open(t, conn)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))

	l.holdReads() // the client is not to learn of the error before it has sent all
	send(t, ch, "nope", "", text("lost"))
	for range 10 {
		send(t, ch, "", q, text("ignored"))
	}
	_, err := ch.QueueDeclare("never.made."+q, false, false, false, true, nil)
	must(t, err)
	l.releaseReads()
	wantError(t, closing(t, closed), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'")

	pub := publisher(t, conn)
	put(t, pub, "", q, "heard")
	same(t, "messages", drain(t, pub, q), []string{"heard"})
	_, err = pub.QueueDeclarePassive("never.made."+q, false, false, false, false, nil)
	wantError(t, err, 404, "NOT_FOUND - no queue 'never.made."+q+"' in vhost '/'")
}

// CHAN-13, ACK-11, QDEC-20
func TestChannelCloseGivesBackWhatItHeld(t *testing.T) {
	conn := dial(t)
	pub := publisher(t, conn)
	for _, tt := range []struct {
		name string
		end  func(*amqp.Channel)
	}{
		{"closed by the client", func(ch *amqp.Channel) { must(t, ch.Close()) }},
		{"closed by an error", func(ch *amqp.Channel) { _, _ = ch.QueuePurge("nope", false) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := private(t, pub)
			put(t, pub, "", q, "0", "1", "2", "3")
			ch := open(t, conn)
			must(t, ch.Qos(2, 0, false))
			deliveries, err := ch.Consume(q, "", false, false, false, false, nil)
			must(t, err)
			receiveBodies(t, deliveries, 2)
			get(t, ch, q)
			wantReady(t, pub, q, 1)
			tt.end(ch)

			wantReady(t, pub, q, 4)
			equal(t, "consumers", inspect(t, pub, q).Consumers, 0)
			for i := range 4 {
				d := get(t, pub, q)
				equal(t, "body", string(d.Body), fmt.Sprint(i))
				equal(t, "redelivered", d.Redelivered, i < 3)
			}
		})
	}
}

// CHAN-16
func TestFlowTrueIsAnswered(t *testing.T) {
	must(t, channel(t).Flow(true))
}

// CHAN-05, CHAN-08, CHAN-22
func TestManyChannelsOnOneConnection(t *testing.T) {
	const n = 2000
	conn := dial(t)
	admin := publisher(t, conn)
	x := exchange(t, admin, "direct")
	q := private(t, admin)
	must(t, admin.QueueBind(q, "k", x, false, nil))

	for range 2 { // the second time with used numbers
		channels := make([]*amqp.Channel, n)
		for i := range channels {
			channels[i] = open(t, conn)
			send(t, channels[i], x, "k", text(fmt.Sprint(i)))
		}
		wantReady(t, admin, q, n)
		for i, ch := range channels {
			d := get(t, ch, q)
			equal(t, "delivery tag", d.DeliveryTag, 1)
			if i%2 == 0 {
				must(t, d.Ack(false))
			}
			must(t, ch.Close())
		}
		wantReady(t, admin, q, n/2)
		_, err := admin.QueuePurge(q, false)
		must(t, err)
	}
}

// CONS-29, CHAN-14: deliveries of many channels side by side.
func TestManyChannelsConsume(t *testing.T) {
	const n = 500
	conn := dial(t)
	pub := publisher(t, conn)
	x := exchange(t, pub, "fanout")
	consumers := make([]<-chan amqp.Delivery, n)
	for i := range consumers {
		ch := open(t, conn)
		q := private(t, ch)
		must(t, ch.QueueBind(q, "", x, false, nil))
		deliveries, err := ch.Consume(q, "", false, false, false, false, nil)
		must(t, err)
		consumers[i] = deliveries
	}
	put(t, pub, x, "", "a", "b", "c")
	for _, deliveries := range consumers {
		for i, body := range []string{"a", "b", "c"} {
			d := receive(t, deliveries)
			equal(t, "body", string(d.Body), body)
			equal(t, "delivery tag", d.DeliveryTag, uint64(i+1))
			must(t, d.Ack(false))
		}
	}
}
