package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// A large message keeps nobody waiting who publishes to its queue or consumes
// from it: not while half of it has come, and not while the consumer that gets
// it does not read. In a bubble of synctest waiting would take time.
func TestALargeMessageStallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, many = 16 << 20, 1000
		b := New(Options{})
		large, small := open(t, b, amqptest.Login{}), open(t, b, amqptest.Login{})
		reads, stuck := open(t, b, amqptest.Login{}), open(t, b, amqptest.Login{})
		small.SendMethods(1, &amqp.QueueDeclare{Queue: "q"}, &amqp.ConfirmSelect{})
		small.Expect(1, &amqp.QueueDeclareOk{Queue: "q"}, &amqp.ConfirmSelectOk{})
		reads.SendMethods(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "k", NoAck: true})
		reads.Expect(1, &amqp.BasicConsumeOk{ConsumerTag: "k"})

		publish := func(body []byte) []byte {
			return amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{}, body, 131072)
		}
		tag, one := uint64(0), publish([]byte("small"))
		passes := func(when string) {
			begin := time.Now()
			for range many {
				tag++
				small.Send(one)
				small.Expect(1, &amqp.BasicAck{DeliveryTag: tag})
				reads.ExpectContent(1, &amqp.BasicDeliver{ConsumerTag: "k", DeliveryTag: tag, RoutingKey: "q"})
			}
			if took := time.Since(begin); took != 0 {
				t.Errorf("%d messages took %v while %s", many, took, when)
			}
		}

		whole := publish(make([]byte, size))
		large.Send(whole[:len(whole)/2])
		passes("half of a large one had come")

		stuck.SendMethods(1,
			&amqp.BasicQos{PrefetchCount: 1},
			&amqp.BasicConsume{Queue: "q", ConsumerTag: "k", Arguments: args("x-priority", int32(1))})
		stuck.Expect(1, &amqp.BasicQosOk{}, &amqp.BasicConsumeOk{ConsumerTag: "k"})
		large.Send(whole[len(whole)/2:])
		stuck.Expect(1, &amqp.BasicDeliver{ConsumerTag: "k", DeliveryTag: 1, RoutingKey: "q"})
		passes("a consumer did not read a large one")
	})
}
