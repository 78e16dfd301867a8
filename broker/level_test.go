package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// consumeWith starts a consumer that acknowledges, with a prefetch count and a
// priority.
func (p *peer) consumeWith(channel uint16, queue, tag string, prefetch uint16, level int) {
	p.t.Helper()
	p.do(channel, &amqp.BasicQos{PrefetchCount: prefetch})
	p.do(channel, &amqp.BasicConsume{Queue: queue, ConsumerTag: tag, Arguments: priority(level)})
}

// who says which consumers got the messages that were delivered.
func (p *peer) who() string {
	p.t.Helper()
	var who strings.Builder
	for _, d := range p.take() {
		who.WriteString(d.consumer)
	}
	return who.String()
}

// CONS-15, CONS-14
func TestConsumersOfAHigherPriorityAreServedFirst(t *testing.T) {
	p := connect(t, New(Options{}), 4)
	p.declare("q")
	p.consumeWith(1, "q", "l", 1, 0)
	p.consumeWith(2, "q", "h", 2, 5)
	p.consumeWith(3, "q", "i", 2, 5)
	p.consumeWith(4, "q", "n", 0, -5)
	if got, want := turns(p, "q", 7), "hihilnn"; got != want {
		t.Errorf("messages went to %s, want %s", got, want)
	}
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
	p.SendMethods(3, &amqp.BasicAck{DeliveryTag: 1})
	p.sync()
	if got, want := turns(p, "q", 3), "iln"; got != want {
		t.Errorf("messages after acknowledgements went to %s, want %s", got, want)
	}
	p.do(2, &amqp.BasicCancel{ConsumerTag: "h"})
	p.SendMethods(3, &amqp.BasicAck{DeliveryTag: 3, Multiple: true})
	p.SendMethods(2, &amqp.BasicNack{Multiple: true, Requeue: true})
	if got, want := p.who(), "ii"; got != want {
		t.Errorf("what came back went to %s, want %s", got, want)
	}
}

// What is published in one piece goes out by priority too.
func TestARunOfMessagesGoesToTheHighestPriorityFirst(t *testing.T) {
	p := connect(t, New(Options{}), 4)
	p.declare("q")
	p.consumeWith(1, "q", "l", 0, 1)
	p.consumeWith(2, "q", "h", 100, 2)
	p.do(3, &amqp.BasicQos{PrefetchCount: 100, Global: true})
	p.consumeWith(3, "q", "h", 0, 2)
	p.publish("q", numbered(0, 500)...)
	got := map[string][]int{}
	for _, d := range p.await(500) {
		got[d.consumer] = append(got[d.consumer], number(t, d.body))
	}
	if n := len(got["h"]); n != 200 || slices.Max(got["h"]) != 199 {
		t.Errorf("%d messages went to the higher priority, up to number %d", n, slices.Max(got["h"]))
	}
	if !slices.IsSorted(got["l"]) {
		t.Error("what is left is out of order")
	}
}

// CONS-14: who had no room when its turn came waits for another one.
func TestWhoIsPassedOverGoesToTheEndOfTheLine(t *testing.T) {
	p := connect(t, New(Options{}), 4)
	p.declare("q")
	p.consumeWith(2, "q", "a", 1, 0)
	p.consumeWith(3, "q", "b", 1, 0)
	p.consumeWith(4, "q", "c", 0, 0)
	steps := []struct {
		ack  []uint16 // channels that acknowledge, one after the other
		want string
	}{
		{nil, "abccc"},
		{[]uint16{3, 2}, "cbac"},
		{[]uint16{2}, "ac"}, // a had its place still, b has no room
	}
	for _, s := range steps {
		for _, channel := range s.ack {
			p.SendMethods(channel, &amqp.BasicAck{Multiple: true})
		}
		p.sync()
		if got := turns(p, "q", len(s.want)); got != s.want {
			t.Errorf("messages went to %s, want %s", got, s.want)
		}
	}
}

func TestATurnSurvivesConsumersOfOtherPriorities(t *testing.T) {
	p := connect(t, New(Options{}), 4)
	p.declare("q")
	for i, tag := range []string{"a", "b", "c"} {
		p.consumeWith(uint16(i+1), "q", tag, 0, 1)
	}
	steps := []struct {
		do   func()
		want string
	}{
		{func() {}, "ab"},
		{func() { p.consumeWith(4, "q", "h", 1, 2) }, "hcabc"},
		{func() { p.consumeWith(4, "q", "l", 1, 0) }, "a"},
		{func() { p.do(4, &amqp.BasicCancel{ConsumerTag: "h"}) }, "bc"},
	}
	for _, s := range steps {
		s.do()
		if got := turns(p, "q", len(s.want)); got != s.want {
			t.Errorf("messages went to %s, want %s", got, s.want)
		}
	}
}

// declareSingle declares a queue with a single active consumer.
func (p *peer) declareSingle(queue string) {
	p.t.Helper()
	p.do(1, &amqp.QueueDeclare{Queue: queue, Arguments: args("x-single-active-consumer", true)})
}

// CONS-22, CONS-24: one consumer gets all, until it goes.
func TestASingleActiveConsumerIsFollowedByTheFirstOfTheHighestPriority(t *testing.T) {
	p := connect(t, New(Options{}), 6)
	p.declareSingle("q")
	for i, k := range []struct {
		tag   string
		level int
	}{{"a", 0}, {"b", 0}, {"c", 5}, {"d", 5}, {"e", 1}} {
		p.consumeWith(uint16(i+2), "q", k.tag, 0, k.level)
	}
	steps := []struct {
		leave amqp.Method
		on    uint16
		want  string
	}{
		{&amqp.ChannelFlow{Active: true}, 1, "aaa"},
		{&amqp.BasicCancel{ConsumerTag: "b"}, 3, "aa"},
		{&amqp.BasicCancel{ConsumerTag: "a"}, 2, "cc"},
		{&amqp.ChannelClose{}, 4, "dd" + "dd"}, // what c had comes back
		{&amqp.BasicCancel{ConsumerTag: "d"}, 5, "ee"},
	}
	for _, s := range steps {
		p.do(s.on, s.leave)
		back := p.who()
		if got := back + turns(p, "q", len(s.want)-len(back)); got != s.want {
			t.Errorf("after %+v messages went to %s, want %s", s.leave, got, s.want)
		}
	}
	ok := p.do(1, &amqp.QueueDeclare{Queue: "q", Passive: true}).(*amqp.QueueDeclareOk)
	if ok.ConsumerCount != 1 {
		t.Errorf("%d consumers are counted, want 1", ok.ConsumerCount)
	}
}

// CONS-22, CONS-26, CONS-27, QDEC-10
func TestWhatTheActiveConsumerLeavesGoesToTheNextAtOnce(t *testing.T) {
	p := connect(t, New(Options{}), 3)
	p.declareSingle("q")
	p.consumeWith(2, "q", "a", 1, 0)
	p.consumeWith(3, "q", "b", 2, 9)
	p.publish("q", numbered(0, 4)...)
	if got := p.who(); got != "a" {
		t.Errorf("messages went to %s, want the active consumer to be full with one", got)
	}
	ok := p.do(1, &amqp.QueueDeclare{Queue: "q", Passive: true}).(*amqp.QueueDeclareOk)
	if ok.ConsumerCount != 2 || ok.MessageCount != 3 {
		t.Errorf("the queue has %d consumers and %d messages, want 2 and 3", ok.ConsumerCount, ok.MessageCount)
	}
	if body, _, _ := p.get("q"); body != "1" {
		t.Errorf("got message %s, want 1", body)
	}
	p.do(2, &amqp.BasicCancel{ConsumerTag: "a"})
	if got := p.bodies(); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("the next one got %v, want what was ready", got)
	}
	p.SendMethods(3, &amqp.BasicAck{DeliveryTag: 2, Multiple: true})
	p.do(2, &amqp.ChannelClose{})
	if got := p.bodies(); !slices.Equal(got, []string{"0"}) {
		t.Errorf("the next one got %v, want what the old one had", got)
	}
}

// CONS-23: where one is active anyway, nobody can be exclusive.
func TestAQueueWithASingleActiveConsumerHasNoExclusiveOnes(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.declareSingle("q")
	for range 2 {
		c, ok := p.call(1, &amqp.BasicConsume{Queue: "q", Exclusive: true}).(*amqp.ChannelClose)
		if want := "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"; !ok || c.ReplyText != want {
			t.Fatalf("got %+v, want %s", c, want)
		}
		p.reopen()
		p.consume(1, "q", "k", true)
	}
}

// CONS-26
func TestNothingIsGotFromAQuorumQueueWithASingleActiveConsumer(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-single-active-consumer", true, "x-queue-type", "quorum")})
	c, ok := p.call(1, &amqp.BasicGet{Queue: "q"}).(*amqp.ChannelClose)
	if want := "RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not " +
		"supported by quorum queues with single active consumer"; !ok || c.ReplyText != want {
		t.Errorf("got %+v, want %s", c, want)
	}
}

// CHAN-21: a consumer that was passed over for want of credit goes on when it
// gets some, at a priority of its own or not.
func TestCreditWakesAConsumerThatWasPassedOver(t *testing.T) {
	for _, drain := range []bool{false, true} {
		p := connect(t, New(Options{}), 1)
		p.declare("q")
		p.consume(1, "q", "t", true)
		grant := func(n uint32, want ...string) {
			t.Helper()
			p.call(1, &amqp.BasicCredit{ConsumerTag: "t", Credit: n, Drain: drain})
			p.sync()
			if got := p.bodies(); !slices.Equal(got, want) {
				t.Errorf("%d granted, drain %t: got %v, want %v", n, drain, got, want)
			}
		}
		grant(0)
		p.publish("q", numbered(0, 5)...)
		grant(1, "0")
		grant(2, "1", "2")
		grant(9, "3", "4")
		p.publish("q", "5")
		p.sync()
		if got := len(p.bodies()); (got == 1) == drain { // what was drained is not kept for later
			t.Errorf("drain %t: %d deliveries on what was left of the credit", drain, got)
		}
	}
}

// CONS-15, QOS-04: the limit of the channel has held up both consumers; when it
// has room again the one of the higher priority is served, though the room is
// the other's.
func TestTheLimitOfAChannelDoesNotTurnPrioritiesRound(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.declare("q")
	p.do(1, &amqp.BasicQos{PrefetchCount: 2, Global: true})
	p.do(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "low", Arguments: priority(-1)})
	p.publish("q", numbered(0, 4)...)
	p.sync()
	p.consume(1, "q", "high", false)
	p.take()
	p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 1, Requeue: true})
	p.sync()
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 2})
	p.sync()
	for _, d := range p.take() {
		if d.consumer != "high" {
			t.Errorf("%s was delivered to %s", d.body, d.consumer)
		}
	}
}
