package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// The types below are what a client may expect of queues, consumers and
// limits, written down as plainly as possible. Whatever a broker delivers is
// compared with it, after every single method.

type expectedQueue struct {
	name      string
	single    bool
	ready     []int // messages, ascending: so they were published
	consumers []*expectedConsumer
	active    *expectedConsumer // who alone gets messages, if single
	gone      bool
}

type expectedConsumer struct {
	tag      string
	channel  *expectedChannel
	queue    *expectedQueue
	priority int
	noAck    bool
	prefetch int // 0: no limit
	out      int // unsettled deliveries
}

type expectedDelivery struct {
	tag      uint64
	message  int
	queue    *expectedQueue
	consumer *expectedConsumer // nil: it was got
}

type expectedChannel struct {
	peer      *peer
	id        uint16
	prefetch  int // of consumers to come
	limit     int
	volume    int // what the limit counts
	lastTag   uint64
	consumers []*expectedConsumer
	out       []expectedDelivery
}

type expectation struct {
	t        *testing.T
	rnd      *rand.Rand
	broker   *Broker
	peers    []*peer
	channels []*expectedChannel
	queues   []*expectedQueue
	again    map[int]bool // messages that were delivered before
	messages int
	tags     int

	// The last method settled what several consumers of one queue had, which is
	// done one consumer after the other: order and priorities hold for each.
	several bool
}

// hasRoom tells whether c may get a message, others aside.
func (c *expectedConsumer) hasRoom() bool {
	ch := c.channel
	within := c.prefetch == 0 || c.out < c.prefetch
	active := !c.queue.single || c.queue.active == c
	return active && within && (c.noAck || ch.limit == 0 || ch.volume < ch.limit)
}

// leave ends consumers of a channel. In the place of an active one that leaves
// comes the first of the highest priority.
func (ch *expectedChannel) leave(which func(*expectedConsumer) bool) {
	for _, c := range ch.consumers {
		q := c.queue
		if !which(c) {
			continue
		}
		q.consumers = slices.DeleteFunc(q.consumers, func(other *expectedConsumer) bool { return other == c })
		if q.active == c && q.single {
			q.active = nil
			for _, next := range q.consumers {
				if q.active == nil || next.priority > q.active.priority {
					q.active = next
				}
			}
		}
	}
	ch.consumers = slices.DeleteFunc(ch.consumers, which)
}

// settle takes deliveries out, and puts them back into their queues if told.
func (x *expectation) settle(ch *expectedChannel, requeue bool, which func(expectedDelivery) bool) {
	of := map[*expectedQueue]*expectedConsumer{}
	for _, d := range ch.out {
		if !which(d) {
			continue
		}
		other, more := of[d.queue]
		x.several = x.several || more && other != d.consumer
		of[d.queue] = d.consumer
		if d.consumer != nil {
			d.consumer.out--
			if ch.limit > 0 && ch.volume > 0 {
				ch.volume--
			}
		}
		if requeue && !d.queue.gone {
			d.queue.ready = append(d.queue.ready, d.message)
			slices.Sort(d.queue.ready)
		}
	}
	ch.out = slices.DeleteFunc(ch.out, which)
}

// observe compares what was delivered since the last method.
func (x *expectation) observe(what string) {
	for _, p := range x.peers {
		p.sync()
	}
	highest := map[*expectedQueue]int{}
	var served []*expectedConsumer
	for _, p := range x.peers {
		latest := map[string]int{} // by channel and queue
		for _, d := range p.take() {
			c, ch := x.delivered(what, p, d)
			served = append(served, c)
			n := number(x.t, d.body)
			way := fmt.Sprint(ch.id, c.queue.name)
			if n < latest[way] && !x.several {
				x.t.Fatalf("%s: channel %d got message %d after %d", what, ch.id, n, latest[way])
			}
			latest[way] = n
			highest[c.queue] = max(highest[c.queue], n)
		}
	}
	for _, c := range served {
		for _, above := range c.queue.consumers {
			if above.priority > c.priority && above.hasRoom() && !x.several {
				x.t.Fatalf("%s: %s was served while %s of a higher priority had room", what, c.tag, above.tag)
			}
		}
	}
	for _, q := range x.queues {
		if len(q.ready) == 0 {
			continue
		}
		if highest[q] > q.ready[0] && !x.several {
			x.t.Fatalf("%s: message %d of %s was delivered before %d", what, highest[q], q.name, q.ready[0])
		}
		if n, _ := waiting(x.broker, q.name); n != len(q.ready) {
			x.t.Fatalf("%s: %d messages wait in %s, want %d", what, n, q.name, len(q.ready))
		}
		for _, ch := range x.channels {
			for _, c := range ch.consumers {
				if c.queue == q && c.hasRoom() {
					x.t.Fatalf("%s: %s has room and %d messages wait in %s", what, c.tag, len(q.ready), q.name)
				}
			}
		}
	}
	x.several = false
}

// delivered takes one delivery.
func (x *expectation) delivered(what string, p *peer, d delivered) (*expectedConsumer, *expectedChannel) {
	fail := func(why string) { x.t.Fatalf("%s: %+v %s", what, d, why) }
	i := slices.IndexFunc(x.channels, func(ch *expectedChannel) bool { return ch.peer == p && ch.id == d.channel })
	ch := x.channels[i]
	j := slices.IndexFunc(ch.consumers, func(c *expectedConsumer) bool { return c.tag == d.consumer })
	if j < 0 {
		fail("goes to a consumer that is not there")
	}
	c, n := ch.consumers[j], number(x.t, d.body)
	at, ok := slices.BinarySearch(c.queue.ready, n)
	ch.lastTag++
	switch {
	case !ok:
		fail("was not waiting")
	case !c.hasRoom():
		fail("exceeds a limit, or is not active")
	case d.redelivered != x.again[n]:
		fail("is wrongly marked")
	case d.tag != ch.lastTag:
		fail("has the wrong tag")
	}
	c.queue.ready = slices.Delete(c.queue.ready, at, at+1)
	x.again[n] = true
	if c.noAck {
		return c, ch
	}
	c.out++
	if ch.limit > 0 {
		ch.volume++
	}
	ch.out = append(ch.out, expectedDelivery{d.tag, n, c.queue, c})
	return c, ch
}

// step does something at random.
func (x *expectation) step() string {
	ch := x.channels[x.rnd.IntN(len(x.channels))]
	steps := []struct {
		weight int
		do     func(*expectedChannel) string
	}{
		{30, x.publish},
		{10, x.consume},
		{6, x.cancel},
		{30, x.ack},
		{15, x.requeue},
		{4, x.qos},
		{6, x.limit},
		{6, x.get},
		{3, x.recover},
		{2, x.reopen},
		{1, x.purge},
		{1, x.redeclare},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	n := x.rnd.IntN(total)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			return s.do(ch)
		}
	}
	return ""
}

func (x *expectation) anyQueue() (q *expectedQueue) { return x.queues[x.rnd.IntN(len(x.queues))] }

func (x *expectation) publish(ch *expectedChannel) string {
	q, n := x.anyQueue(), 1+x.rnd.IntN(20)
	bodies := numbered(x.messages+1, n)
	for _, body := range bodies {
		q.ready = append(q.ready, number(x.t, body))
	}
	x.messages += n
	ch.peer.publish(q.name, bodies...)
	return fmt.Sprintf("%d messages to %s", n, q.name)
}

func (x *expectation) consume(ch *expectedChannel) string {
	if len(ch.consumers) > 2 {
		return "nothing"
	}
	x.tags++
	q := x.anyQueue()
	c := &expectedConsumer{
		tag: fmt.Sprint("c", x.tags), channel: ch, queue: q, noAck: x.rnd.IntN(5) == 0, priority: max(0, x.rnd.IntN(5)-2),
	}
	if !c.noAck {
		c.prefetch = ch.prefetch
	}
	ch.consumers = append(ch.consumers, c)
	q.consumers = append(q.consumers, c)
	if q.active == nil {
		q.active = c
	}
	ch.peer.do(ch.id, &amqp.BasicConsume{
		Queue: q.name, ConsumerTag: c.tag, NoAck: c.noAck, Arguments: priority(c.priority),
	})
	return fmt.Sprintf("channel %d consumes from %s as %s, priority %d", ch.id, q.name, c.tag, c.priority)
}

func (x *expectation) cancel(ch *expectedChannel) string {
	if len(ch.consumers) == 0 {
		return "nothing"
	}
	tag := ch.consumers[x.rnd.IntN(len(ch.consumers))].tag
	ch.leave(func(c *expectedConsumer) bool { return c.tag == tag })
	ch.peer.do(ch.id, &amqp.BasicCancel{ConsumerTag: tag})
	return "cancel " + tag
}

func (x *expectation) ack(ch *expectedChannel) string {
	if len(ch.out) == 0 {
		return "nothing"
	}
	m := &amqp.BasicAck{DeliveryTag: ch.out[x.rnd.IntN(len(ch.out))].tag, Multiple: x.rnd.IntN(3) == 0}
	x.settle(ch, false, covered(m.DeliveryTag, m.Multiple))
	ch.peer.SendMethods(ch.id, m)
	return fmt.Sprintf("channel %d: %+v", ch.id, m)
}

func (x *expectation) requeue(ch *expectedChannel) string {
	if len(ch.out) == 0 {
		return "nothing"
	}
	m := &amqp.BasicNack{
		DeliveryTag: ch.out[x.rnd.IntN(len(ch.out))].tag, Multiple: x.rnd.IntN(3) == 0, Requeue: x.rnd.IntN(4) > 0,
	}
	x.settle(ch, m.Requeue, covered(m.DeliveryTag, m.Multiple))
	ch.peer.SendMethods(ch.id, m)
	return fmt.Sprintf("channel %d: %+v", ch.id, m)
}

func covered(tag uint64, multiple bool) func(expectedDelivery) bool {
	return func(d expectedDelivery) bool { return d.tag == tag || multiple && d.tag < tag }
}

func (x *expectation) qos(ch *expectedChannel) string {
	ch.prefetch = x.rnd.IntN(6)
	ch.peer.do(ch.id, &amqp.BasicQos{PrefetchCount: uint16(ch.prefetch)})
	return "qos"
}

func (x *expectation) limit(ch *expectedChannel) string {
	if ch.limit == 0 {
		ch.volume = len(ch.out)
	}
	ch.limit = x.rnd.IntN(8)
	ch.peer.do(ch.id, &amqp.BasicQos{PrefetchCount: uint16(ch.limit), Global: true})
	return fmt.Sprintf("channel %d has limit %d", ch.id, ch.limit)
}

func (x *expectation) get(ch *expectedChannel) string {
	q := x.anyQueue()
	ok, is := ch.peer.call(ch.id, &amqp.BasicGet{Queue: q.name}).(*amqp.BasicGetOk)
	if is != (len(q.ready) > 0) {
		x.t.Fatalf("got something is %t with %v in the queue", is, q.ready)
	}
	if is {
		n := number(x.t, string(ch.peer.content()))
		ch.lastTag++
		if n != q.ready[0] || ok.DeliveryTag != ch.lastTag || ok.Redelivered != x.again[n] {
			x.t.Fatalf("got %d with %+v, want %d", n, ok, q.ready[0])
		}
		q.ready = q.ready[1:]
		x.again[n] = true
		ch.out = append(ch.out, expectedDelivery{ok.DeliveryTag, n, q, nil})
	}
	return "get from " + q.name
}

func everything(expectedDelivery) bool { return true }

func (x *expectation) recover(ch *expectedChannel) string {
	x.settle(ch, true, everything)
	ch.peer.SendMethods(ch.id, &amqp.BasicRecoverAsync{Requeue: true})
	return fmt.Sprintf("channel %d recovers", ch.id)
}

func (x *expectation) reopen(ch *expectedChannel) string {
	ch.leave(func(*expectedConsumer) bool { return true })
	x.settle(ch, true, everything)
	*ch = expectedChannel{peer: ch.peer, id: ch.id}
	ch.peer.do(ch.id, &amqp.ChannelClose{})
	ch.peer.do(ch.id, &amqp.ChannelOpen{})
	return fmt.Sprintf("channel %d is closed", ch.id)
}

func (x *expectation) purge(ch *expectedChannel) string {
	q := x.anyQueue()
	ok := ch.peer.do(ch.id, &amqp.QueuePurge{Queue: q.name}).(*amqp.QueuePurgeOk)
	if int(ok.MessageCount) != len(q.ready) {
		x.t.Fatalf("%d messages purged, want %d", ok.MessageCount, len(q.ready))
	}
	q.ready = nil
	return "purge " + q.name
}

func (x *expectation) redeclare(ch *expectedChannel) string {
	i := x.rnd.IntN(len(x.queues))
	q := x.queues[i]
	q.gone = true
	x.queues[i] = &expectedQueue{name: q.name, single: q.single}
	for _, ch := range x.channels {
		ch.consumers = slices.DeleteFunc(ch.consumers, func(c *expectedConsumer) bool { return c.queue == q })
	}
	ch.peer.do(ch.id, &amqp.QueueDelete{Queue: q.name})
	x.queues[i].declare(ch.peer, ch.id)
	return q.name + " is deleted and declared again"
}

func (q *expectedQueue) declare(p *peer, channel uint16) {
	p.do(channel, &amqp.QueueDeclare{
		Queue: q.name, Arguments: amqp.Table{{Key: "x-single-active-consumer", Value: q.single}},
	})
}

// Whatever clients do: no consumer and no channel gets more than its limit
// allows, every queue is delivered in order, consumers of a higher priority are
// served before others, of a single active consumer's queue only that one, and
// no message waits while a consumer has room.
func TestLimitsHoldAndNothingStalls(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := &expectation{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), broker: New(Options{}), again: map[int]bool{}}
			for range 2 {
				p := connect(t, x.broker, 2)
				x.peers = append(x.peers, p)
				x.channels = append(x.channels, &expectedChannel{peer: p, id: 1}, &expectedChannel{peer: p, id: 2})
			}
			x.queues = []*expectedQueue{{name: "q0"}, {name: "q1"}, {name: "q2", single: true}}
			for _, q := range x.queues {
				q.declare(x.peers[0], 1)
			}
			var done []string
			for range 400 {
				what := x.step()
				done = append(done, what)
				x.observe(strings.Join(done[max(0, len(done)-5):], "\n"))
			}
		})
	}
}
