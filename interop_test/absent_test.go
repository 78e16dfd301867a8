package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What RabbitMQ has and leveret has not yet ends the connection and is named,
// rather than accepted and not done.
func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	inProcess(t)
	declare := func(args amqp.Table) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("", false, false, true, false, args)
			return err
		}
	}
	const refused = "NOT_IMPLEMENTED - "
	refusesOnConnection(t, []refusal{
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
