package brokertest

import (
	"testing"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/definitions"
)

// Import declares all that a definitions file has, in the format in which RabbitMQ
// exports and loads them: users, permissions, virtual hosts, policies, exchanges,
// queues, bindings and parameters. It is all or nothing. What it passes over, such as
// bindings of exchanges that RabbitMQ does not export, is in the log of the test.
func (b *Broker) Import(t testing.TB, json []byte) {
	t.Helper()
	b.do(t, "import definitions", func(running *broker.Broker) error {
		d, err := definitions.Parse(json)
		if err != nil {
			return err
		}
		passedOver, err := running.Import(d, nil)
		for _, object := range passedOver {
			t.Logf("import definitions: passed over %s", object)
		}
		return err
	})
}
