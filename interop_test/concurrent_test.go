package interop

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// traffic is a number of publishers and consumers at work at the same time.
type traffic struct {
	publishers, consumers, queues int
	each                          int // messages of each publisher
	kind                          string
	noAck                         bool
	prefetch                      int
	ackEvery                      int // with multiple; 1 acks one by one
	sharedConnection              bool
	confirm                       bool
}

// CONS-14, CONS-28, ACK-03, CONF-18: nothing is lost, nothing comes twice, and
// each consumer sees the messages of each publisher in order.
func TestConcurrentPublishersAndConsumers(t *testing.T) {
	each := 5000
	if testing.Short() || raced {
		each = 1000
	}
	for name, tr := range map[string]traffic{
		"1 to 1, no-ack":             {publishers: 1, consumers: 1, queues: 1, noAck: true},
		"4 to 4, no-ack":             {publishers: 4, consumers: 4, queues: 1, noAck: true},
		"4 to 4, one connection":     {publishers: 4, consumers: 4, queues: 1, noAck: true, sharedConnection: true},
		"4 to 4, prefetch 1":         {publishers: 4, consumers: 4, queues: 1, prefetch: 1, ackEvery: 1},
		"4 to 4, ack multiple":       {publishers: 4, consumers: 4, queues: 1, prefetch: 100, ackEvery: 50},
		"4 to 4, confirms":           {publishers: 4, consumers: 4, queues: 1, prefetch: 300, ackEvery: 1, confirm: true},
		"4 to 8 on 4 queues, direct": {publishers: 4, consumers: 8, queues: 4, noAck: true, kind: "direct"},
		"2 to 8 on 8 queues, fanout": {publishers: 2, consumers: 8, queues: 8, kind: "fanout", prefetch: 50, ackEvery: 10},
		"2 to 8 on 8 queues, topic":  {publishers: 2, consumers: 8, queues: 8, kind: "topic", prefetch: 50, ackEvery: 1},
	} {
		t.Run(name, func(t *testing.T) {
			tr.each = each
			tr.run(t)
		})
	}
}

// run sends the traffic and counts it.
func (tr traffic) run(t *testing.T) {
	conns := func() *amqp.Connection { return dial(t) }
	if tr.sharedConnection {
		one := dial(t)
		conns = func() *amqp.Connection { return one }
	}
	admin := channel(t)
	x, queues := tr.topology(t, admin)
	copies := 1 // of every message
	if tr.kind == "fanout" || tr.kind == "topic" {
		copies = tr.queues
	}

	seen := newSightings(tr.publishers, tr.each, copies)
	var consumers sync.WaitGroup
	for i := range tr.consumers {
		ch := open(t, conns())
		must(t, ch.Qos(tr.prefetch, 0, false))
		deliveries, err := ch.Consume(queues[i%len(queues)], "", tr.noAck, false, false, false, nil)
		must(t, err)
		consumers.Go(func() { tr.consume(t, ch, deliveries, seen) })
	}
	var publishers sync.WaitGroup
	for i := range tr.publishers {
		ch := open(t, conns())
		if tr.confirm {
			must(t, ch.Confirm(false))
		}
		publishers.Go(func() { tr.publish(t, ch, x, queues, i) })
	}
	publishers.Wait()
	await(t, seen.complete, "%d deliveries", seen.want)
	for _, q := range queues { // what was not acked comes back here
		if tr.noAck {
			equal(t, "ready", inspect(t, admin, q).Messages, 0)
		}
		_, err := admin.QueueDelete(q, false, false, false)
		must(t, err)
	}
	consumers.Wait() // cancelled by the deletion: nothing came after the last
	seen.check(t)
}

// topology declares the queues, bound to an exchange if there is to be one.
func (tr traffic) topology(t *testing.T, ch *amqp.Channel) (x string, queues []string) {
	t.Helper()
	if tr.kind != "" {
		x = exchange(t, ch, tr.kind)
	}
	for i := range tr.queues {
		q := shared(t, ch)
		queues = append(queues, q)
		if x != "" {
			key := map[string]string{"direct": fmt.Sprint(i), "fanout": "", "topic": "#"}[tr.kind]
			must(t, ch.QueueBind(q, key, x, false, nil))
		}
	}
	return x, queues
}

// publish sends the messages of one publisher: its number and theirs.
func (tr traffic) publish(t *testing.T, ch *amqp.Channel, x string, queues []string, publisher int) {
	var last *amqp.DeferredConfirmation
	for n := range tr.each {
		body := binary.BigEndian.AppendUint32(nil, uint32(publisher))
		body = binary.BigEndian.AppendUint32(body, uint32(n))
		key := fmt.Sprint(n % tr.queues)
		if x == "" {
			key = queues[n%len(queues)]
		}
		d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), x, key, false, false, amqp.Publishing{Body: body})
		if err != nil {
			t.Errorf("publish: %v", err)
			return
		}
		last = d
	}
	if tr.confirm {
		confirmed(t, last)
	}
}

// consume takes deliveries until the queue is gone.
func (tr traffic) consume(t *testing.T, ch *amqp.Channel, deliveries <-chan amqp.Delivery, seen *sightings) {
	last := map[uint32]int64{} // number of the latest message by publisher
	unacked := 0
	for d := range deliveries {
		publisher, n := binary.BigEndian.Uint32(d.Body), int64(binary.BigEndian.Uint32(d.Body[4:]))
		if before, ok := last[publisher]; ok && n <= before {
			t.Errorf("message %d of publisher %d after %d", n, publisher, before)
		}
		last[publisher] = n
		if d.Redelivered {
			t.Errorf("message %d of publisher %d is redelivered", n, publisher)
		}
		if unacked++; !tr.noAck && unacked >= tr.ackEvery {
			if err := ch.Ack(d.DeliveryTag, tr.ackEvery > 1); err != nil {
				t.Errorf("ack: %v", err)
			}
			unacked = 0
		}
		seen.add(publisher, uint32(n))
	}
}

// sightings counts how often each message was delivered.
type sightings struct {
	complete     chan struct{} // closed when as many came as were wanted
	want, copies int
	got          atomic.Int64
	mu           struct {
		sync.Mutex
		times [][]int // by publisher and number
	}
}

func newSightings(publishers, each, copies int) *sightings {
	s := &sightings{complete: make(chan struct{}), want: publishers * each * copies, copies: copies}
	for range publishers {
		s.mu.times = append(s.mu.times, make([]int, each))
	}
	return s
}

func (s *sightings) add(publisher, n uint32) {
	s.mu.Lock()
	s.mu.times[publisher][n]++
	s.mu.Unlock()
	if s.got.Add(1) == int64(s.want) {
		close(s.complete)
	}
}

func (s *sightings) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for publisher, times := range s.mu.times {
		for n, k := range times {
			if k != s.copies {
				t.Fatalf("message %d of publisher %d came %d times, want %d", n, publisher, k, s.copies)
			}
		}
	}
}
