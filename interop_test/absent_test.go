package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What RabbitMQ has and leveret has not yet ends the connection and is named,
// rather than accepted and not done.
func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	inProcess(t)
	publish := func(m amqp.Publishing) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			return ch.PublishWithContext(t.Context(), "", "nope", false, false, m)
		}
	}
	declare := func(args amqp.Table) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("", false, false, true, false, args)
			return err
		}
	}
	const refused = "NOT_IMPLEMENTED - "
	refusesOnConnection(t, []refusal{
		{"transactions", func(ch *amqp.Channel) error { return ch.Tx() }, 540, refused + "tx.select"},
		{"exchange bindings", func(ch *amqp.Channel) error {
			return ch.ExchangeBind("amq.fanout", "", "amq.direct", false, nil)
		}, 540, refused + "exchange.bind"},
		{"exchange bindings", func(ch *amqp.Channel) error {
			return ch.ExchangeUnbind("amq.fanout", "", "amq.direct", false, nil)
		}, 540, refused + "exchange.unbind"},
		{"alternate exchange", func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(unique(), "fanout", false, true, false, false, amqp.Table{"alternate-exchange": "x"})
		}, 540, refused + "exchange argument alternate-exchange"},
		{"message TTL", publish(amqp.Publishing{Expiration: "60000"}), 540, refused + "message property expiration"},
		{"CC", publish(amqp.Publishing{Headers: amqp.Table{"CC": []any{"q"}}}), 540, refused + "message header CC"},
		{"BCC", publish(amqp.Publishing{Headers: amqp.Table{"BCC": []any{"q"}}}), 540, refused + "message header BCC"},
		{"queue TTL", declare(amqp.Table{"x-message-ttl": int32(1000)}), 540, refused + "queue argument x-message-ttl"},
		{"length limit", declare(amqp.Table{"x-max-length": int32(10)}), 540, refused + "queue argument x-max-length"},
		{
			"dead lettering", declare(amqp.Table{"x-dead-letter-exchange": ""}), 540,
			refused + "queue argument x-dead-letter-exchange",
		},
		{
			"quorum queues", declare(amqp.Table{"x-queue-type": "quorum"}), 540,
			refused + "queue argument x-queue-type other than classic",
		},
	})
	_, err := channel(t).QueueDeclare("", false, false, true, false, amqp.Table{"x-queue-type": "classic"}) // QDEC-30
	must(t, err)
}
