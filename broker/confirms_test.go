package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// openIn opens a broker that keeps what is durable in a directory. It is shut
// down at the end of the test, if it was not before.
func openIn(t testing.TB, dir string) *Broker {
	t.Helper()
	b, err := Open(Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
	return b
}

// stuck has the committer of a broker stand still, until it is let go.
type stuck struct {
	reached, released chan struct{}
}

// Durable implements storage.Confirmer.
func (s *stuck) Durable(uint64, uint64) {
	close(s.reached)
	<-s.released
}

// hold has nothing become durable any more until the function that it returns
// is called, or the test ends.
func hold(t testing.TB, b *Broker) (release func()) {
	s := &stuck{make(chan struct{}), make(chan struct{})}
	b.store.Begin()
	b.store.Confirm(s, 0, 0)
	b.store.End()
	<-s.reached
	released := false
	release = func() {
		if !released {
			close(s.released)
		}
		released = true
	}
	t.Cleanup(release)
	return release
}

// keep publishes persistent messages on a channel to an exchange.
func (p *peer) keep(channel uint16, exchange, key string, bodies ...string) {
	p.t.Helper()
	var b []byte
	for _, body := range bodies {
		b = append(b, amqptest.Publish(channel, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key},
			amqp.BasicProperties{DeliveryMode: 2}, []byte(body), 131072)...)
	}
	p.Send(b)
}

// confirmed returns what has been confirmed on channel 1 by now, after what was
// before, for example "1" or "2-5", and what has been returned in between.
// other is what has been confirmed on channel 2.
func (p *peer) confirmed(before, other *uint64) (all []string) {
	p.t.Helper()
	p.SendMethods(1, &amqp.ChannelFlow{Active: true})
	from := *before
	upTo := map[uint16]*uint64{1: before, 2: other}
	end := func() {
		switch n := *before - from; {
		case n == 1:
			all = append(all, fmt.Sprint(*before))
		case n > 1:
			all = append(all, fmt.Sprintf("%d-%d", from+1, *before))
		}
		from = *before
	}
	for {
		on, m := p.NextMethod()
		switch m := m.(type) {
		case *amqp.ChannelFlowOk:
			end()
			return all
		case *amqp.BasicDeliver:
			p.got = append(p.got, p.deliver(on, m))
		case *amqp.BasicReturn:
			p.content()
			end()
			all = append(all, "return")
		case *amqp.BasicAck:
			if n := m.DeliveryTag - *upTo[on]; n == 0 || (n > 1) != m.Multiple {
				p.t.Errorf("on channel %d, where %d was confirmed: %+v", on, *upTo[on], m)
			}
			*upTo[on] = m.DeliveryTag
		default:
			p.t.Fatalf("got %s %+v", m.ID(), m)
		}
	}
}

// durableScene are a publisher, whose channel 1 is in confirm mode, and a
// consumer, with queues behind the exchange amq.fanout: durable ones, and
// "transient". Nothing becomes durable before it is released.
type durableScene struct {
	*testing.T
	b       *Broker
	p, c    *peer
	release func()
	upTo    uint64 // what is confirmed
}

func newDurableScene(t *testing.T, queues ...string) *durableScene {
	b := openIn(t, t.TempDir())
	s := &durableScene{T: t, b: b, p: connect(t, b, 2), c: connect(t, b, 2)}
	for _, q := range queues {
		s.p.do(1, &amqp.QueueDeclare{Queue: q, Durable: q != "transient"})
		s.p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.fanout"})
	}
	s.p.do(1, &amqp.ConfirmSelect{})
	s.release = hold(t, b)
	return s
}

// want checks what is confirmed on channel 1 by now.
func (s *durableScene) want(what string, confirms ...string) {
	s.Helper()
	if got := s.p.confirmed(&s.upTo, nil); !slices.Equal(got, confirms) {
		s.Errorf("%s: confirmed %q, want %q", what, got, confirms)
	}
}

// wantAtLast waits until all up to a tag is confirmed.
func (s *durableScene) wantAtLast(what string, tag uint64) {
	s.Helper()
	for s.upTo < tag {
		s.p.confirmed(&s.upTo, nil)
	}
	if s.upTo != tag {
		s.Errorf("%s: confirmed up to %d, want %d", what, s.upTo, tag)
	}
}

// CONF-10
func TestAPersistentMessageIsConfirmedWhenItIsDurable(t *testing.T) {
	s := newDurableScene(t, "a")
	s.p.keep(1, "", "a", numbered(0, 300)...)
	s.want("while it is not durable")
	wantReady(t, s.b, "a", 300)
	s.release()
	s.wantAtLast("when it is", 300)
}

// CONF-10: what waits holds up what comes after it, and nothing else.
func TestConfirmsAreInOrder(t *testing.T) {
	s := newDurableScene(t, "a", "transient")
	publish := func(key string, mandatory bool) {
		s.p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: key, Mandatory: mandatory}, amqp.BasicProperties{}, []byte("x"), 4096))
	}
	publish("a", false)
	publish("nowhere", false)
	s.p.keep(1, "", "transient", "3")
	s.want("what is not to be stored", "1-3")
	publish("nowhere", true)
	s.want("a return comes first", "return", "4")
	s.p.keep(1, "", "a", "5")
	publish("a", false)
	publish("transient", false)
	publish("nowhere", true)
	s.p.keep(1, "", "a", "9")
	s.want("behind what is", "return")
	s.release()
	s.wantAtLast("when it is durable", 9)
}

// CONF-11: settled before it is durable, a message is confirmed.
func TestWhatIsSettledIsConfirmedBeforeItIsDurable(t *testing.T) {
	settle := map[string]func(s *durableScene){
		"acknowledged": func(s *durableScene) {
			s.c.consume(2, "a", "k", false)
			s.c.await(3)
			s.c.SendMethods(2, &amqp.BasicAck{DeliveryTag: 3, Multiple: true})
		},
		"acknowledged one by one": func(s *durableScene) {
			s.c.consume(2, "a", "k", false)
			s.c.await(3)
			s.c.SendMethods(2, &amqp.BasicAck{DeliveryTag: 2}, &amqp.BasicAck{DeliveryTag: 3}, &amqp.BasicAck{DeliveryTag: 1})
		},
		"rejected": func(s *durableScene) {
			s.c.consume(2, "a", "k", false)
			s.c.await(3)
			s.c.SendMethods(2, &amqp.BasicNack{Multiple: true})
		},
		"consumed without acknowledgement": func(s *durableScene) {
			s.c.consume(2, "a", "k", true)
			s.c.await(3)
		},
		"got without acknowledgement": func(s *durableScene) {
			for range 3 {
				s.c.do(2, &amqp.BasicGet{Queue: "a", NoAck: true})
				s.c.content()
			}
		},
		"purged": func(s *durableScene) { s.c.SendMethods(2, &amqp.QueuePurge{Queue: "a", NoWait: true}) },
	}
	for name, settle := range settle {
		t.Run(name, func(t *testing.T) {
			s := newDurableScene(t, "a")
			s.p.keep(1, "", "a", numbered(0, 3)...)
			s.want("before")
			settle(s)
			s.c.sync()
			s.want("after", "1-3")
			s.release()
			s.p.keep(1, "", "a", "4")
			s.wantAtLast("the next", 4)
		})
	}
}

// What a transaction settles comes back if the commit does not become durable: it
// confirms nothing before.
func TestWhatACommitSettlesIsConfirmedWhenItIsDurable(t *testing.T) {
	settle := map[string]amqp.Method{
		"acknowledged": &amqp.BasicAck{DeliveryTag: 3, Multiple: true},
		"rejected":     &amqp.BasicNack{DeliveryTag: 3, Multiple: true},
	}
	for name, settle := range settle {
		t.Run(name, func(t *testing.T) {
			s := newDurableScene(t, "a")
			s.p.do(2, &amqp.QueueDeclare{Queue: "letters"})
			s.p.do(2, &amqp.QueueDeclare{Queue: "last", Arguments: args("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "letters")})
			s.p.keep(1, "", "a", numbered(0, 3)...)
			s.p.keep(2, "", "last", "x")
			s.p.sync()
			s.c.do(2, &amqp.TxSelect{})
			s.c.consume(2, "a", "k", false)
			s.c.await(3)
			s.c.consume(2, "last", "l", false)
			s.c.await(1)
			s.c.SendMethods(2, settle, &amqp.BasicReject{DeliveryTag: 4}, &amqp.TxCommit{})
			other := connect(t, s.b, 1)
			for n := 0; n < 1; n, _ = waiting(s.b, "letters") { // the commit has come to its end
				other.sync()
			}
			s.want("the commit")
			s.release()
			s.wantAtLast("the commit", 3)
		})
	}
}

// Requeued, or given back with their channel, messages still wait.
func TestWhatIsGivenBackStillWaits(t *testing.T) {
	s := newDurableScene(t, "a")
	s.p.keep(1, "", "a", "1")
	s.want("published")
	s.c.get("a")
	s.c.SendMethods(1, &amqp.BasicNack{DeliveryTag: 1, Requeue: true})
	s.c.sync()
	s.want("requeued")
	s.c.get("a")
	s.c.do(1, &amqp.BasicRecover{Requeue: true})
	s.c.sync()
	s.want("recovered")
	_, _, tag := s.c.get("a")
	s.c.SendMethods(1, &amqp.BasicAck{DeliveryTag: tag})
	s.c.sync()
	s.want("acknowledged", "1")
}

// A consumer without acknowledgement that is there gets a message, which then
// nobody stores.
func TestAMessageThatNobodyStoresIsConfirmedAtOnce(t *testing.T) {
	s := newDurableScene(t, "a")
	s.c.consume(1, "a", "k", true)
	s.p.keep(1, "", "a", numbered(0, 3)...)
	s.want("at once", "1-3")
}

// CONF-09: all queues that store a message have to be done with it.
func TestAMessageOfSeveralQueuesWaitsForAllThatStoreIt(t *testing.T) {
	s := newDurableScene(t, "a", "b", "transient")
	s.c.consume(1, "a", "k", false)
	s.p.keep(1, "amq.fanout", "", "1", "2")
	s.want("published")
	s.c.await(2)
	s.c.SendMethods(1, &amqp.BasicAck{DeliveryTag: 2, Multiple: true})
	s.c.sync()
	s.want("a is done")
	s.c.get("b")
	s.c.SendMethods(1, &amqp.BasicAck{DeliveryTag: 3})
	s.c.sync()
	s.want("b is done with one", "1")
	s.c.SendMethods(2, &amqp.QueuePurge{Queue: "b", NoWait: true}) // purge-ok would wait for the store
	s.c.sync()
	s.want("b is purged", "2")
	wantReady(t, s.b, "transient", 2)

	s.c.consume(2, "b", "k", true)
	s.p.keep(1, "amq.fanout", "", "3")
	s.want("b is done at once")
	s.release()
	s.wantAtLast("durable", 3)
}

// One that has taken it at once, before another one stores it, does not do.
func TestAMessageThatOneQueueDoesNotStoreWaitsForTheOther(t *testing.T) {
	for _, first := range []string{"a", "b"} {
		s := newDurableScene(t, "a", "b")
		s.c.consume(1, first, "k", true)
		s.p.keep(1, "amq.fanout", "", "1")
		s.want("published")
		for _, q := range []string{"a", "b"} {
			s.c.SendMethods(2, &amqp.QueuePurge{Queue: q, NoWait: true}) // purge-ok would wait for the store
		}
		s.c.sync()
		s.want("purged", "1")
	}
}

// Also where each message finds its own way, and the ways are the same.
func TestChannelsWithOneWayConfirmApart(t *testing.T) {
	s := newDurableScene(t, "a")
	s.release() // a binding waits for the store, too
	s.p.do(1, &amqp.QueueBind{Queue: "a", Exchange: "amq.headers"})
	s.release = hold(t, s.b)
	s.p.do(2, &amqp.ConfirmSelect{})
	var b []byte
	for _, channel := range []uint16{1, 2, 1, 2} {
		b = append(b, amqptest.Publish(channel, &amqp.BasicPublish{Exchange: "amq.headers"}, amqp.BasicProperties{DeliveryMode: 2}, []byte("x"), 4096)...)
	}
	s.p.Send(b)
	var on1, on2 uint64
	if got := s.p.confirmed(&on1, &on2); on1+on2 > 0 {
		t.Errorf("confirmed %q, and up to %d on channel 2", got, on2)
	}
	s.release()
	for on1 < 2 || on2 < 2 {
		s.p.confirmed(&on1, &on2)
	}
}

// Channels of one connection have confirms of their own.
func TestChannelsConfirmApart(t *testing.T) {
	s := newDurableScene(t, "a", "transient")
	s.p.do(2, &amqp.ConfirmSelect{})
	for range 3 {
		s.p.keep(1, "", "a", "x", "y")
		s.p.keep(2, "", "transient", "z")
		s.p.keep(2, "amq.fanout", "", "z")
	}
	var on1, on2 uint64
	if got := s.p.confirmed(&on1, &on2); on1 != 0 || on2 != 1 {
		t.Errorf("confirmed %q", got)
	}
	s.release()
	for on1 < 6 || on2 < 6 {
		s.p.confirmed(&on1, &on2)
	}
}

// CONF-17
func TestNothingIsConfirmedOnAChannelThatHasClosed(t *testing.T) {
	s := newDurableScene(t, "a")
	s.p.keep(1, "", "a", "1")
	s.want("published")
	s.p.do(1, &amqp.ChannelClose{})
	s.p.OpenChannel(1)
	s.release()
	s.c.get("a")
	s.c.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
	s.c.sync()
	b := s.b.store
	b.Begin()
	if err := b.Wait(b.End()); err != nil {
		t.Fatal(err)
	}
	s.want("on a new channel")
}

// A store that has ended keeps nothing: nothing that waits for it is confirmed,
// nor refused.
func TestNothingIsConfirmedWhenTheStoreHasFailed(t *testing.T) {
	s := newDurableScene(t, "a", "transient")
	s.p.keep(1, "", "a", "1")
	s.want("published")
	s.release()
	s.wantAtLast("durable", 1)
	_ = s.b.store.Close()
	s.p.keep(1, "", "transient", "2")
	s.want("what is not stored", "2")
	s.p.keep(1, "", "a", "3")
	s.p.keep(1, "", "transient", "4")
	s.want("what is")
}

// TX-13
func TestACommitWaitsForTheStore(t *testing.T) {
	b := openIn(t, t.TempDir())
	p, other := connect(t, b, 1), connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "a", Durable: true})
	p.do(1, &amqp.TxSelect{})
	release := hold(t, b)
	p.publish("a", "transient")
	p.commit() // without waiting
	p.keep(1, "", "a", "1", "2")
	p.SendMethods(1, &amqp.TxCommit{})
	committed := make(chan struct{})
	p.running.Go(func() {
		defer close(committed)
		p.Expect(1, &amqp.TxCommitOk{})
	})
	for n := 0; n < 3; n, _ = waiting(b, "a") {
		other.sync()
	}
	select {
	case <-committed:
		t.Error("commit-ok before anything is durable")
	default:
	}
	release()
	<-committed
	wantReady(t, b, "a", 3)
}

// Before a broker that shuts down closes a connection, what it has published is
// confirmed.
func TestAShutdownConfirmsWhatIsDurable(t *testing.T) {
	s := newDurableScene(t, "a")
	s.p.keep(1, "", "a", "1", "2")
	s.want("published")
	s.p.running.Go(func() { _ = s.b.Shutdown(context.Background()) })
	ended := make(chan struct{})
	s.p.running.Go(func() {
		defer close(ended)
		s.c.Expect(0, &amqp.ConnectionClose{
			ReplyCode: 320, ReplyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
		})
		s.c.SendMethods(0, &amqp.ConnectionCloseOk{})
		s.c.ExpectEnd()
	})
	<-ended // it has published nothing
	s.release()
	for s.upTo < 2 {
		_, m := s.p.NextMethod()
		s.upTo = m.(*amqp.BasicAck).DeliveryTag
	}
	s.p.Expect(0, &amqp.ConnectionClose{
		ReplyCode: 320, ReplyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
	})
	s.p.SendMethods(0, &amqp.ConnectionCloseOk{})
	s.p.ExpectEnd()
}
