package interop

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// transactional opens two channels of a connection, the first of them
// transactional, and declares a queue.
func transactional(t *testing.T) (tx, other *amqp.Channel, queue string) {
	t.Helper()
	conn := dial(t)
	tx, other = open(t, conn), publisher(t, conn)
	must(t, tx.Tx())
	return tx, other, private(t, other)
}

// TX-02, CONF-14, CONF-15
func TestTransactionsAreRefusedWhereTheyHaveNoPlace(t *testing.T) {
	const precondition = "PRECONDITION_FAILED - "
	refusesOnChannel(t, dial(t), []refusal{
		{"TX-02 commit", (*amqp.Channel).TxCommit, 406, precondition + "channel is not transactional"},
		{"TX-02 rollback", (*amqp.Channel).TxRollback, 406, precondition + "channel is not transactional"},
		{"CONF-14", func(ch *amqp.Channel) error {
			must(t, ch.Confirm(false))
			return ch.Tx()
		}, 406, precondition + "cannot switch from confirm to tx mode"},
		{"CONF-15", func(ch *amqp.Channel) error {
			must(t, ch.Tx())
			return ch.Confirm(false)
		}, 406, precondition + "cannot switch from tx to confirm mode"},
		{"TX-05 publish", func(ch *amqp.Channel) error {
			must(t, ch.Tx())
			return ch.PublishWithContext(t.Context(), "nope", "", false, false, text("x"))
		}, 404, "NOT_FOUND - no exchange 'nope' in vhost '/'"},
		{"TX-09 ack", func(ch *amqp.Channel) error {
			must(t, ch.Tx())
			return ch.Ack(9, false)
		}, 406, precondition + "unknown delivery tag 9"},
	})
}

// TX-01, TX-03, TX-04
func TestPublishesOfATransaction(t *testing.T) {
	tx, other, q := transactional(t)
	must(t, tx.Tx()) // again
	bodies := numbered("m", 1000)
	for _, b := range bodies {
		send(t, tx, "", q, text(b))
	}
	equal(t, "messages before the commit", inspect(t, other, q).Messages, 0)
	must(t, tx.TxCommit())
	same(t, "messages", drain(t, other, q), bodies)
	send(t, tx, "", q, text("lost"))
	must(t, tx.TxRollback())
	send(t, tx, "", q, text("next"))
	must(t, tx.TxCommit())
	same(t, "messages", drain(t, other, q), []string{"next"})
}

// TX-06, EXCH-44
func TestRoutesOfATransaction(t *testing.T) {
	tx, other, q := transactional(t)
	x, late := exchange(t, other, "fanout"), unique()
	must(t, other.QueueBind(q, "", x, false, nil))
	send(t, tx, x, "", text("routed"))
	send(t, tx, "", late, text("named"))
	must(t, tx.Qos(0, 0, false)) // the publishes have come
	must(t, other.ExchangeDelete(x, false, false))
	_, err := other.QueueDeclare(late, false, false, true, false, nil)
	must(t, err)
	must(t, tx.TxCommit())
	same(t, "by a deleted exchange", drain(t, other, q), []string{"routed"})
	same(t, "by a name that came later", drain(t, other, late), []string{"named"})
}

// TX-07
func TestReturnsOfATransaction(t *testing.T) {
	tx, _, q := transactional(t)
	returns := tx.NotifyReturn(make(chan amqp.Return, 10))
	for _, key := range []string{unique(), q, unique()} {
		must(t, tx.PublishWithContext(t.Context(), "", key, true, false, text(key)))
	}
	must(t, tx.Qos(0, 0, false))
	equal(t, "returns before the commit", len(returns), 0)
	must(t, tx.TxCommit())
	equal(t, "returns", len(returns), 2)
	for range 2 {
		r := <-returns
		equal(t, "code", r.ReplyCode, 312)
		equal(t, "returned", string(r.Body), r.RoutingKey)
	}
}

// TX-08, TX-10, TX-15
func TestSettlingInATransaction(t *testing.T) {
	tx, other, q := transactional(t)
	put(t, other, "", q, numbered("m", 5)...)
	var ds []amqp.Delivery
	for range 4 {
		ds = append(ds, get(t, tx, q))
	}
	settle := func() {
		must(t, ds[3].Nack(false, true))
		must(t, ds[0].Ack(false))
		must(t, ds[2].Reject(false))
		must(t, ds[1].Nack(true, true)) // 1 alone is left of those before
	}
	settle()
	equal(t, "messages before the commit", inspect(t, other, q).Messages, 1)
	must(t, tx.TxRollback())
	equal(t, "messages after a rollback", inspect(t, other, q).Messages, 1)
	settle()
	must(t, tx.TxCommit())
	wantReady(t, other, q, 3)
	same(t, "messages", drain(t, other, q), []string{"m1", "m3", "m4"})
}

// TX-08
func TestACommitFreesCredit(t *testing.T) {
	tx, other, q := transactional(t)
	put(t, other, "", q, numbered("m", 3)...)
	must(t, tx.Qos(2, 0, false))
	deliveries, err := tx.Consume(q, "", false, false, false, false, nil)
	must(t, err)
	for range 2 {
		must(t, receive(t, deliveries).Ack(false))
	}
	must(t, tx.TxRollback())
	must(t, tx.Ack(1, false))
	must(t, tx.TxRollback())
	equal(t, "deliveries without a commit", len(deliveries), 0)
	must(t, tx.Ack(2, true))
	must(t, tx.TxCommit())
	d := receive(t, deliveries)
	equal(t, "delivery", fmt.Sprint(d.DeliveryTag, string(d.Body), d.Redelivered), "3m2false")
}

// TX-11
func TestTheEndOfATransactionalChannel(t *testing.T) {
	for name, end := range map[string]func(*amqp.Channel, *amqp.Connection) error{
		"channel":    func(ch *amqp.Channel, _ *amqp.Connection) error { return ch.Close() },
		"connection": func(_ *amqp.Channel, conn *amqp.Connection) error { return conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			other := publisher(t, dial(t))
			q := shared(t, other)
			put(t, other, "", q, "m0", "m1")
			conn := dial(t)
			tx := open(t, conn)
			must(t, tx.Tx())
			must(t, get(t, tx, q).Ack(false))
			send(t, tx, "", q, text("dropped"))
			must(t, end(tx, conn))
			wantReady(t, other, q, 2)
			for i, want := range []string{"m0", "m1"} {
				d := get(t, other, q)
				equal(t, "message", string(d.Body), want)
				equal(t, "redelivered", d.Redelivered, i == 0)
			}
		})
	}
}

// ACK-17
func TestRecoverInATransaction(t *testing.T) {
	tx, other, q := transactional(t)
	put(t, other, "", q, "m")
	must(t, get(t, tx, q).Ack(false))
	must(t, tx.Recover(true))
	same(t, "messages", drain(t, other, q), []string{})
	must(t, tx.TxRollback())
	must(t, tx.Recover(true))
	wantReady(t, other, q, 1)
}

// TX-16
func TestDeclaringIsNotTransactional(t *testing.T) {
	tx, other, _ := transactional(t)
	q := private(t, tx)
	must(t, tx.QueueBind(q, q, "amq.direct", false, nil))
	must(t, tx.TxRollback())
	put(t, other, "amq.direct", q, "m")
	same(t, "messages", drain(t, tx, q), []string{"m"})
	must(t, tx.TxRollback())
	equal(t, "messages after a rollback", inspect(t, other, q).Messages, 0)
}
