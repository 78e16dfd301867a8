package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
)

// CTL-09, CTL-12
func TestPublisherIsToldThatItIsBlocked(t *testing.T) {
	s := ownServer(t, serverOptions{})
	conn := dialURL(t, s.url())
	blockings := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	ch := publisher(t, conn)
	q := private(t, ch)
	put(t, ch, "", q, "before")

	for _, tt := range []struct {
		alarm  broker.Alarm
		reason string
	}{{broker.MemoryAlarm, "low on memory"}, {broker.DiskAlarm, "low on disk"}} {
		s.broker.SetAlarm(tt.alarm, true)
		equal(t, "messages", inspect(t, ch, q).Messages, 1) // it may still ask
		d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", q, false, false, text("held back"))
		must(t, err)
		equal(t, "blocked", await(t, blockings, "connection.blocked"), amqp.Blocking{Active: true, Reason: tt.reason})
		select {
		case <-d.Done():
			t.Error("a publish of a blocked connection was confirmed")
		default:
		}
		s.broker.SetAlarm(tt.alarm, false)
		equal(t, "blocked", await(t, blockings, "connection.unblocked"), amqp.Blocking{})
		confirmed(t, d)
		equal(t, "body", string(get(t, ch, q).Body), map[bool]string{true: "before", false: "held back"}[tt.alarm == broker.MemoryAlarm])
	}
}

// CTL-10: consumers go on.
func TestConsumersGoOnWhilePublishersAreBlocked(t *testing.T) {
	s := ownServer(t, serverOptions{})
	conn := dialURL(t, s.url())
	blockings := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	ch := publisher(t, conn)
	q, err := ch.QueueDeclare(unique(), false, false, false, false, nil)
	must(t, err)
	bodies := numbered("m", 10)
	put(t, ch, "", q.Name, bodies...)

	s.broker.SetAlarm(broker.MemoryAlarm, true)
	send(t, ch, "", q.Name, text("held back"))
	await(t, blockings, "connection.blocked")
	other := open(t, dialURL(t, s.url()))
	deliveries, err := other.Consume(q.Name, "", true, false, false, false, nil)
	must(t, err)
	same(t, "bodies", receiveBodies(t, deliveries, len(bodies)), bodies)
	s.broker.SetAlarm(broker.MemoryAlarm, false)
	same(t, "bodies", receiveBodies(t, deliveries, 1), []string{"held back"})
}

// CTL-08
func TestClientsOfADeletedVhostAreTold(t *testing.T) {
	s := ownServer(t, serverOptions{Vhosts: []string{"/", "orders"}})
	conn := dialURL(t, s.url()+"orders")
	stays := open(t, dialURL(t, s.url()))
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	ch := publisher(t, conn)
	name := unique()
	_, err := ch.QueueDeclare(name, true, false, false, false, nil)
	must(t, err)
	put(t, ch, "", name, "m")
	must(t, s.broker.DeleteVhost("orders"))
	wantError(t, await(t, closed, "connection.close"), 320, "CONNECTION_FORCED - vhost 'orders' is deleted")

	_, err = amqp.Dial(s.url() + "orders")
	wantError(t, err, 530, "NOT_ALLOWED - vhost orders not found")
	must(t, s.broker.CreateVhost("orders"))
	must(t, s.broker.SetPermission(broker.Permission{User: "guest", Vhost: "orders", Configure: ".*", Write: ".*", Read: ".*"}))
	again := open(t, dialURL(t, s.url()+"orders"))
	q, err := again.QueueDeclare(name, true, false, false, false, nil)
	must(t, err)
	equal(t, "messages", q.Messages, 0)
	private(t, stays)
}
