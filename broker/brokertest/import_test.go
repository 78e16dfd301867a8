package brokertest_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker/brokertest"
)

// What RabbitMQ has exported is there, with its users and what policies ask for. It
// exports bindings of exchanges that it leaves out.
func TestDefinitionsAreImported(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	b.Import(t, []byte(`{
		"users": [{"name": "shop", "password": "secret", "tags": []}],
		"vhosts": [{"name": "tenant"}],
		"permissions": [{"user": "shop", "vhost": "tenant", "configure": ".*", "write": ".*", "read": ".*"}],
		"policies": [{"vhost": "tenant", "name": "short", "pattern": "orders", "apply-to": "queues", "definition": {"max-length": 1}}],
		"exchanges": [{"name": "shop", "vhost": "tenant", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}],
		"queues": [{"name": "orders", "vhost": "tenant", "durable": true, "auto_delete": false, "arguments": {}}],
		"bindings": [{"source": "shop", "vhost": "tenant", "destination": "orders", "destination_type": "queue", "routing_key": "order.#", "arguments": {}},
			{"source": "internal", "vhost": "tenant", "destination": "orders", "destination_type": "queue", "routing_key": "", "arguments": {}}]
	}`))
	tenant := b.Of("tenant")
	for _, body := range []string{"one", "two"} {
		tenant.Publish(t, brokertest.Message{Exchange: "shop", RoutingKey: "order.new", Body: []byte(body)})
	}
	equal(t, "messages", bodies(tenant.Queue("orders").Messages(t)), []string{"two"})
	conn, err := amqp.DialConfig("amqp://shop:secret@"+b.Addr()+"/tenant", amqp.Config{})
	must(t, err)
	must(t, conn.Close())
}
