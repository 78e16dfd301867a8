package broker

import (
	"context"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// restart stops a broker, whose clients have gone, and opens it again.
func restart(t testing.TB, b *Broker) *Broker {
	t.Helper()
	if err := b.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return openIn(t, b.options.DataDir)
}

// stored declares durable queues behind amq.fanout and returns a client.
func stored(t testing.TB, b *Broker, queues ...string) *peer {
	t.Helper()
	p := connect(t, b, 2)
	for _, q := range queues {
		p.do(1, &amqp.QueueDeclare{Queue: q, Durable: true})
		p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.fanout"})
	}
	return p
}

// all gets all messages of a queue with a new client, which leaves it without
// them: "5" is one, "5*" a redelivered one.
func all(t testing.TB, b *Broker, queue string) (bodies []string) {
	t.Helper()
	p := connect(t, b, 1)
	bodies = p.drain(queue)
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.sync()
	p.Quit()
	return bodies
}

// DUR-04, DUR-07, DUR-08: each script ends with a restart, twice.
func TestWhatARestartLeaves(t *testing.T) {
	tests := map[string]struct {
		script func(p *peer)
		a, b   string
	}{
		"persistent messages, in order": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 4)...)
			p.publish("a", "transient")
			p.keep(1, "amq.fanout", "", "4")
			p.keep(1, "", "a", "5")
		}, "0 1 2 3 4 5", "4"},
		"not what was settled": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 6)...)
			p.keep(1, "amq.fanout", "", "6", "7")
			p.consume(2, "a", "k", false)
			p.await(8)
			p.SendMethods(2, &amqp.BasicAck{DeliveryTag: 2, Multiple: true}, &amqp.BasicAck{DeliveryTag: 4},
				&amqp.BasicReject{DeliveryTag: 5}, &amqp.BasicAck{DeliveryTag: 7}, &amqp.BasicNack{DeliveryTag: 8})
		}, "2* 5*", "6 7"},
		"what was requeued is flagged": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 4)...)
			p.get("a")
			p.get("a")
			p.get("a")
			p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 2, Requeue: true}, &amqp.BasicAck{DeliveryTag: 3})
			p.do(1, &amqp.BasicRecover{Requeue: true})
		}, "0* 1* 3", ""},
		"consumed or got without acknowledgement": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 3)...)
			p.do(1, &amqp.BasicGet{Queue: "a", NoAck: true})
			p.content()
			p.consume(1, "b", "k", true)
			p.keep(1, "amq.fanout", "", "3", "4")
		}, "1 2 3 4", ""},
		"a consumer without acknowledgement took what was ready": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 3)...)
			p.consume(1, "a", "k", true)
			p.await(3)
			p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
			p.keep(1, "", "a", "3")
		}, "3", ""},
		"shared by consumers with and without acknowledgement": {func(p *peer) {
			p.consume(1, "a", "k", true)
			p.consume(2, "a", "l", false)
			p.keep(1, "", "a", numbered(0, 6)...)
			p.await(6)
			p.SendMethods(2, &amqp.BasicAck{DeliveryTag: 2})
		}, "1* 5*", ""},
		"purged": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 300)...)
			p.get("a")
			p.get("a")
			p.get("a")
			p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 2, Requeue: true})
			p.do(2, &amqp.QueuePurge{Queue: "a"})
			p.keep(1, "", "a", "after")
		}, "0* 2* after", ""},
		"deleted and declared again": {func(p *peer) {
			p.keep(1, "amq.fanout", "", "0", "1")
			p.get("a")
			p.do(2, &amqp.QueueDelete{Queue: "a"})
			p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 1, Requeue: true})
			p.do(2, &amqp.QueueDeclare{Queue: "a", Durable: true})
			p.keep(1, "", "a", "2")
		}, "2", "0 1"},
		"large and empty": {func(p *peer) {
			p.keep(1, "", "a", "", strings.Repeat("large", 100_000), "")
		}, " " + strings.Repeat("large", 100_000) + " ", ""},
		"a transaction": {func(p *peer) {
			p.keep(1, "", "a", numbered(0, 4)...)
			p.do(1, &amqp.TxSelect{})
			for range 3 {
				p.get("a")
			}
			p.keep(1, "amq.fanout", "", "4")
			p.publish("a", "transient")
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1}, &amqp.BasicNack{DeliveryTag: 2, Requeue: true})
			p.commit()
			p.keep(1, "amq.fanout", "", "rolled back")
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 3})
		}, "1* 2* 3 4", "4"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := openIn(t, t.TempDir())
			p := stored(t, b, "a", "b")
			tt.script(p)
			p.sync()
			p.Quit()
			b = restart(t, restart(t, b))
			for queue, want := range map[string]string{"a": tt.a, "b": tt.b} {
				if got := strings.Join(all(t, b, queue), " "); got != want {
					t.Errorf("%s has %.200q, want %.200q", queue, got, want)
				}
			}
			if b = restart(t, b); len(all(t, b, "a"))+len(all(t, b, "b")) > 0 {
				t.Error("something comes twice")
			}
		})
	}
}

// What is published after a restart comes after what was there.
func TestPositionsGoOnAfterARestart(t *testing.T) {
	b := openIn(t, t.TempDir())
	stored(t, b, "a").Quit()
	for i := range 4 {
		p := connect(t, b, 1)
		p.keep(1, "", "a", numbered(3*i, 3)...)
		p.sync()
		for n := range i + 1 {
			p.get("a")
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: uint64(n + 1)})
		}
		p.sync()
		p.Quit()
		b = restart(t, b)
	}
	wantBodies(t, "in the end", all(t, b, "a"), "10", "11")
}

// Properties and headers come back as they were, with their exchange and key.
func TestARestartLeavesMessagesAsTheyWere(t *testing.T) {
	b := openIn(t, t.TempDir())
	p := stored(t, b, "a")
	properties := amqp.BasicProperties{
		DeliveryMode: 2, ContentType: "text/plain", Priority: 3, CorrelationID: "c", MessageID: "m", Timestamp: 7, AppID: "app",
		Headers: amqp.Table{{Key: "k", Value: amqp.Table{{Key: "nested", Value: int64(-1)}}}, {Key: "l", Value: "text"}},
	}
	p.Send(amqptest.Publish(2, &amqp.BasicPublish{Exchange: "amq.fanout", RoutingKey: "key"}, properties, []byte("body"), 131072))
	p.sync()
	p.Quit()
	p = connect(t, restart(t, b), 1)
	p.SendMethods(1, &amqp.BasicGet{Queue: "a"})
	got, body := p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: 1, Exchange: "amq.fanout", RoutingKey: "key"})
	if string(got) != string(properties.Append(nil)) || string(body) != "body" {
		t.Errorf("got %q, %q", got, body)
	}
}
