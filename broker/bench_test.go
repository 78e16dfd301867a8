package broker

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// flow is a broker with a publisher and consumers, through which messages of
// one kind go. Everything but sockets and clients takes part.
type flow struct {
	publisher *line
	consumers []*line
	burst     []byte // publishes, burstOf of them
	publish   int    // bytes of one publish
	deliver   int    // bytes of one delivery
	confirmed bool   // the publisher gets confirms
	sent      uint64 // publishes
}

// burstOf is how many publishes are fed at a time.
const burstOf = 500

// newFlow returns a flow of a kind.
func newFlow(t testing.TB, k flowKind) *flow {
	p, b := &amqp.BasicPublish{Exchange: "amq.fanout"}, New(Options{})
	f := &flow{confirmed: k.durable}
	if k.durable {
		b = keepWith(t, Options{}).Broker
		f.publisher = newLine(t, b, &amqp.ConfirmSelect{})
	} else {
		f.publisher = newLine(t, b)
	}
	for i := range burstOf {
		one := amqptest.Publish(1, p, k.properties(i), bytes.Repeat([]byte("x"), k.size), 131072)
		f.burst, f.publish = append(f.burst, one...), len(one)
	}
	f.deliver = f.publish - len(amqp.AppendMethod(nil, 1, p)) +
		len(amqp.AppendMethod(nil, 1, &amqp.BasicDeliver{ConsumerTag: "k", Exchange: p.Exchange}))
	for i := range k.queues {
		q := fmt.Sprint("q", i)
		l := newLine(t, b,
			&amqp.QueueDeclare{Queue: q, Durable: k.durable, Arguments: k.arguments},
			&amqp.QueueBind{Queue: q, Exchange: p.Exchange},
			&amqp.BasicQos{PrefetchCount: 500},
			&amqp.BasicConsume{Queue: q, ConsumerTag: "k", NoAck: k.noAck})
		if !k.noAck {
			l.each = f.deliver
		}
		f.consumers = append(f.consumers, l)
	}
	return f
}

// send publishes n messages and returns when all were delivered, and all
// acknowledgements were sent.
func (f *flow) send(n int) {
	f.enqueue(n)
	for _, c := range f.consumers {
		c.await(n * f.deliver)
	}
	if f.confirmed {
		f.publisher.awaitConfirm(f.sent)
	}
}

func (f *flow) enqueue(n int) {
	for left := n; left > 0; left -= burstOf {
		f.publisher.feed(f.burst[:min(left, burstOf)*f.publish])
	}
	f.sent += uint64(n)
}

// drain has the queue of the only consumer filled and then emptied n messages
// later.
func (f *flow) drain(n int) {
	c := f.consumers[0]
	answer := func(m, ok amqp.Method) int {
		c.feed(amqp.AppendMethod(nil, 1, m))
		return len(amqp.AppendMethod(nil, 1, ok))
	}
	c.await(answer(&amqp.BasicCancel{ConsumerTag: "k"}, &amqp.BasicCancelOk{ConsumerTag: "k"}))
	f.enqueue(n)
	if f.confirmed {
		f.publisher.awaitConfirm(f.sent)
	} else {
		f.publisher.sync()
	}
	c.await(n*f.deliver +
		answer(&amqp.BasicConsume{Queue: "q0", ConsumerTag: "k", NoAck: true}, &amqp.BasicConsumeOk{ConsumerTag: "k"}))
}

// flowKind is a way of a message. Allocations are counted per message: its way
// through one queue if there are several.
type flowKind struct {
	name          string
	size, queues  int
	noAck, queued bool
	durable       bool    // queues and messages, which are confirmed
	priorities    int     // that messages have in turn, from 1 up
	allocations   float64 // at most
	arguments     amqp.Table
}

// properties are those of the i-th message of a burst.
func (k *flowKind) properties(i int) (p amqp.BasicProperties) {
	if k.durable {
		p.DeliveryMode = 2
	}
	if k.priorities > 0 {
		p.Priority = uint8(1 + i%k.priorities)
	}
	return p
}

// flows are the ways that are measured.
var flows = []flowKind{
	{name: "no-ack/16B", size: 16, queues: 1, noAck: true, allocations: 0.05},
	{name: "no-ack/1KiB", size: 1 << 10, queues: 1, noAck: true, allocations: 0.05},
	{name: "acked/100B", size: 100, queues: 1, allocations: 0.1},
	{name: "fan-out-to-10/16B", size: 16, queues: 10, noAck: true, allocations: 0.05},
	{name: "queued/16B", size: 16, queues: 1, noAck: true, queued: true, allocations: 0.1},
	{
		name: "queued-mortal/16B", size: 16, queues: 1, noAck: true, queued: true, allocations: 0.1,
		arguments: args("x-message-ttl", int32(3_600_000)),
	},
	{
		name: "queued-limited/16B", size: 16, queues: 1, noAck: true, queued: true, allocations: 0.1,
		arguments: args("x-max-length", int32(1_000_000), "x-max-length-bytes", int32(1_000_000_000)),
	},
	{name: "queued/1KiB", size: 1 << 10, queues: 1, noAck: true, queued: true, allocations: 0.1},
	{name: "durable-confirmed/100B", size: 100, queues: 1, durable: true, allocations: 0.3},
	{name: "durable-confirmed-queued/100B", size: 100, queues: 1, noAck: true, queued: true, durable: true, allocations: 0.3},
	{
		name: "priorities/100B", size: 100, queues: 1, priorities: 10, allocations: 0.1,
		arguments: args("x-max-priority", int32(10)),
	},
	{
		name: "priorities-queued/100B", size: 100, queues: 1, noAck: true, queued: true, priorities: 10, allocations: 0.1,
		arguments: args("x-max-priority", int32(10)),
	},
}

// backlog is how many messages are queued before they are consumed.
const backlog = 20_000

func BenchmarkFlow(b *testing.B) {
	for _, fl := range flows {
		b.Run(fl.name, func(b *testing.B) {
			f := newFlow(b, fl)
			f.send(backlog)
			b.SetBytes(int64(fl.size * fl.queues))
			b.ReportAllocs()
			b.ResetTimer()
			if !fl.queued {
				f.send(b.N)
				return
			}
			for left := b.N; left > 0; left -= backlog {
				f.drain(min(left, backlog))
			}
		})
	}
}

// No message costs an allocation of its own: what there is belongs to bursts,
// such as the goroutine that writes one, and to pieces of memory that messages
// which stay share.
func TestMessagesAreNotAllocatedOneByOne(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for _, fl := range flows {
		t.Run(fl.name, func(t *testing.T) {
			f := newFlow(t, fl)
			pass := f.send
			if fl.queued {
				pass = f.drain
			}
			pass(backlog)
			perRun := testing.AllocsPerRun(3, func() { pass(backlog) })
			if got := perRun / float64(backlog*fl.queues); got > fl.allocations {
				t.Errorf("%.3f allocations per message, want %.3f at most", got, fl.allocations)
			} else {
				t.Logf("%.4f allocations per message", got)
			}
		})
	}
}
