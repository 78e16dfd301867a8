package broker

import (
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// QQ-02: by a publish with and without confirms, to queues of both types, by a
// transaction, by a letter, and given back.
func TestQuorumQueuesStoreTransientMessages(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 2)
		p.declareWith("q", "x-queue-type", "quorum")
		p.declareWith("c", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "q")
		for _, q := range []string{"q", "c"} {
			p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.fanout"})
		}
		p.send("q", amqp.BasicProperties{DeliveryMode: 1}, "0", "1")
		p.do(1, &amqp.TxSelect{})
		p.send("q", amqp.BasicProperties{}, "tx")
		p.commit()
		p.Send(amqptest.Publish(2, &amqp.BasicPublish{Exchange: "amq.fanout"}, amqp.BasicProperties{}, []byte("2"), 131072))
		p.sync()
		p.SendMethods(2, &amqp.BasicGet{Queue: "c"})
		p.NextMethod()
		p.content()
		p.SendMethods(2, &amqp.BasicReject{DeliveryTag: 1})
		p.sync()
		k.vhosts.undertaker.await()
		p.get("q")
		p.do(1, &amqp.BasicRecover{Requeue: true})
		p.declareWith("another") // all that was before it is durable
		again()
		p = connect(t, k.Broker, 1)
		wantReady(t, k.Broker, "c", 0)
		var got []string
		for g := p.getAll("q"); g != nil; g = p.getAll("q") {
			if g.DeliveryMode > 1 {
				t.Errorf("%s has delivery mode %d", g.body, g.DeliveryMode)
			}
			got = append(got, g.body)
		}
		wantBodies(t, "q", got, "1", "tx", "2", "2", "0")
	})
}

// CONF-11: a transient message that a classic queue takes as well is confirmed
// when the quorum queue has stored or settled it.
func TestConfirmsOfTransientMessagesInQuorumQueues(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 2)
	p.declareWith("q", "x-queue-type", "quorum")
	p.declareWith("c")
	for _, q := range []string{"q", "c"} {
		p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.fanout"})
	}
	p.consume(1, "c", "k", true)
	p.do(2, &amqp.ConfirmSelect{})
	for i := range 3 {
		if i == 1 {
			p.do(1, &amqp.QueueUnbind{Queue: "c", Exchange: "amq.fanout"})
		} else if i == 2 {
			p.consume(1, "q", "l", true)
		}
		p.Send(amqptest.Publish(2, &amqp.BasicPublish{Exchange: "amq.fanout"}, amqp.BasicProperties{}, []byte("m"), 131072))
		for acked := false; !acked; {
			_, m := p.NextMethod()
			switch m := m.(type) {
			case *amqp.BasicAck:
				if acked = true; m.DeliveryTag != uint64(i+1) {
					t.Errorf("publish %d is confirmed by %+v", i, m)
				}
			case *amqp.BasicDeliver:
				p.content()
			}
		}
	}
	wantReady(t, k.Broker, "q", 0)
}

// redeliveries are queues by what they do about them.
var redeliveries = map[string]struct {
	arguments []any
	counts    [3]any   // headers of one message, got three times
	order     []string // of messages 0 to 3 when 1 is given back, then 0
}{
	"classic":              {nil, [3]any{"mine", "mine", "mine"}, []string{"0", "1", "2", "3"}},
	"classic with a limit": {[]any{"x-delivery-limit", int32(5)}, [3]any{"mine", int64(1), int64(2)}, []string{"0", "1", "2", "3"}},
	"quorum":               {[]any{"x-queue-type", "quorum"}, [3]any{int64(0), int64(1), int64(2)}, []string{"2", "3", "1", "0"}},
	"quorum with a limit": {
		[]any{"x-queue-type", "quorum", "x-delivery-limit", int32(5)}, [3]any{int64(0), int64(1), int64(2)}, []string{"1", "0", "2", "3"},
	},
	"quorum with a negative limit": {
		[]any{"x-queue-type", "quorum", "x-delivery-limit", int32(-1)}, [3]any{int64(0), int64(1), int64(2)}, []string{"2", "3", "1", "0"},
	},
}

// QQ-08, LAV-13
func TestWhoGetsAMessageIsToldHowOftenItFailed(t *testing.T) {
	for name, c := range redeliveries {
		t.Run(name, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			p.declareWith("q", c.arguments...)
			headers := amqp.Table{{Key: "z", Value: int32(1)}, {Key: "x-delivery-count", Value: "mine"}, {Key: "a", Value: int32(2)}}
			p.send("q", amqp.BasicProperties{Headers: headers}, "m")
			for i, want := range c.counts {
				g := p.getAll("q")
				if want != "mine" {
					headers = amqp.Table{{Key: "a", Value: int32(2)}, {Key: "x-delivery-count", Value: want}, {Key: "z", Value: int32(1)}}
				}
				if !slices.Equal(g.Headers, headers) {
					t.Errorf("the %d. time it has %v, want %v", i+1, g.Headers, headers)
				}
				p.do(1, &amqp.BasicRecover{Requeue: true})
			}
		})
	}
}

// QQ-13, QQ-14, ACK-09
func TestWhereAMessageGoesThatIsGivenBack(t *testing.T) {
	for name, c := range redeliveries {
		t.Run(name, func(t *testing.T) {
			anyStore(t, func(t *testing.T, b *Broker, p *peer) {
				p.declareWith("q", c.arguments...)
				p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 4)...)
				p.get("q")
				p.get("q")
				p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 2, Requeue: true}, &amqp.BasicReject{DeliveryTag: 1, Requeue: true})
				p.sync()
				p.wantInTurn(b, "q", c.order...)
			})
		})
	}
}

// QQ-14, CHAN-13: what a channel leaves comes first, of any queue.
func TestWhereAMessageGoesThatAChannelHasLeft(t *testing.T) {
	for name, c := range redeliveries {
		t.Run(name, func(t *testing.T) {
			b := New(Options{})
			p := connect(t, b, 1)
			p.declareWith("q", c.arguments...)
			p.send("q", amqp.BasicProperties{}, numbered(0, 4)...)
			p.get("q")
			p.consume(1, "q", "k", false)
			p.await(3)
			p.do(1, &amqp.ChannelClose{})
			p.OpenChannel(1)
			p.wantInTurn(b, "q", numbered(0, 4)...)
		})
	}
}

// QQ-14: a new position is one after a restart, too.
func TestANewPositionSurvives(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		p.declareWith("q", "x-queue-type", "quorum")
		p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 3)...)
		p.get("q")
		p.get("q")
		p.do(1, &amqp.BasicRecover{Requeue: true})
		p.declareWith("another") // all that was before it is durable
		again()
		p = connect(t, k.Broker, 1)
		p.wantInTurn(k.Broker, "q", "2", "0", "1")
	})
}

// QQ-08: by basic.deliver only what was given back.
func TestTheCountOfRedeliveriesIsDelivered(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("q", "x-queue-type", "quorum")
		p.consume(1, "q", "k", false)
		p.send("q", amqp.BasicProperties{}, "m")
		next := func() amqp.Table {
			for {
				if f := p.Next(); f.Type == amqp.FrameHeader {
					properties, err := amqp.Properties(f.Payload[12:]).Decode()
					if err != nil {
						t.Fatal(err)
					}
					p.Next()
					return properties.Headers
				}
			}
		}
		p.got = nil
		for i, want := range []amqp.Table{{{Key: "x-delivery-count", Value: int64(1)}}, {{Key: "x-delivery-count", Value: int64(2)}}} {
			p.SendMethods(1, &amqp.BasicNack{DeliveryTag: uint64(i + 1), Requeue: true})
			if got := next(); !slices.Equal(got, want) {
				t.Errorf("delivery %d has headers %v, want %v", i+1, got, want)
			}
		}
	})
}

// QQ-03 to QQ-07
func TestWhatQuorumQueuesDoNotKnow(t *testing.T) {
	declare := &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: amqp.Table{{Key: "x-queue-type", Value: "quorum"}}}
	for name, c := range map[string]struct {
		methods []amqp.Method
		text    string // of the answer to the last; empty: it succeeds
	}{
		"QQ-03": {[]amqp.Method{declare, &amqp.QueueDelete{Queue: "q", IfUnused: true}}, "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. " +
			"queue.delete operations with if-unused flag set are not supported by quorum queues"},
		"QQ-04": {[]amqp.Method{declare, &amqp.QueueDelete{Queue: "q", IfEmpty: true}}, "NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. " +
			"queue.delete operations with if-empty flag set are not supported by quorum queues"},
		"QQ-05": {[]amqp.Method{declare, &amqp.BasicQos{PrefetchCount: 5, Global: true}, &amqp.BasicConsume{Queue: "q"}}, "NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos"},
		"QQ-06": {[]amqp.Method{declare, &amqp.BasicConsume{Queue: "q", Exclusive: true}, &amqp.BasicConsume{Queue: "q", Exclusive: true}, &amqp.BasicConsume{Queue: "q"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			last := len(c.methods) - 1
			for _, m := range c.methods[:last] {
				p.do(1, m)
			}
			if c.text == "" {
				p.do(1, c.methods[last])
				return
			}
			p.SendMethods(1, c.methods[last])
			_, m := p.NextMethod()
			if closed, ok := m.(*amqp.ConnectionClose); !ok || closed.ReplyCode != 540 || closed.ReplyText != c.text ||
				closed.ClassID != c.methods[last].ID().Class() {
				t.Errorf("got %+v, want %s", m, c.text)
			}
		})
	}
}
