package broker

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// info is what there is to say of a queue.
func info(t *testing.T, b *Broker, name string) QueueInfo {
	t.Helper()
	i, err := b.QueueInfo("/", name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAQueueShowsWhatIsInIt(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declareWith("q", "x-max-priority", int32(3), "x-max-length", int32(9))
	if err := b.SetPolicy("/", Policy{Name: "p", Pattern: "q", Definition: map[string]any{"max-length": 5, "expires": 1e6}}); err == nil {
		t.Fatal("a fraction is a number of milliseconds")
	}
	if err := b.SetPolicy("/", Policy{Name: "p", Pattern: "q", Definition: map[string]any{"max-length": 5, "overflow": "drop-head"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.SetOperatorPolicy("/", Policy{Name: "o", Pattern: "q", Definition: map[string]any{"max-length": 7, "expires": 60000}}); err != nil {
		t.Fatal(err)
	}
	p.send("q", amqp.BasicProperties{Timestamp: 1700000000}, "four", "three")
	p.get("q")
	p.consume(2, "q", "k", false)
	p.await(1)
	p.publish("q", "x")
	p.await(1)
	p.do(2, &amqp.BasicCancel{ConsumerTag: "k"})
	p.SendMethods(2, &amqp.BasicNack{DeliveryTag: 2, Requeue: true})
	p.sync()

	i := info(t, b, "q")
	if i.Ready+i.Unacknowledged != 3 || i.ReadyBytes+i.UnacknowledgedBytes != 10 || i.Unacknowledged == 0 {
		t.Errorf("%d ready of %d bytes, %d unacknowledged of %d bytes", i.Ready, i.ReadyBytes, i.Unacknowledged, i.UnacknowledgedBytes)
	}
	if i.Type != "classic" || i.Policy != "p" || i.OperatorPolicy != "o" || i.Vhost != "/" || len(i.Arguments) != 2 {
		t.Errorf("%+v", i)
	}
	if got := fmt.Sprint(i.EffectivePolicy); got != "map[expires:60000 max-length:5 overflow:drop-head]" {
		t.Errorf("together policies are %s", got)
	}
	if i.IdleSince.IsZero() {
		t.Error("a queue that expires is not idle")
	}
	if _, err := b.QueueInfo("/", "none"); !errors.Is(err, ErrQueueNotFound) {
		t.Error(err)
	}
	if _, err := b.QueueInfos("none"); !errors.Is(err, ErrVhostNotFound) {
		t.Error(err)
	}
}

func TestAQueueShowsItsFirstMessageAndItsConsumers(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("single", "x-single-active-consumer", true)
	p.do(1, &amqp.QueueDeclare{Queue: "own", Exclusive: true})
	p.consume(1, "single", "first", true)
	p.consume(1, "single", "second", true)
	p.do(1, &amqp.BasicConsume{Queue: "own", ConsumerTag: "alone", Exclusive: true})
	p.declare("q")
	p.send("q", amqp.BasicProperties{Timestamp: 1700000000}, "x")
	p.sync()
	if i := info(t, b, "single"); i.Consumers != 2 || i.Active != 1 || i.SingleActive != "first" || i.Exclusive != "" {
		t.Errorf("%+v", i)
	}
	if i := info(t, b, "own"); i.Exclusive != "alone" || i.Owner == 0 || i.Owner != b.ConnectionInfos()[0].ID {
		t.Errorf("%+v", i)
	}
	if at := info(t, b, "q").HeadTimestamp; at.Unix() != 1700000000 {
		t.Errorf("the first message is of %v", at)
	}
	if at := info(t, b, "own").HeadTimestamp; !at.IsZero() {
		t.Errorf("no message is of %v", at)
	}
	all, err := b.ConsumerInfos("/")
	if err != nil || len(all) != 3 || all[0].Queue != "own" || all[1].Tag != "first" || !all[1].Active || all[2].Active {
		t.Errorf("%v: %+v", err, all)
	}
}

func TestConnectionsAndChannelsAreShown(t *testing.T) {
	b := New(Options{})
	p := connectAs(t, b, amqptest.Login{}, 3)
	p.declare("q")
	p.publish("q", "1", "2", "3")
	p.do(1, &amqp.BasicQos{PrefetchCount: 10})
	p.do(1, &amqp.BasicQos{PrefetchCount: 20, Global: true})
	p.do(2, &amqp.ConfirmSelect{})
	p.do(3, &amqp.TxSelect{})
	p.do(3, &amqp.BasicGet{Queue: "q"})
	p.content()
	p.do(3, &amqp.BasicGet{Queue: "q"})
	p.content()
	p.SendMethods(3, &amqp.BasicAck{DeliveryTag: 1})
	p.Send(amqptest.Publish(3, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{}, []byte("x"), 4096))
	p.sync()

	conns := b.ConnectionInfos()
	if len(conns) != 1 {
		t.Fatalf("there are %d connections", len(conns))
	}
	c := conns[0]
	if c.Name != "pipe -> pipe" || c.User != "guest" || c.Vhost != "/" || c.State != "running" || c.Channels != 3 ||
		c.Mechanism != "PLAIN" || c.Received == 0 || c.Sent == 0 || c.FrameMax == 0 || c.Since.IsZero() {
		t.Errorf("%+v", c)
	}
	channels := b.ChannelInfos()
	if len(channels) != 3 {
		t.Fatalf("there are %d channels", len(channels))
	}
	if ch := channels[0]; ch.Number != 1 || ch.Prefetch != 10 || ch.GlobalPrefetch != 20 || ch.Confirm || ch.Transactional || ch.Connection != c.ID {
		t.Errorf("%+v", ch)
	}
	if ch := channels[1]; !ch.Confirm || ch.Unconfirmed != 0 {
		t.Errorf("%+v", ch)
	}
	if ch := channels[2]; !ch.Transactional || ch.Unacknowledged != 1 || ch.UncommittedAcks != 1 || ch.UncommittedMessages != 1 {
		t.Errorf("%+v", ch)
	}
	p.do(3, &amqp.TxRollback{})
	if ch := b.ChannelInfos()[2]; ch.UncommittedAcks != 0 || ch.UncommittedMessages != 0 {
		t.Errorf("after a rollback %+v", ch)
	}
}

func TestWhatIsNotDurableIsNotConfirmed(t *testing.T) {
	b := openIn(t, t.TempDir())
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
	p.do(1, &amqp.ConfirmSelect{})
	release := hold(t, b)
	p.keep(1, "", "q", "1", "2")
	p.sync()
	if ch := b.ChannelInfos()[0]; ch.Unconfirmed != 2 {
		t.Errorf("%+v", ch)
	}
	release()
}

// CTL-06
func TestAConnectionIsClosedWithAReason(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	q := connect(t, b, 1)
	id := b.ConnectionInfos()[0].ID
	if err := b.CloseConnection(id, "enough"); err != nil {
		t.Fatal(err)
	}
	_, answer := p.NextMethod()
	m, ok := answer.(*amqp.ConnectionClose)
	if !ok || m.ReplyCode != 320 || m.ReplyText != "CONNECTION_FORCED - enough" {
		t.Errorf("told %+v", answer)
	}
	q.sync()
	if err := b.CloseConnection(1000, ""); !errors.Is(err, ErrConnectionNotFound) {
		t.Error(err)
	}
}

// Whoever looks does so while all goes on.
func TestLookingDisturbsNobody(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	var looking sync.WaitGroup
	enough := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
			}
			_, err := b.QueueInfos("/")
			_, err2 := b.ConsumerInfos("/")
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}
			b.ConnectionInfos()
			b.ChannelInfos()
		}
	})
	for range 50 {
		q := connect(t, b, 3)
		q.do(1, &amqp.BasicQos{PrefetchCount: 5})
		q.do(2, &amqp.ConfirmSelect{})
		q.do(3, &amqp.TxSelect{})
		q.consume(1, "q", "", false)
		p.publish("q", "1", "2", "3")
		q.sync()
		q.Close()
	}
	close(enough)
	looking.Wait()
}
