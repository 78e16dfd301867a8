package interop

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// QDEC-18, QDEC-29
func TestQueueMayBeDeclaredAgainTheSame(t *testing.T) {
	ch := channel(t)
	q := shared(t, ch)
	for _, args := range []amqp.Table{nil, {}, {"unknown": "ignored"}} {
		_, err := ch.QueueDeclare(q, true, false, false, false, args)
		must(t, err)
	}
	exclusive := private(t, ch)
	_, err := ch.QueueDeclare(exclusive, true, false, true, false, nil)
	must(t, err)
}

func TestQueueDeclareRefusals(t *testing.T) {
	conn := dial(t)
	admin := open(t, conn)
	q, exclusive := shared(t, admin), private(t, admin)

	declare := func(name string, durable, autoDelete, exclusive bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, durable, autoDelete, exclusive, false, nil)
			return err
		}
	}
	passive := func(name string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(name, false, false, false, false, nil)
			return err
		}
	}
	inequivalent := func(arg, received, current string) string {
		return fmt.Sprintf("PRECONDITION_FAILED - inequivalent arg '%s' for queue '%s' in vhost '/': "+
			"received '%s' but current is '%s'", arg, q, received, current)
	}
	locked := func(name string) string {
		return "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + name + "' in vhost '/'. " +
			"It could be originally declared on another connection or the exclusive property value " +
			"does not match that of the original declaration."
	}
	refusesOnChannel(t, conn, []refusal{
		{
			"QDEC-04 reserved name", declare("amq.foo", false, false, true), 403,
			"ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'",
		},
		{"QDEC-06 missing", passive("nope"), 404, "NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"QDEC-06 missing amq.", passive("amq.nope"), 404, "NOT_FOUND - no queue 'amq.nope' in vhost '/'"},
		{"QDEC-07 passive without a name", passive(""), 404, "NOT_FOUND - no queue '' in vhost '/'"},
		{"QDEC-17 not exclusive now", declare(exclusive, false, false, false), 405, locked(exclusive)},
		{"QDEC-17 exclusive now", declare(q, true, false, true), 405, locked(q)},
		{"QDEC-22 durable", declare(q, false, false, false), 406, inequivalent("durable", "false", "true")},
		{"QDEC-23 auto-delete", declare(q, true, true, false), 406, inequivalent("auto_delete", "true", "false")},
		{"QDEC-24 order", declare(q, false, true, false), 406, inequivalent("durable", "false", "true")},
	})
}

// QDEC-13, QOP-03, QOP-04, QOP-12, GET-03, CONS-05
func TestQueueOperationRefusals(t *testing.T) {
	conn := dial(t)
	admin := publisher(t, conn)
	full, consumed := private(t, admin), private(t, admin)
	put(t, admin, "", full, "0")
	put(t, admin, "", consumed, "0")
	_, err := admin.Consume(consumed, "", true, false, false, false, nil)
	must(t, err)
	wantReady(t, admin, consumed, 0)
	both := private(t, admin)
	must(t, admin.Qos(1, 0, false))
	_, err = admin.Consume(both, "", false, false, false, false, nil)
	must(t, err)
	put(t, admin, "", both, "0", "1")

	bind := func(queue, exchange string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { return ch.QueueBind(queue, "k", exchange, false, nil) }
	}
	purge := func(queue string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { _, err := ch.QueuePurge(queue, false); return err }
	}
	remove := func(queue string, ifUnused, ifEmpty bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(queue, ifUnused, ifEmpty, false)
			return err
		}
	}
	fetch := func(queue string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { _, _, err := ch.Get(queue, false); return err }
	}
	consume := func(queue string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.Consume(queue, "", false, false, false, false, nil)
			return err
		}
	}
	const (
		noQueue     = "NOT_FOUND - no queue 'nope' in vhost '/'"
		noExchange  = "NOT_FOUND - no exchange 'nope' in vhost '/'"
		noLastQueue = "NOT_FOUND - no previously declared queue"
	)
	refused := func(queue, why string) string {
		return fmt.Sprintf("PRECONDITION_FAILED - queue '%s' in vhost '/' %s", queue, why)
	}
	refusesOnChannel(t, conn, []refusal{
		{"QDEC-13 bind", bind("", "amq.direct"), 404, noLastQueue},
		{"QDEC-13 purge", purge(""), 404, noLastQueue},
		{"QDEC-13 delete", remove("", false, false), 404, noLastQueue},
		{"QDEC-13 get", fetch(""), 404, noLastQueue},
		{"QDEC-13 consume", consume(""), 404, noLastQueue},
		{"QOP-03 bind, no queue", bind("nope", "amq.direct"), 404, noQueue},
		{"QOP-04 bind, no exchange", bind(full, "nope"), 404, noExchange},
		{"QOP-04 bind, neither", bind("nope", "nope"), 404, noExchange},
		{"QOP-12 purge", purge("nope"), 404, noQueue},
		{"GET-03 get", fetch("nope"), 404, noQueue},
		{"CONS-05 consume", consume("nope"), 404, noQueue},
		{"QOP-16 if-empty", remove(full, false, true), 406, refused(full, "not empty")},
		{"QOP-17 if-unused", remove(consumed, true, false), 406, refused(consumed, "in use")},
		{"QOP-18 both", remove(both, true, true), 406, refused(both, "not empty")},
	})
}
