package broker_test

import (
	"math/rand/v2"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// Names that random sessions share, so that they meet.
var (
	someQueues    = []string{"", "a", "b", "c", "missing"}
	someExchanges = []string{"", "x", "y", "amq.direct", "amq.fanout", "amq.topic", "amq.headers", "missing"}
	someKeys      = []string{"", "a", "b", "a.b", "#", "*.b"}
	someTags      = []string{"", "s", "t"}
	someTables    = []amqp.Table{
		nil,
		{{Key: "x-match", Value: "any"}, {Key: "h", Value: int32(1)}},
		{{Key: "x-message-ttl", Value: int32(1000)}},
		{{Key: "x-priority", Value: int32(1)}},
		{{Key: "h", Value: amqp.Table{{Key: "deep", Value: amqp.Array{int8(1), "s", nil}}}}},
	}
)

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// randomSession is what a client might send that knows the protocol and
// nothing of what it is doing.
func randomSession(random *rand.Rand) []byte {
	s := &script{amqptest.Login{
		Heartbeat: uint16(random.IntN(3)), FrameMax: pick(random, []uint32{4096, 131072}),
		Properties: amqp.Table{{Key: "capabilities", Value: amqp.Table{{Key: "consumer_cancel_notify", Value: random.IntN(2) == 0}}}},
	}.Bytes()}
	for id := range uint16(3) {
		s.method(id+1, opened(id+1)...)
	}
	for range 5 + random.IntN(60) {
		channel := uint16(1 + random.IntN(3))
		if random.IntN(3) == 0 {
			s.publish(channel, pick(random, someExchanges[:7]), pick(random, someKeys), randomProperties(random), pick(random, []int{0, 1, 10, 5000}))
			continue
		}
		s.method(channel, randomMethod(random))
		if random.IntN(10) == 0 { // in case the channel was closed
			s.method(channel, &amqp.ChannelClose{}, &amqp.ChannelCloseOk{})
			s.method(channel, opened(channel)...)
		}
		if channel == transactional && random.IntN(6) == 0 {
			s.method(channel, pick(random, []amqp.Method{&amqp.TxCommit{}, &amqp.TxCommit{}, &amqp.TxRollback{}}))
		}
	}
	if random.IntN(2) == 0 {
		s.method(0, &amqp.ConnectionClose{ReplyCode: 200})
	}
	return s.bytes
}

// transactional is the channel of a random session that is.
const transactional = 3

// opened is how a channel begins.
func opened(channel uint16) []amqp.Method {
	if channel == transactional {
		return []amqp.Method{&amqp.ChannelOpen{}, &amqp.TxSelect{}}
	}
	return []amqp.Method{&amqp.ChannelOpen{}}
}

func randomProperties(random *rand.Rand) amqp.BasicProperties {
	p := amqp.BasicProperties{Headers: pick(random, someTables)}
	if random.IntN(20) == 0 {
		p.Expiration = "x"
	}
	return p
}

// randomMethod is mostly one that succeeds: any other ends a channel.
func randomMethod(random *rand.Rand) amqp.Method {
	yes := func() bool { return random.IntN(8) == 0 }
	rarely := func() bool { return random.IntN(64) == 0 }
	queue, exchange, key, tag := pick(random, someQueues[:4]), pick(random, someExchanges[1:7]), pick(random, someKeys), pick(random, someTags)
	if random.IntN(30) == 0 {
		queue, exchange = pick(random, someQueues), pick(random, someExchanges)
	}
	deliveryTag := random.Uint64N(6)
	switch random.IntN(24) {
	case 0, 1, 2:
		return &amqp.QueueDeclare{Queue: queue, AutoDelete: yes(), Exclusive: queue == "", Passive: yes(), NoWait: yes()}
	case 3, 4:
		return &amqp.QueueBind{Queue: queue, Exchange: exchange, RoutingKey: key, NoWait: yes(), Arguments: pick(random, someTables[:2])}
	case 5:
		return &amqp.QueueUnbind{Queue: queue, Exchange: exchange, RoutingKey: key, Arguments: pick(random, someTables[:2])}
	case 6:
		return &amqp.QueuePurge{Queue: queue, NoWait: yes()}
	case 7:
		return &amqp.QueueDelete{Queue: queue, IfUnused: yes(), IfEmpty: yes(), NoWait: yes()}
	case 8:
		return &amqp.ExchangeDeclare{Exchange: pick(random, []string{"x", "y"}), Type: pick(random, []string{"fanout", "topic"}), AutoDelete: yes()}
	case 9:
		return &amqp.ExchangeDelete{Exchange: pick(random, []string{"x", "y"}), IfUnused: yes(), NoWait: yes()}
	case 10, 11, 12:
		return &amqp.BasicConsume{Queue: queue, ConsumerTag: tag, NoAck: yes(), Exclusive: rarely(), NoWait: yes() && tag != "", Arguments: pick(random, someTables)}
	case 13:
		return &amqp.BasicCancel{ConsumerTag: tag, NoWait: yes()}
	case 14, 15:
		return &amqp.BasicGet{Queue: queue, NoAck: yes()}
	case 16:
		return &amqp.BasicAck{DeliveryTag: deliveryTag, Multiple: yes()}
	case 17:
		return &amqp.BasicNack{DeliveryTag: deliveryTag, Multiple: yes(), Requeue: !yes()}
	case 18:
		return &amqp.BasicReject{DeliveryTag: deliveryTag, Requeue: yes()}
	case 19:
		return &amqp.BasicRecover{Requeue: true}
	case 20:
		return &amqp.BasicQos{PrefetchCount: uint16(random.IntN(4)), Global: yes()}
	case 21:
		return &amqp.ConfirmSelect{NoWait: yes()}
	case 22:
		return &amqp.ChannelFlow{Active: true}
	default:
		return pick(random, everyMethod)
	}
}
