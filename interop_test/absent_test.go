package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Streams are refused by name, rather than taken for queues.
func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	inProcess(t)
	const refused = "NOT_IMPLEMENTED - "
	refusesOnConnection(t, []refusal{
		{"streams", func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(unique(), true, false, false, false, amqp.Table{"x-queue-type": "stream"})
			return err
		}, 540, refused + "queue type stream"},
	})
}
