package interop

import (
	"fmt"
	"regexp"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

var serverNamed = regexp.MustCompile(`^amq\.gen-[A-Za-z0-9_-]{22}$`)

// QDEC-01, QDEC-05
func TestServerNamesQueues(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	seen := map[string]bool{}
	for range 20 {
		q, err := ch.QueueDeclare("", false, false, true, false, nil)
		must(t, err)
		if !serverNamed.MatchString(q.Name) || seen[q.Name] {
			t.Errorf("name %q is malformed or not new", q.Name)
		}
		seen[q.Name] = true
		equal(t, "messages", q.Messages, 0)
		equal(t, "consumers", q.Consumers, 0)
		inspect(t, ch, q.Name)
		must(t, ch.QueueBind(q.Name, "k", "amq.direct", false, nil))
		put(t, ch, "", q.Name, "by name")
		same(t, "messages", drain(t, ch, q.Name), []string{"by name"})
		_, err = open(t, conn).QueueDeclare(q.Name, false, false, true, false, nil)
		wantError(t, err, 403, "ACCESS_REFUSED - queue name '"+q.Name+"' contains reserved prefix 'amq.*'")
		_, err = ch.QueueDelete(q.Name, false, false, false)
		must(t, err)
	}
}

// QDEC-08, QDEC-09, QDEC-10
func TestDeclareOkCounts(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	put(t, ch, "", q, "0", "1", "2")
	get(t, ch, q)
	counts := inspect(t, ch, q)
	equal(t, "messages without the unacked one", counts.Messages, 2)
	equal(t, "consumers", counts.Consumers, 0)
	must(t, ch.Qos(1, 0, false))
	for _, tag := range []string{"a", "b"} {
		_, err := ch.Consume(q, tag, false, false, false, false, nil)
		must(t, err)
	}
	counts, err := ch.QueueDeclarePassive(q, true, true, false, false, amqp.Table{"x-ignored": int32(1)})
	must(t, err)
	equal(t, "consumers", counts.Consumers, 2)
	wantReady(t, ch, q, 0)
}

// QDEC-12, QOP-05, QOP-06
func TestEmptyNameMeansTheChannelsLastQueue(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	x := exchange(t, ch, "direct")
	earlier, last := private(t, ch), private(t, ch)
	must(t, ch.QueueBind("", "k", x, false, nil))
	must(t, ch.QueueBind("", "", x, false, nil)) // the key becomes the name too
	must(t, ch.QueueBind(earlier, "", x, false, nil))
	put(t, ch, x, "k", "by key")
	put(t, ch, x, last, "by name")
	put(t, ch, x, "", "by the empty key")
	same(t, "earlier queue", drain(t, ch, earlier), []string{"by the empty key"})
	same(t, "last queue", drain(t, ch, ""), []string{"by key", "by name"})
	put(t, ch, x, "k", "purged")
	purged, err := ch.QueuePurge("", false)
	must(t, err)
	equal(t, "purged", purged, 1)
	must(t, ch.QueueUnbind("", "k", x, nil))
	put(t, ch, x, "k", "unroutable")
	deliveries, err := ch.Consume("", "", true, false, false, false, nil)
	must(t, err)
	put(t, ch, "", last, "consumed")
	equal(t, "body", string(receive(t, deliveries).Body), "consumed")
	inspect(t, ch, earlier) // passive: now this is the channel's queue
	_, err = ch.QueueDelete("", false, false, false)
	must(t, err)
	_, err = ch.QueueInspect(earlier)
	wantError(t, err, 404, "NOT_FOUND - no queue '"+earlier+"' in vhost '/'")
}

// QDEC-19
func TestExclusiveQueueOutlivesItsChannel(t *testing.T) {
	conn := dial(t)
	ch := publisher(t, conn)
	q := private(t, ch)
	put(t, ch, "", q, "kept")
	must(t, ch.Close())
	ch = open(t, conn)
	same(t, "messages", drain(t, ch, q), []string{"kept"})
	must(t, conn.Close())
	_, err := channel(t).QueueInspect(q)
	wantError(t, err, 404, "NOT_FOUND - no queue '"+q+"' in vhost '/'")
}

// QDEC-15, PUB-01
func TestAnyConnectionMayPublishToAnExclusiveQueue(t *testing.T) {
	owner := channel(t)
	q := private(t, owner)
	x := exchange(t, owner, "fanout")
	must(t, owner.QueueBind(q, "", x, false, nil))
	other := publisher(t, dial(t))
	put(t, other, "", q, "by name")
	put(t, other, x, "", "by binding")
	same(t, "messages", drain(t, owner, q), []string{"by name", "by binding"})
}

// QDEC-14
func TestExclusiveQueueIsLockedForOthers(t *testing.T) {
	owner := channel(t)
	q := private(t, owner)
	must(t, owner.QueueBind(q, "bound", "amq.direct", false, nil))
	locked := "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + q + "' in vhost '/'. " +
		"It could be originally declared on another connection or the exclusive property value " +
		"does not match that of the original declaration."
	conn := dial(t)
	must(t, open(t, conn).QueueUnbind(q, "not bound", "amq.direct", nil)) // QDEC-16
	refusesOnChannel(t, conn, []refusal{
		{"declare", func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(q, true, true, false, false, nil)
			return err
		}, 405, locked},
		{"declare exclusive", func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(q, false, false, true, false, nil)
			return err
		}, 405, locked},
		{"passive", func(ch *amqp.Channel) error { _, err := ch.QueueInspect(q); return err }, 405, locked},
		{"bind", func(ch *amqp.Channel) error {
			return ch.QueueBind(q, "k", "amq.direct", false, nil)
		}, 405, locked},
		{"unbind", func(ch *amqp.Channel) error {
			return ch.QueueUnbind(q, "bound", "amq.direct", nil)
		}, 405, locked},
		{"consume", func(ch *amqp.Channel) error {
			_, err := ch.Consume(q, "", false, false, false, false, nil)
			return err
		}, 405, locked},
		{"get", func(ch *amqp.Channel) error { _, _, err := ch.Get(q, true); return err }, 405, locked},
		{"purge", func(ch *amqp.Channel) error { _, err := ch.QueuePurge(q, false); return err }, 405, locked},
		{"delete", func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(q, false, false, false)
			return err
		}, 405, locked},
	})
	inspect(t, owner, q)
}

// QDEC-20, QDEC-21
func TestAutoDeleteQueueGoesWithItsLastConsumer(t *testing.T) {
	conn := dial(t)
	for _, tt := range []struct {
		name string
		end  func(ch *amqp.Channel) error
	}{
		{"cancel", func(ch *amqp.Channel) error { return ch.Cancel("second", false) }},
		{"channel close", func(ch *amqp.Channel) error { return ch.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch := publisher(t, conn)
			q, err := ch.QueueDeclare(unique(), false, true, false, false, nil)
			must(t, err)
			put(t, ch, "", q.Name, "0")
			get(t, ch, q.Name) // does not count as a consumer
			ch = open(t, conn)
			_, err = ch.Consume(q.Name, "first", false, false, false, false, nil)
			must(t, err)
			_, err = ch.Consume(q.Name, "second", false, false, false, false, nil)
			must(t, err)
			must(t, ch.Cancel("first", false))
			equal(t, "consumers", inspect(t, ch, q.Name).Consumers, 1)
			must(t, tt.end(ch))
			_, err = open(t, conn).QueueInspect(q.Name)
			wantError(t, err, 404, "NOT_FOUND - no queue '"+q.Name+"' in vhost '/'")
		})
	}
}

// QDEC-20, CTL-05
func TestAutoDeleteQueueGoesWithItsConsumersConnection(t *testing.T) {
	admin := dial(t)
	for _, cut := range []bool{false, true} {
		l := &line{}
		conn := dialLine(t, l)
		ch := open(t, conn)
		q, err := ch.QueueDeclare(unique(), false, true, false, false, nil)
		must(t, err)
		_, err = ch.Consume(q.Name, "", false, false, false, false, nil)
		must(t, err)
		if cut {
			l.cut(t, conn)
		} else {
			must(t, conn.Close())
		}
		eventually(t, func() error {
			if _, err := open(t, admin).QueueInspect(q.Name); err != nil {
				wantError(t, err, 404, "NOT_FOUND - no queue '"+q.Name+"' in vhost '/'")
				return nil
			}
			return fmt.Errorf("queue %s is still there", q.Name)
		})
	}
}
