package interop

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// GET-01, GET-02, CONS-29
func TestGetTellsWhatIsLeft(t *testing.T) {
	ch := publisher(t, dial(t))
	x := exchange(t, ch, "direct")
	q := private(t, ch)
	must(t, ch.QueueBind(q, "k", x, false, nil))
	_, ok, err := ch.Get(q, false)
	must(t, err)
	equal(t, "message in an empty queue", ok, false)
	put(t, ch, x, "k", "0", "1", "2")
	for i := range 3 {
		d := get(t, ch, q)
		equal(t, "body", string(d.Body), fmt.Sprint(i))
		equal(t, "delivery tag", d.DeliveryTag, uint64(i+1))
		equal(t, "messages left", d.MessageCount, uint32(2-i))
		equal(t, "exchange", d.Exchange, x)
		equal(t, "routing key", d.RoutingKey, "k")
		equal(t, "redelivered", d.Redelivered, false)
	}
	_, ok, err = ch.Get(q, true)
	must(t, err)
	equal(t, "message in an empty queue", ok, false)
}

// fetched puts n messages in a new queue and fetches them all.
func fetched(t *testing.T, ch *amqp.Channel, n int) (queue string, held []amqp.Delivery) {
	t.Helper()
	queue = private(t, ch)
	put(t, ch, "", queue, numbered("", n)...)
	for range n {
		held = append(held, get(t, ch, queue))
	}
	return queue, held
}

// ACK-08, ACK-09, ACK-10, ACK-11, ACK-13: fetched out of order or not, what is
// requeued stands where it stood.
func TestRequeueRestoresTheOrder(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, held []amqp.Delivery)
		want []string // 0 to 4 were fetched, 5 and 6 never
	}{
		{"nack, later first", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[1].Nack(false, true))
			must(t, held[0].Nack(false, true))
		}, []string{"0", "1", "5", "6"}},
		{"nack, earlier first", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[0].Nack(false, true))
			must(t, held[3].Nack(false, true))
			must(t, held[2].Nack(false, true))
		}, []string{"0", "2", "3", "5", "6"}},
		{
			"nack multiple", func(t *testing.T, held []amqp.Delivery) { must(t, held[2].Nack(true, true)) },
			[]string{"0", "1", "2", "5", "6"},
		},
		{"nack multiple without requeue", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[2].Nack(true, false))
			must(t, held[4].Nack(true, true))
		}, []string{"3", "4", "5", "6"}},
		{"reject", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[4].Reject(true))
			must(t, held[3].Reject(false))
			must(t, held[1].Reject(true))
		}, []string{"1", "4", "5", "6"}},
		{"ack between", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[1].Ack(false))
			must(t, held[3].Ack(false))
			must(t, held[4].Nack(true, true))
		}, []string{"0", "2", "4", "5", "6"}},
		{"ack multiple", func(t *testing.T, held []amqp.Delivery) {
			must(t, held[2].Ack(true))
			must(t, held[4].Nack(false, true))
			must(t, held[3].Nack(false, true))
		}, []string{"3", "4", "5", "6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch := publisher(t, dial(t))
			q, held := fetched(t, ch, 5)
			put(t, ch, "", q, "5", "6")
			tt.do(t, held)
			wantReady(t, ch, q, len(tt.want))
			for _, body := range tt.want {
				d := get(t, ch, q)
				equal(t, "body", string(d.Body), body)
				equal(t, "redelivered", d.Redelivered, body < "5")
			}
		})
	}
}

// ACK-11
func TestRejectedMessageComesBackToItsConsumer(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	deliveries, err := ch.Consume(q, "", false, false, false, false, nil)
	must(t, err)
	put(t, ch, "", q, "again")
	for i := range 20 {
		d := receive(t, deliveries)
		equal(t, "delivery tag", d.DeliveryTag, uint64(i+1))
		equal(t, "redelivered", d.Redelivered, i > 0)
		must(t, d.Reject(true))
	}
	must(t, receive(t, deliveries).Ack(false))
	wantReady(t, ch, q, 0)
}

// ACK-14, ACK-07
func TestRecoverGivesEverythingBack(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	deliveries, err := ch.Consume(q, "", false, false, false, false, nil)
	must(t, err)
	put(t, ch, "", q, "0", "1", "2")
	must(t, receive(t, deliveries).Ack(false))
	receiveBodies(t, deliveries, 2)
	other, _ := fetched(t, ch, 1)
	must(t, ch.Recover(true))
	for i, body := range []string{"1", "2"} {
		d := receive(t, deliveries)
		equal(t, "body", string(d.Body), body)
		equal(t, "redelivered", d.Redelivered, true)
		equal(t, "delivery tag", d.DeliveryTag, uint64(i+5))
	}
	d := get(t, ch, other)
	equal(t, "redelivered", d.Redelivered, true)
}

// ACK-03, ACK-07
func TestTagZeroMeansAll(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	must(t, ch.Ack(0, true)) // also when there are none
	must(t, ch.Nack(0, true, true))
	q, _ := fetched(t, ch, 3)
	second, _ := fetched(t, ch, 2)
	must(t, ch.Ack(0, true))
	third, _ := fetched(t, ch, 2)
	must(t, ch.Nack(0, true, true))
	wantReady(t, ch, third, 2)
	must(t, ch.Close())
	ch = open(t, conn)
	same(t, "acked", drain(t, ch, q), nil)
	same(t, "acked", drain(t, ch, second), nil)
	same(t, "requeued", drain(t, ch, third), []string{"0", "1"})
}

// ACK-01 to ACK-06, GET-04
func TestUnknownDeliveryTagIsRefused(t *testing.T) {
	conn := dial(t)
	admin := publisher(t, conn)
	unknown := func(tag int) string { return fmt.Sprint("PRECONDITION_FAILED - unknown delivery tag ", tag) }
	after := func(n int, steps ...func(*amqp.Channel) error) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			q := private(t, ch)
			put(t, admin, "", q, numbered("", n)...)
			for range n {
				get(t, ch, q)
			}
			for _, step := range steps {
				if err := step(ch); err != nil {
					return err
				}
			}
			return nil
		}
	}
	ack := func(tag uint64, multiple bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { return ch.Ack(tag, multiple) }
	}
	nack := func(tag uint64, multiple bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { return ch.Nack(tag, multiple, true) }
	}
	reject := func(tag uint64) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { return ch.Reject(tag, true) }
	}
	refusesOnChannel(t, conn, []refusal{
		{"ACK-01 ack", after(0, ack(1, false)), 406, unknown(1)},
		{"ACK-01 nack", after(2, nack(3, false)), 406, unknown(3)},
		{"ACK-01 reject", after(2, reject(7)), 406, unknown(7)},
		{"ACK-02 ack zero", after(2, ack(0, false)), 406, unknown(0)},
		{"ACK-04 above the highest", after(2, ack(3, true)), 406, unknown(3)},
		{"ACK-04 nack above the highest", after(2, nack(3, true)), 406, unknown(3)},
		{"ACK-05 twice", after(2, ack(1, false), ack(1, false)), 406, unknown(1)},
		{"ACK-05 ack after reject", after(2, reject(2), ack(2, false)), 406, unknown(2)},
		{"ACK-06 multiple, then one", after(2, ack(2, true), ack(1, false)), 406, unknown(1)},
		{"ACK-04 multiple twice", after(2, ack(2, true), ack(2, true)), 406, unknown(2)},
		{"GET-04 no-ack", func(ch *amqp.Channel) error {
			q := private(t, ch)
			put(t, admin, "", q, "0")
			if _, _, err := ch.Get(q, true); err != nil {
				return err
			}
			return ch.Ack(1, false)
		}, 406, unknown(1)},
	})
}

// ACK-16, CHAN-17
func TestWhatNobodyImplementsEndsTheConnection(t *testing.T) {
	refusesOnConnection(t, []refusal{
		{
			"ACK-16 recover without requeue", func(ch *amqp.Channel) error { return ch.Recover(false) }, 540,
			"NOT_IMPLEMENTED - requeue=false",
		},
		{
			"CHAN-17 flow off", func(ch *amqp.Channel) error { return ch.Flow(false) }, 540,
			"NOT_IMPLEMENTED - active=false",
		},
	})
}
