package broker

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

func TestRequeuedMessagesReturnToTheirPositions(t *testing.T) {
	got := func(n ...string) []string { return n }
	tests := []struct {
		name    string
		requeue []amqp.Method // of messages 0, 1 and 2, which have tags 1, 2 and 3
		want    []string      // what is in the queue then; an asterisk: redelivered
	}{
		{
			"ACK-09: one by one, in any order",
			[]amqp.Method{&amqp.BasicNack{DeliveryTag: 2, Requeue: true}, &amqp.BasicReject{DeliveryTag: 1, Requeue: true}},
			got("0*", "1*", "3", "4"),
		},
		{
			"ACK-10: several at once",
			[]amqp.Method{&amqp.BasicNack{DeliveryTag: 3, Multiple: true, Requeue: true}},
			got("0*", "1*", "2*", "3", "4"),
		},
		{
			"with a gap",
			[]amqp.Method{&amqp.BasicAck{DeliveryTag: 2}, &amqp.BasicNack{Multiple: true, Requeue: true}},
			got("0*", "2*", "3", "4"),
		},
		{"recovered", []amqp.Method{&amqp.BasicRecoverAsync{Requeue: true}}, got("0*", "1*", "2*", "3", "4")},
		{"the channel is closed", []amqp.Method{&amqp.ChannelClose{}, &amqp.ChannelOpen{}}, got("0*", "1*", "2*", "3", "4")},
		{"rejected for good", []amqp.Method{&amqp.BasicReject{DeliveryTag: 2}}, got("3", "4")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := New(Options{})
			p := connect(t, b, 1)
			p.declare("q")
			p.publish("q", numbered(0, 5)...)
			for range 3 {
				p.get("q")
			}
			for _, m := range tt.requeue {
				if m.ID().Class() == (&amqp.ChannelOpen{}).ID().Class() {
					p.do(1, m)
				} else {
					p.SendMethods(1, m)
				}
			}
			if left := p.drain("q"); !slices.Equal(left, tt.want) {
				t.Errorf("the queue has %v, want %v", left, tt.want)
			}
		})
	}
}

// drain gets all messages of a queue and settles none; an asterisk marks those
// that were delivered before.
func (p *peer) drain(queue string) (bodies []string) {
	p.t.Helper()
	for {
		body, redelivered, tag := p.get(queue)
		if tag == 0 {
			return bodies
		}
		if redelivered {
			body += "*"
		}
		bodies = append(bodies, body)
	}
}

// A message that goes back and forth many times stays where it belongs.
func TestMessagesThatAreRequeuedWhileOthersAreDeliveredKeepTheirOrder(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	p.do(1, &amqp.BasicQos{PrefetchCount: 10})
	p.consume(1, "q", "k", false)
	p.publish("q", numbered(0, 50)...)
	tag := uint64(0)
	for range 20 { // each time the ten that are out come back
		got := p.take()
		for i, d := range got {
			if n := number(t, d.body); n != i {
				t.Fatalf("delivery %d is message %d", i, n)
			}
			tag = d.tag
		}
		if len(got) != 10 {
			t.Fatalf("%d are out, want 10", len(got))
		}
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: tag, Multiple: true, Requeue: true})
	}
	p.take()
	p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
	p.do(1, &amqp.BasicRecover{Requeue: true})
	for i, body := range p.drain("q") {
		if n := number(t, strings.TrimSuffix(body, "*")); n != i || strings.HasSuffix(body, "*") != (n < 10) {
			t.Fatalf("message %d in the queue is %s", i, body)
		}
	}
}

func TestAConsumerThatDoesNotReadGetsLittleAndHoldsNobodyUp(t *testing.T) {
	const messages, size = 4000, 1024 // 4 MB
	body := strings.Repeat("x", size)
	for _, noAck := range []bool{true, false} {
		b := New(Options{})
		p := connect(t, b, 1)
		p.declare("q")
		stalled, reading := connect(t, b, 1), connect(t, b, 1)
		stalled.consume(1, "q", "stalled", noAck)
		for range messages / 100 {
			p.publish("q", slices.Repeat([]string{body}, 100)...)
		}
		n, _ := waiting(b, "q")
		if taken := (messages - n) * size; taken < 256<<10 || taken > 2<<20 {
			t.Errorf("a consumer that does not read was handed %d bytes", taken)
		}
		reading.consume(1, "q", "reading", true)
		received := 0
		for received < n {
			received += len(reading.take())
		}
		if left := len(stalled.take()); left != messages-n {
			t.Errorf("the stalled consumer reads %d messages, want %d", left, messages-n)
		}
	}
}

// What waits for a consumer that did not read is delivered as it reads, before
// what is published then.
func TestAConsumerThatReadsAgainGetsWhatWaits(t *testing.T) {
	const messages = 4000
	b := New(Options{})
	p, slow := connect(t, b, 1), connect(t, b, 2)
	p.declare("q")
	slow.consume(1, "q", "k", true)
	filler := strings.Repeat(" ", 1000)
	publish := func(from, n int) {
		for _, body := range numbered(from, n) {
			p.Send(publishes(1, "q", body+filler))
		}
		p.sync()
	}
	publish(0, messages/2)
	for i := range messages {
		if i >= 100 && i < messages/2+100 {
			publish(messages/2+i-100, 1)
		}
		_, m := slow.NextMethod()
		d, ok := m.(*amqp.BasicDeliver)
		if !ok {
			t.Fatalf("got %+v", m)
		}
		if n := number(t, strings.TrimSpace(slow.deliver(1, d).body)); n != i {
			t.Fatalf("delivery %d is message %d", i, n)
		}
	}
}

// Large messages do not gather in the outbox of one who does not read them,
// and its own methods are still carried out.
func TestLargeMessagesWaitInTheQueue(t *testing.T) {
	b := New(Options{})
	p, stalled := connect(t, b, 1), connect(t, b, 1)
	p.declare("q")
	p.publish("q", slices.Repeat([]string{strings.Repeat("x", 1<<20)}, 40)...)
	stalled.SendMethods(1, &amqp.BasicConsume{Queue: "q", NoAck: true})
	stalled.SendMethods(1, &amqp.QueueDeclare{Queue: "other"})
	for queueOf(b, "other") == nil {
		p.sync()
	}
	if n, _ := waiting(b, "q"); n < 36 {
		t.Errorf("%d of 40 MiB wait for one who does not read, want most of them", n)
	}
}

func TestAnExclusiveConsumerIsAlone(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	refused := func(channel uint16, m *amqp.BasicConsume) {
		t.Helper()
		if c, ok := p.call(channel, m).(*amqp.ChannelClose); !ok || c.ReplyCode != uint16(amqp.AccessRefused) {
			t.Errorf("%+v is not refused", m)
		}
		p.SendMethods(channel, &amqp.ChannelCloseOk{})
		p.OpenChannel(channel)
	}
	p.declare("q")
	p.do(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "k", Exclusive: true})
	refused(2, &amqp.BasicConsume{Queue: "q"})
	refused(2, &amqp.BasicConsume{Queue: "q", Exclusive: true})
	p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
	p.do(2, &amqp.BasicConsume{Queue: "q"})
	refused(1, &amqp.BasicConsume{Queue: "q", Exclusive: true})
	p.do(1, &amqp.BasicConsume{Queue: "q"})
}

func TestAnAutoDeleteQueueGoesWithItsLastConsumer(t *testing.T) {
	leave := map[string]func(p *peer){
		"cancel":          func(p *peer) { p.do(2, &amqp.BasicCancel{ConsumerTag: "k"}) },
		"channel close":   func(p *peer) { p.do(2, &amqp.ChannelClose{}) },
		"connection loss": func(p *peer) { p.Close() },
	}
	for how, leave := range leave {
		t.Run(how, func(t *testing.T) {
			b := New(Options{})
			p, other := connect(t, b, 2), connect(t, b, 1)
			other.do(1, &amqp.QueueDeclare{Queue: "q", AutoDelete: true})
			p.consume(2, "q", "k", false)
			leave(p)
			for queueOf(b, "q") != nil { // a lost connection is noticed later
				other.sync()
			}
		})
	}
}

func TestAnAutoDeleteQueueStaysIfAConsumerComesBeforeItGoes(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.do(1, &amqp.QueueDeclare{Queue: "q", AutoDelete: true})
	p.consume(1, "q", "first", false)
	q := queueOf(b, "q")
	q.moving.Lock() // a deletion waits
	found, done := make(chan struct{}), make(chan struct{})
	find := sync.OnceFunc(func() { close(found) })
	go func() {
		defer close(done)
		q.endConsumers(func(k *consumer) bool {
			find()
			return k.tag == "first"
		}, func() {})
	}()
	<-found // with the queue locked: the next one comes after
	p.consume(2, "q", "second", false)
	q.moving.Unlock()
	<-done
	if queueOf(b, "q") != q {
		t.Fatal("the queue has gone though it had a consumer")
	}
	if _, n := q.counts(); n != 1 {
		t.Errorf("it has %d consumers", n)
	}
	p.do(2, &amqp.BasicCancel{ConsumerTag: "second"})
	if queueOf(b, "q") != nil {
		t.Error("the queue stays without a consumer")
	}
}

// QOP-20, and what was published to a queue that has gone is nobody's.
func TestDeliveriesOfADeletedQueueCanStillBeSettled(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	p.do(2, &amqp.BasicQos{PrefetchCount: 6})
	p.consume(2, "q", "k", false)
	p.publish("q", numbered(0, 10)...)
	if n := len(p.take()); n != 6 {
		t.Fatalf("%d messages were delivered, want 6", n)
	}
	old := queueOf(b, "q")
	if ok := p.do(1, &amqp.QueueDelete{Queue: "q"}).(*amqp.QueueDeleteOk); ok.MessageCount != 4 {
		t.Errorf("%d messages were deleted, want 4", ok.MessageCount)
	}
	p.declare("q")
	p.SendMethods(2, &amqp.BasicAck{DeliveryTag: 1}, &amqp.BasicNack{DeliveryTag: 2, Requeue: true},
		&amqp.BasicReject{DeliveryTag: 3, Requeue: true})
	p.do(2, &amqp.BasicRecover{Requeue: true})
	p.publish("q", "new")
	if got := p.drain("q"); !slices.Equal(got, []string{"new"}) {
		t.Errorf("the new queue has %v", got)
	}
	if n := old.ready.len(); n > 0 {
		t.Errorf("%d messages went back to a queue that is no more", n)
	}
	if got := p.take(); got != nil {
		t.Errorf("the old consumer got %v", got)
	}
}

// The end of a consumer whose queue was deleted does not hit another one that
// the client has started under the same tag meanwhile.
func TestALateCancelDoesNotEndANewConsumer(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("q1")
	p.declare("q2")
	p.consume(1, "q1", "k", false)
	old := queueOf(b, "q1").consumers[0]
	p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
	p.consume(1, "q2", "k", false)
	old.channel.cancelled(old)
	p.publish("q2", "1")
	p.do(1, &amqp.ChannelClose{})
	p.OpenChannel(1)
	if got := p.drain("q2"); !slices.Equal(got, []string{"1*"}) {
		t.Errorf("the queue has %v, want what was delivered and not acknowledged", got)
	}
}

// Nobody who has left is kept by the queue.
func TestAQueueForgetsConsumersThatLeft(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	p.consume(1, "q", "a", true)
	p.consume(2, "q", "b", true)
	p.do(2, &amqp.BasicConsume{Queue: "q", ConsumerTag: "c", Arguments: priority(1)})
	p.publish("q", numbered(0, 10)...)
	p.do(1, &amqp.ChannelClose{})
	p.do(2, &amqp.BasicCancel{ConsumerTag: "b"})
	p.do(2, &amqp.BasicCancel{ConsumerTag: "c"})
	q := queueOf(b, "q")
	known := slices.Concat(q.consumers[:cap(q.consumers)], q.playing[:cap(q.playing)])
	for _, l := range q.levels[:cap(q.levels)] {
		known = append(known, l.line[:cap(l.line)]...)
	}
	for _, k := range known {
		if k != nil {
			t.Errorf("consumer %s is still there", k.tag)
		}
	}
}
