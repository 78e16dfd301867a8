package broker

import (
	"fmt"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// newGroupFlow returns a flow of messages of so many groups in turn to one
// queue with consumers that acknowledge each; all are of the same size.
func newGroupFlow(t testing.TB, grouped bool, groups, consumers int) *flow {
	b := New(Options{})
	var arguments amqp.Table
	if grouped {
		arguments = args("x-message-groups", true)
	}
	p, body := &amqp.BasicPublish{RoutingKey: "q"}, make([]byte, 100)
	f := &flow{publisher: newLine(t, b, &amqp.QueueDeclare{Queue: "q", Arguments: arguments})}
	for i := range burstOf * 2 {
		properties := amqp.BasicProperties{Headers: args("x-group-id", fmt.Sprintf("%05d", i%groups))}
		one := amqptest.Publish(1, p, properties, body, 131072)
		f.publish = len(one)
		f.burst = append(f.burst, one...)
	}
	f.deliver = f.publish - len(amqp.AppendMethod(nil, 1, p)) +
		len(amqp.AppendMethod(nil, 1, &amqp.BasicDeliver{ConsumerTag: "k", RoutingKey: "q"}))
	for range consumers {
		l := newLine(t, b, &amqp.BasicQos{PrefetchCount: 500}, &amqp.BasicConsume{Queue: "q", ConsumerTag: "k"})
		l.each = f.deliver
		f.consumers = append(f.consumers, l)
	}
	return f
}

// BenchmarkGroups compares queues with and without message groups.
func BenchmarkGroups(b *testing.B) {
	for _, bench := range []struct {
		name    string
		grouped bool
		groups  int
	}{{"plain", false, 1000}, {"1000 groups", true, 1000}, {"10 groups", true, 10}, {"1 group", true, 1}} {
		b.Run(bench.name, func(b *testing.B) {
			f := newGroupFlow(b, bench.grouped, bench.groups, 1)
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; left -= 2 * burstOf {
				f.publisher.feed(f.burst[:min(left, 2*burstOf)*f.publish])
			}
			f.consumers[0].await(b.N * f.deliver)
		})
	}
}
