package rabbitmqctl

import (
	"context"
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// act does what was done to RabbitMQ between commands of a recording.
func (s *stage) act(what string) {
	s.Helper()
	switch what {
	case "topology":
		s.topology()
	case "close":
		for _, c := range s.clients {
			_ = c.Close() // a command may have closed it
		}
	}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// topology is that of the recordings: exchanges, queues, and a client with two
// channels.
func (s *stage) topology() {
	s.Helper()
	c, err := amqp091.DialConfig(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", s.port), amqp091.Config{
		Heartbeat: time.Minute, Properties: amqp091.Table{"connection_name": "fixture"},
	})
	s.must(err)
	s.clients = append(s.clients, c)
	ch, err := c.Channel()
	s.must(err)
	s.must(ch.ExchangeDeclare("x.topic", "topic", true, false, false, false, nil))
	s.must(ch.ExchangeDeclare("x.ae", "fanout", false, true, false, false, amqp091.Table{"alternate-exchange": "x.topic"}))
	s.must(ch.ExchangeDeclare("x.int", "direct", true, false, true, false, nil))
	queue := func(name string, durable, autoDelete, exclusive bool, args amqp091.Table) {
		_, err := ch.QueueDeclare(name, durable, autoDelete, exclusive, false, args)
		s.must(err)
	}
	queue("q.one", true, false, false, nil)
	queue("q.two", false, true, false, amqp091.Table{"x-max-length": 5, "x-message-ttl": 60000, "x-dead-letter-exchange": "x.topic"})
	queue("q.excl", false, false, true, nil)
	queue("q tab\there", true, false, false, nil)
	s.must(ch.QueueBind("q.one", "a.*", "x.topic", false, nil))
	s.must(ch.QueueBind("q.one", "", "amq.headers", false, amqp091.Table{"x-match": "all", "k": "v"}))
	s.must(ch.ExchangeBind("x.int", "#", "x.topic", false, nil))
	publish := func(queue, body string, mode uint8) {
		s.must(ch.PublishWithContext(context.Background(), "", queue, false, false, amqp091.Publishing{DeliveryMode: mode, Body: []byte(body)}))
	}
	for range 3 {
		publish("q.one", "12345", amqp091.Persistent)
	}
	publish("q.two", "abc", amqp091.Transient)
	s.must(ch.Qos(10, 0, false))
	s.must(ch.Qos(20, 0, true))
	_, err = ch.Consume("q.excl", "c.excl", false, true, false, false, amqp091.Table{"x-priority": 3})
	s.must(err)
	_, err = ch.Consume("q.two", "c.two", true, false, false, false, nil)
	s.must(err)
	s.must(ch.Confirm(false))
	other, err := c.Channel()
	s.must(err)
	_, _, err = other.Get("q.one", false)
	s.must(err)
	s.must(other.Tx())
}
