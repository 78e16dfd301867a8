package interop

import (
	"fmt"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

const directReplyTo = "amq.rabbitmq.reply-to"

// echo answers every request on a queue.
func echo(t *testing.T, queue string) {
	t.Helper()
	ch := open(t, dial(t))
	requests, err := ch.Consume(queue, "", true, false, false, false, nil)
	must(t, err)
	go func() {
		for r := range requests {
			_ = ch.PublishWithContext(t.Context(), "", r.ReplyTo, false, false, amqp.Publishing{
				CorrelationId: r.CorrelationId, Body: append([]byte("re: "), r.Body...),
			})
		}
	}()
}

// RTO-06, RTO-07: replies have the channel's next delivery tag and use none up.
func TestDirectRepliesReachTheChannelThatAsked(t *testing.T) {
	ch := publisher(t, dial(t))
	q := shared(t, ch)
	echo(t, q)
	for range 3 {
		asking := open(t, dial(t))
		replies, err := asking.Consume(directReplyTo, "", true, false, false, false, nil)
		must(t, err)
		for i := range 10 {
			must(t, asking.PublishWithContext(t.Context(), "", q, true, false, amqp.Publishing{
				ReplyTo: directReplyTo, CorrelationId: fmt.Sprint(i), Body: []byte("hello"),
			}))
			d := receive(t, replies)
			if d.CorrelationId != fmt.Sprint(i) || string(d.Body) != "re: hello" || d.DeliveryTag != 1 ||
				d.Exchange != "" || d.Redelivered || !strings.HasPrefix(d.RoutingKey, directReplyTo+".") {
				t.Fatalf("%d: %+v", i, d)
			}
		}
	}
	wantReady(t, ch, q, 0)
}

// replyName is the name under which a channel gets replies.
func replyName(t *testing.T, ch *amqp.Channel) string {
	t.Helper()
	q := private(t, ch)
	must(t, ch.PublishWithContext(t.Context(), "", q, true, false, amqp.Publishing{ReplyTo: directReplyTo}))
	return get(t, ch, q).ReplyTo
}

// RTO-01, RTO-08, RTO-10, RTO-11
func TestReplyNamesLiveAsLongAsTheirConsumers(t *testing.T) {
	conn := dial(t)
	asking, other := open(t, conn), publisher(t, dial(t))
	_, err := asking.Consume(directReplyTo, "tag", true, false, false, false, nil)
	must(t, err)
	name := replyName(t, asking)
	for _, n := range []string{directReplyTo, name} {
		q, err := other.QueueDeclarePassive(n, false, false, false, false, nil)
		must(t, err)
		equal(t, "declared", q, amqp.Queue{Name: n, Consumers: 1})
	}
	must(t, asking.Cancel("tag", false))
	_, err = asking.Consume(directReplyTo, "tag", true, false, false, false, nil)
	must(t, err)
	if again := replyName(t, asking); again == name {
		t.Error("a name lives on after its consumer was cancelled")
	}
	returns := other.NotifyReturn(make(chan amqp.Return, 1))
	must(t, other.PublishWithContext(t.Context(), "", name, true, false, text("late")))
	equal(t, "returned", await(t, returns, "a return").RoutingKey, name)
}

// RTO-02, RTO-03, RTO-05, RTO-13, RTO-14
func TestDirectReplyRefusals(t *testing.T) {
	refusesOnChannel(t, dial(t), []refusal{
		{"a consumer that acknowledges", func(ch *amqp.Channel) error {
			_, err := ch.Consume(directReplyTo, "", false, false, false, false, nil)
			return err
		}, 406, "PRECONDITION_FAILED - reply consumer cannot acknowledge"},
		{"a second consumer", func(ch *amqp.Channel) error {
			_, err := ch.Consume(directReplyTo, "", true, false, false, false, nil)
			must(t, err)
			_, err = ch.Consume(directReplyTo, "", true, false, false, false, nil)
			return err
		}, 406, "PRECONDITION_FAILED - reply consumer already set"},
		{"a request without a consumer", func(ch *amqp.Channel) error {
			return ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{ReplyTo: directReplyTo})
		}, 406, "PRECONDITION_FAILED - fast reply consumer does not exist"},
		{"get", func(ch *amqp.Channel) error {
			_, _, err := ch.Get(directReplyTo, true)
			return err
		}, 404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/'"},
		{"bind", func(ch *amqp.Channel) error {
			return ch.QueueBind(directReplyTo, "k", "amq.direct", false, nil)
		}, 404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/'"},
	})
}
