package broker

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// ledger says what has become of every message. mu guards it all.
type ledger struct {
	t         *testing.T
	mu        sync.Mutex
	confirmed map[string]bool
	acked     map[string]bool
	complete  chan struct{} // closed when as many as expected are acknowledged
	expected  int
}

func newLedger(t *testing.T, expected int) *ledger {
	return &ledger{
		t: t, confirmed: map[string]bool{}, acked: map[string]bool{}, complete: make(chan struct{}), expected: expected,
	}
}

func (l *ledger) confirm(bodies []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, body := range bodies {
		l.confirmed[body] = true
	}
}

// deliver notes a delivery that is unsettled.
func (l *ledger) deliver(d delivered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acked[d.body] {
		l.t.Errorf("message %s was delivered after it was acknowledged", d.body)
	}
}

// ack notes acknowledgements that the broker is about to get.
func (l *ledger) ack(bodies ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, body := range bodies {
		if l.acked[body] {
			l.t.Errorf("message %s was acknowledged twice", body)
		}
		l.acked[body] = true
		if len(l.acked) == l.expected {
			close(l.complete)
		}
	}
}

// publishing publishes messages with confirms, some at a time.
func (l *ledger) publishing(p *peer, rnd *rand.Rand, queues []string, bodies []string) {
	p.do(1, &amqp.ConfirmSelect{})
	sent, seen := uint64(0), uint64(0)
	for len(bodies) > 0 {
		n := min(1+rnd.IntN(40), len(bodies))
		var b []byte
		for _, body := range bodies[:n] {
			b = append(b, publishes(1, queues[rnd.IntN(len(queues))], body)...)
		}
		p.Send(b)
		for sent += uint64(n); seen < sent; {
			_, m := p.NextMethod()
			ack, ok := m.(*amqp.BasicAck)
			if !ok || ack.DeliveryTag <= seen || (!ack.Multiple && ack.DeliveryTag != seen+1) {
				p.t.Fatalf("after confirm %d came %+v", seen, m)
			}
			seen = ack.DeliveryTag
		}
		l.confirm(bodies[:n])
		bodies = bodies[n:]
	}
}

// visiting is a consumer that comes and goes: some rounds of consuming,
// settling in every way and leaving in every way.
func (l *ledger) visiting(b *Broker, rnd *rand.Rand, queues []string, rounds int) {
	p := connect(l.t, b, 1)
	for range rounds {
		if rnd.IntN(2) == 0 {
			p.do(1, &amqp.BasicQos{PrefetchCount: uint16(rnd.IntN(30)), Global: rnd.IntN(2) == 0})
		}
		tag := fmt.Sprint("k", rnd.Uint64())
		queue := queues[rnd.IntN(len(queues))]
		if _, ok := p.call(1, &amqp.BasicConsume{Queue: queue, ConsumerTag: tag, Arguments: priority(rnd.IntN(2))}).(*amqp.BasicConsumeOk); !ok {
			p.reopen() // the queue was not there
			continue
		}
		for range rnd.IntN(4) {
			for _, d := range p.take() {
				l.deliver(d)
				l.settleSomehow(p, rnd, d)
			}
		}
		if rnd.IntN(2) == 0 {
			p.do(1, &amqp.BasicCancel{ConsumerTag: tag})
		}
		switch rnd.IntN(5) {
		case 0, 1:
			p.do(1, &amqp.ChannelClose{})
			p.OpenChannel(1)
		case 2, 3:
			p.do(1, &amqp.BasicCancel{ConsumerTag: tag})
			p.SendMethods(1, &amqp.BasicRecoverAsync{Requeue: true})
			p.sync()
		default:
			p.sync() // what was acknowledged stays so
			p.Close()
			p = connect(l.t, b, 1)
		}
		p.got = nil // it came before the consumer left, and has gone back
	}
}

// reopen opens channel 1 again after the broker has closed it.
func (p *peer) reopen() {
	p.SendMethods(1, &amqp.ChannelCloseOk{})
	p.OpenChannel(1)
}

func (l *ledger) settleSomehow(p *peer, rnd *rand.Rand, d delivered) {
	switch rnd.IntN(6) {
	case 0, 1:
		l.ack(d.body)
		p.SendMethods(1, &amqp.BasicAck{DeliveryTag: d.tag})
	case 2:
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: d.tag, Requeue: true})
	case 3:
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: d.tag, Requeue: true})
	}
}

const stop = "stop"

// staying is a consumer that acknowledges everything until it is told to stop.
func (l *ledger) staying(p *peer, queue string) {
	p.do(1, &amqp.BasicQos{PrefetchCount: 3})
	p.consume(1, queue, "staying", false)
	for {
		for _, d := range p.got {
			if d.body == stop {
				return
			}
			l.deliver(d)
			l.ack(d.body)
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: d.tag})
		}
		p.got = nil
		on, m := p.NextMethod()
		if d, ok := m.(*amqp.BasicDeliver); ok {
			p.got = append(p.got, p.deliver(on, d))
		}
	}
}

// Many publish, consume, requeue, come and go at the same time: every message
// that was confirmed is acknowledged exactly once, and the consumers that stay
// get all that the others leave.
func TestEveryConfirmedMessageIsAcknowledgedOnce(t *testing.T) {
	const publishers, each, visitors = 4, 1000, 4
	queues := []string{"q0", "q1", "q2"}
	b := New(Options{})
	main := connect(t, b, 1)
	for i, q := range queues {
		single := amqp.Table{{Key: "x-single-active-consumer", Value: i == 0}}
		main.do(1, &amqp.QueueDeclare{Queue: q, Arguments: single})
	}
	l := newLedger(t, publishers*each)
	var wg, staying sync.WaitGroup
	for i := range uint64(publishers) {
		p := connect(t, b, 1)
		wg.Go(func() { l.publishing(p, rand.New(rand.NewPCG(i, 8)), queues, tags(fmt.Sprint(i, "-"), each)) })
	}
	for i := range uint64(visitors) {
		wg.Go(func() { l.visiting(b, rand.New(rand.NewPCG(i, 9)), queues, 60) })
	}
	for _, q := range queues {
		p := connect(t, b, 1)
		staying.Go(func() { l.staying(p, q) })
	}
	wg.Wait()
	select {
	case <-l.complete:
	case <-time.After(patience):
		t.Error("messages are left")
	}
	for _, q := range queues {
		main.publish(q, stop)
	}
	staying.Wait()
	if len(l.confirmed) != l.expected || len(l.acked) != l.expected {
		t.Errorf("%d messages were confirmed and %d acknowledged, want %d", len(l.confirmed), len(l.acked), l.expected)
	}
}

// The same while queues are deleted and declared again: what was in them is
// lost, and nothing else. At the end they are as good as new.
func TestQueuesAreDeletedWhileTheyAreUsed(t *testing.T) {
	const publishers, each, visitors = 3, 1000, 3
	queues := []string{"q0", "q1"}
	b := New(Options{})
	main := connect(t, b, 1)
	for _, q := range queues {
		main.declare(q)
	}
	l := newLedger(t, publishers*each+1) // never complete
	var wg sync.WaitGroup
	for i := range uint64(publishers) {
		p := connect(t, b, 1)
		wg.Go(func() { l.publishing(p, rand.New(rand.NewPCG(i, 10)), queues, tags(fmt.Sprint(i, "-"), each)) })
	}
	for i := range uint64(visitors) {
		wg.Go(func() { l.visiting(b, rand.New(rand.NewPCG(i, 11)), queues, 60) })
	}
	rnd := rand.New(rand.NewPCG(1, 12))
	for range 200 {
		q := queues[rnd.IntN(len(queues))]
		main.do(1, &amqp.QueueDelete{Queue: q})
		main.sync()
		main.declare(q)
	}
	wg.Wait()
	for _, q := range queues {
		for main.do(1, &amqp.QueueDeclare{Queue: q}).(*amqp.QueueDeclareOk).ConsumerCount > 0 {
			continue // a lost connection is noticed later
		}
		main.do(1, &amqp.QueuePurge{Queue: q})
		main.publish(q, "new")
		if got := main.drain(q); len(got) != 1 || got[0] != "new" {
			t.Errorf("queue %s has %v", q, got)
		}
	}
}
