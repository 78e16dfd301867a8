package broker

import (
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// A client that does not read its replies loses what is beyond a limit, rather
// than have the broker keep it.
func TestRepliesToAClientThatDoesNotReadAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("keeps 64 MiB")
	}
	b := New(Options{})
	asking, replying := connect(t, b, 1), connect(t, b, 1)
	asking.do(1, &amqp.BasicConsume{Queue: directReplyTo, ConsumerTag: "t", NoAck: true})
	asking.sync()
	v := b.vhosts.get("/")
	var name string
	for name = range v.replies.by {
	}
	body := make([]byte, 1<<20)
	reply := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: name}, amqp.BasicProperties{}, body, 131072)
	for range mostReplies>>20 + 20 {
		replying.Send(reply)
	}
	replying.sync()
	k := v.replies.find(name)
	if n := k.channel.out.Pending(); n < mostReplies/2 || n > mostReplies+2<<20 {
		t.Errorf("%d bytes wait for it", n)
	}
}
