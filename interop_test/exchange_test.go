package interop

import (
	"fmt"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// EXCH-01, EXCH-07
func TestPredeclaredExchangesMayBeDeclaredAgain(t *testing.T) {
	ch := channel(t)
	for name, kind := range map[string]string{
		"amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic", "amq.headers": "headers",
		"amq.match": "headers",
	} {
		must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
		must(t, ch.ExchangeDeclarePassive(name, kind, false, false, false, false, nil))
	}
	must(t, ch.ExchangeDeclare("amq.rabbitmq.trace", "topic", true, false, true, false, nil))
}

// EXCH-09, EXCH-19
func TestExchangeMayBeDeclaredAgainTheSame(t *testing.T) {
	ch := channel(t)
	for _, kind := range []string{"direct", "fanout", "topic", "headers"} {
		for _, durable := range []bool{false, true} {
			name := unique()
			must(t, ch.ExchangeDeclare(name, kind, durable, false, false, false, nil))
			must(t, ch.ExchangeDeclare(name, kind, durable, false, false, false, amqp.Table{"unknown": "ignored"}))
			must(t, ch.ExchangeDeclarePassive(name, "nosuch", !durable, true, true, false, nil))
			must(t, ch.ExchangeDelete(name, false, false))
			must(t, ch.ExchangeDelete(name, false, false)) // EXCH-11
			_, err := open(t, dial(t)).QueueInspect(name)
			wantError(t, err, 404, "NOT_FOUND - no queue '"+name+"' in vhost '/'")
		}
	}
}

// EXCH-24, QDEC-34
func TestNamesMayHoldAnyCharacters(t *testing.T) {
	ch := publisher(t, dial(t))
	for _, suffix := range []string{" with spaces", "/Σ⟂☃", "'quoted\"", strings.Repeat("x", 255-len(unique())-1)} {
		name := unique() + suffix
		must(t, ch.ExchangeDeclare(name, "direct", false, true, false, false, nil))
		q, err := ch.QueueDeclare(name, false, false, true, false, nil)
		must(t, err)
		equal(t, "queue name", q.Name, name)
		must(t, ch.QueueBind(name, name, name, false, nil))
		put(t, ch, name, name, "body")
		same(t, "messages", drain(t, ch, name), []string{"body"})
		_, err = ch.QueueDelete(name, false, false, false)
		must(t, err)
	}
	name := unique()
	q, err := ch.QueueDeclare("\r\n"+name+"\n", false, false, true, false, nil)
	must(t, err)
	equal(t, "queue name without line ends", q.Name, name)
}

// EXCH-25, EXCH-27
func TestExchangeDeleteTakesItsBindings(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	for _, kind := range []string{"direct", "fanout", "topic", "headers"} {
		t.Run(kind, func(t *testing.T) {
			name := unique()
			must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
			q := private(t, ch)
			must(t, ch.QueueBind(q, "k", name, false, nil))
			refused := open(t, conn)
			err := refused.ExchangeDelete(name, true, false)
			wantError(t, err, 406, "PRECONDITION_FAILED - exchange '"+name+"' in vhost '/' in use")

			must(t, ch.ExchangeDelete(name, false, false))
			must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
			put(t, ch, name, "k", "unroutable")
			same(t, "messages", drain(t, ch, q), nil)
			must(t, ch.ExchangeDelete(name, true, false))
		})
	}
}

// EXCH-30, QOP-10
func TestAutoDeleteExchangeGoesWithItsLastBinding(t *testing.T) {
	conn := dial(t)
	ch := open(t, conn)
	for _, tt := range []struct {
		name   string
		unbind func(queue, exchange string) error
	}{
		{"unbind", func(q, x string) error { return ch.QueueUnbind(q, "k", x, nil) }},
		{"queue deleted", func(q, _ string) error {
			_, err := ch.QueueDelete(q, false, false, false)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := unique()
			must(t, ch.ExchangeDeclare(x, "direct", false, true, false, false, nil))
			first, second := private(t, ch), private(t, ch)
			must(t, ch.QueueBind(first, "k", x, false, nil))
			must(t, ch.QueueBind(second, "k", x, false, nil))
			must(t, tt.unbind(first, x))
			must(t, ch.ExchangeDeclarePassive(x, "direct", false, true, false, false, nil))
			must(t, tt.unbind(second, x))
			err := open(t, conn).ExchangeDeclarePassive(x, "direct", false, true, false, false, nil)
			wantError(t, err, 404, "NOT_FOUND - no exchange '"+x+"' in vhost '/'")
		})
	}
}

// EXCH-43
func TestNoWaitIsAnsweredByNothing(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	x, q := unique(), unique()
	must(t, ch.ExchangeDeclare(x, "topic", false, false, false, true, nil))
	_, err := ch.QueueDeclare(q, false, false, true, true, nil)
	must(t, err)
	must(t, ch.QueueBind(q, "#", x, true, nil))
	put(t, ch, x, "k", "0", "1")
	equal(t, "messages", inspect(t, ch, q).Messages, 2)
	_, err = ch.QueuePurge(q, true)
	must(t, err)
	equal(t, "messages", inspect(t, ch, q).Messages, 0)
	deliveries, err := ch.Consume(q, "tag", true, false, false, true, nil)
	must(t, err)
	put(t, ch, x, "k", "2")
	equal(t, "body", string(receive(t, deliveries).Body), "2")
	must(t, ch.Cancel("tag", true))
	_, err = ch.QueueDelete(q, false, false, true)
	must(t, err)
	must(t, ch.ExchangeDelete(x, false, true))
	_, err = open(t, conn).QueueDeclarePassive(q, false, false, false, false, nil)
	wantError(t, err, 404, "NOT_FOUND - no queue '"+q+"' in vhost '/'")

	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	must(t, ch.QueueBind(q, "#", x, true, nil))
	wantError(t, closing(t, closed), 404, "NOT_FOUND - no exchange '"+x+"' in vhost '/'")
}

func TestExchangeRefusals(t *testing.T) {
	conn := dial(t)
	admin := open(t, conn)
	x, internal, q := exchange(t, admin, "direct"), unique(), private(t, admin)
	must(t, admin.ExchangeDeclare(internal, "fanout", false, true, true, false, nil))
	must(t, admin.QueueBind(q, "", internal, false, nil))

	declare := func(name, kind string, durable, autoDelete, internal bool) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(name, kind, durable, autoDelete, internal, false, nil)
		}
	}
	passive := func(name string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(name, "direct", false, false, false, false, nil)
		}
	}
	remove := func(name string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error { return ch.ExchangeDelete(name, false, false) }
	}
	inequivalent := func(arg, received, current string) string {
		return fmt.Sprintf("PRECONDITION_FAILED - inequivalent arg '%s' for exchange '%s' in vhost '/': "+
			"received '%s' but current is '%s'", arg, x, received, current)
	}
	const onDefault = "ACCESS_REFUSED - operation not permitted on the default exchange"
	refusesOnChannel(t, conn, []refusal{
		{"EXCH-03 declare the default", declare("", "direct", true, false, false), 403, onDefault},
		{"EXCH-03 passive", passive(""), 403, onDefault},
		{"EXCH-04 delete the default", remove(""), 403, onDefault},
		{"EXCH-05 bind to the default", func(ch *amqp.Channel) error {
			return ch.QueueBind(q, "k", "", false, nil)
		}, 403, onDefault},
		{"EXCH-05 unbind from the default", func(ch *amqp.Channel) error {
			return ch.QueueUnbind(q, q, "", nil)
		}, 403, onDefault},
		{
			"EXCH-06 reserved name", declare("amq.foo", "direct", false, false, false), 403,
			"ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'",
		},
		{"EXCH-08 missing", passive("nope"), 404, "NOT_FOUND - no exchange 'nope' in vhost '/'"},
		{"EXCH-08 missing amq.", passive("amq.nope"), 404, "NOT_FOUND - no exchange 'amq.nope' in vhost '/'"},
		{
			"EXCH-10 delete amq.", remove("amq.direct"), 403,
			"ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
		},
		{"EXCH-14 type", declare(x, "fanout", true, false, false), 406, inequivalent("type", "fanout", "direct")},
		{"EXCH-15 durable", declare(x, "direct", true, true, true), 406, inequivalent("durable", "true", "false")},
		{
			"EXCH-16 auto-delete", declare(x, "direct", false, true, true), 406,
			inequivalent("auto_delete", "true", "false"),
		},
		{"EXCH-17 internal", declare(x, "direct", false, false, true), 406, inequivalent("internal", "true", "false")},
		{"EXCH-28 publish to internal", func(ch *amqp.Channel) error {
			return ch.PublishWithContext(t.Context(), internal, "k", false, false, text("refused"))
		}, 403, "ACCESS_REFUSED - cannot publish to internal exchange '" + internal + "' in vhost '/'"},
		{"XTYP-25 x-match", func(ch *amqp.Channel) error {
			return ch.QueueBind(q, "", "amq.headers", false, amqp.Table{"x-match": "foo"})
		}, 406, "PRECONDITION_FAILED - Invalid x-match field value <<\"foo\">>; " +
			"expected all, any, all-with-x, or any-with-x"},
		{"XTYP-26 x-match type", func(ch *amqp.Channel) error {
			return ch.QueueBind(q, "", "amq.headers", false, amqp.Table{"x-match": int32(5)})
		}, 406, "PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr"},
	})
	refusesOnConnection(t, []refusal{
		{
			"EXCH-12 unknown type", declare(unique(), "nosuch", false, false, false), 503,
			"COMMAND_INVALID - unknown exchange type 'nosuch'",
		},
		{
			"EXCH-13 empty type", declare(unique(), "", false, false, false), 503,
			"COMMAND_INVALID - invalid exchange type ''",
		},
	})
}
