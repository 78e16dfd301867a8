package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// CONS-14: consumers get messages in turn, however they are published.
func TestConsumersGetMessagesInTurn(t *testing.T) {
	for _, consumers := range []int{1, 2, 3, 7} {
		for _, size := range []int{1, 2, 3, 10, 63, 64, 65, 257, 1000} {
			t.Run(fmt.Sprintf("%d consumers, runs of %d", consumers, size), func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, uint16(consumers))
				p.declare("q")
				for i, tag := range tags("k", consumers) {
					p.consume(uint16(i+1), "q", tag, i%2 == 0)
				}
				for from := 0; from < 3*size; from += size {
					p.publish("q", numbered(from, size)...)
				}
				checkTurns(t, p.take(), consumers, 3*size)
			})
		}
	}
}

// A backlog is handed out as if it were published now.
func TestConsumersGetABacklogInTurn(t *testing.T) {
	for consumers, messages := range map[int]int{3: 1000, 90: 10_000, 2: longestDeal + 100} {
		t.Run(fmt.Sprintf("%d consumers, %d messages", consumers, messages), func(t *testing.T) {
			b := New(Options{})
			p := connect(t, b, uint16(consumers)+1)
			p.declare("q")
			p.publish("q", numbered(0, messages)...)
			last := uint16(consumers) + 1
			p.consume(last, "q", "first", false)
			p.await(messages)
			for i, tag := range tags("k", consumers) {
				p.consume(uint16(i+1), "q", tag, false)
			}
			p.do(last, &amqp.BasicCancel{ConsumerTag: "first"})
			p.SendMethods(last, &amqp.BasicNack{Multiple: true, Requeue: true})
			checkTurns(t, p.await(messages), consumers, messages)
			if n := cap(queueOf(b, "q").items); n > 2*roundSize {
				t.Errorf("scratch for %d messages is kept", n)
			}
		})
	}
}

// checkTurns checks that message i went to consumer i, counted in turn.
func checkTurns(t *testing.T, got []delivered, consumers, messages int) {
	t.Helper()
	if len(got) != messages {
		t.Fatalf("%d messages were delivered, want %d", len(got), messages)
	}
	last := map[string]int{}
	for _, d := range got {
		n := number(t, d.body)
		if want := fmt.Sprint("k", n%consumers); d.consumer != want {
			t.Fatalf("message %d went to %s, want %s", n, d.consumer, want)
		}
		if before, ok := last[d.consumer]; ok && before > n {
			t.Fatalf("%s got message %d after %d", d.consumer, n, before)
		}
		last[d.consumer] = n
	}
}

// turns publishes one message after the other and says who got them.
func turns(p *peer, queue string, n int) string {
	var who strings.Builder
	for range n {
		p.publish(queue, "m")
		for _, d := range p.take() {
			who.WriteString(d.consumer)
		}
	}
	return who.String()
}

func TestATurnSurvivesConsumersThatComeAndGo(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 4)
	p.declare("q")
	for i, tag := range []string{"a", "b", "c"} {
		p.consume(uint16(i+1), "q", tag, true)
	}
	steps := []struct {
		what string
		do   func()
		want string
	}{
		{"three consumers", func() {}, "ab"},
		{"one that had its turn leaves", func() { p.do(1, &amqp.BasicCancel{ConsumerTag: "a"}) }, "cbc"},
		{"one joins", func() { p.consume(4, "q", "d", true) }, "bcdbcdb"},
		{"one joins in the middle of a round", func() { p.consume(1, "q", "e", true) }, "cdbecdbe"},
		{"one whose turn it is leaves", func() { p.do(3, &amqp.BasicCancel{ConsumerTag: "c"}) }, "dbedb"},
		{"all but one leave", func() {
			p.do(2, &amqp.BasicCancel{ConsumerTag: "b"})
			p.do(4, &amqp.BasicCancel{ConsumerTag: "d"})
		}, "ee"},
	}
	for _, s := range steps {
		s.do()
		if got := turns(p, "q", len(s.want)); got != s.want {
			t.Errorf("%s: messages went to %s, want %s", s.what, got, s.want)
		}
	}
}

func TestAConsumerWithoutRoomIsPassedOver(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 3)
	p.declare("q")
	p.consume(1, "q", "a", true)
	p.do(2, &amqp.BasicQos{PrefetchCount: 2})
	p.consume(2, "q", "b", false)
	p.consume(3, "q", "c", true)
	if got, want := turns(p, "q", 9), "abcabcaca"; got != want {
		t.Errorf("messages went to %s, want %s", got, want)
	}
	p.SendMethods(2, &amqp.BasicAck{DeliveryTag: 1})
	p.sync()
	p.publish("q", numbered(0, 100)...)
	count := map[string]int{}
	for _, d := range p.take() {
		count[d.consumer]++
	}
	if count["b"] != 1 || count["a"]+count["c"] != 99 || count["a"]-count["c"] > 1 || count["c"]-count["a"] > 1 {
		t.Errorf("100 messages went out as %v", count)
	}
}

// The limit of one channel changes nothing for the turns of others.
func TestAConsumerWhoseChannelIsLimitedHasItsTurn(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 3)
	p.declare("q")
	p.do(2, &amqp.BasicQos{PrefetchCount: 1000, Global: true})
	for i, tag := range tags("k", 3) {
		p.consume(uint16(i+1), "q", tag, false)
	}
	p.publish("q", numbered(0, 600)...)
	checkTurns(t, p.take(), 3, 600)
}

// CONS-28: what a channel gets of a queue is in the order of the queue, also
// where two consumers share the channel.
func TestConsumersThatShareAChannelGetMessagesInOrder(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	p.consume(1, "q", "k0", true)
	p.consume(1, "q", "k1", false)
	p.consume(2, "q", "k2", false)
	p.publish("q", numbered(0, 300)...)
	got := p.take()
	checkTurns(t, got, 3, 300)
	last := map[uint16]int{1: -1, 2: -1}
	for _, d := range got {
		n := number(t, d.body)
		if n < last[d.channel] {
			t.Fatalf("channel %d got message %d after %d", d.channel, n, last[d.channel])
		}
		last[d.channel] = n
	}
}

// QOS-05, QOS-04: a delivery needs room in both limits, and room that a new
// limit makes is used at once.
func TestAConsumerGetsWhatBothLimitsAllow(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("q")
	p.do(1, &amqp.BasicQos{PrefetchCount: 3, Global: true})
	p.do(1, &amqp.BasicQos{PrefetchCount: 2})
	p.consume(1, "q", "a", false)
	p.consume(1, "q", "b", false)
	p.publish("q", numbered(0, 10)...)
	if got, want := p.bodies(), numbered(0, 3); !slices.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	p.do(1, &amqp.BasicQos{PrefetchCount: 10, Global: true})
	if got, want := p.bodies(), numbered(3, 1); !slices.Equal(got, want) {
		t.Errorf("delivered %v under a higher limit, want %v", got, want)
	}
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 4, Multiple: true})
	if got, want := p.bodies(), numbered(4, 4); !slices.Equal(got, want) {
		t.Errorf("delivered %v after an acknowledgement, want %v", got, want)
	}
}

// QOS-08, QOS-09: what is got does not count in the channel's limit, except
// what is unsettled when the limit begins.
func TestGotMessagesDoNotCountInTheLimitOfTheChannel(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("q")
	p.publish("q", numbered(0, 6)...)
	p.do(1, &amqp.BasicQos{PrefetchCount: 1, Global: true})
	p.get("q")
	p.get("q")
	p.consume(1, "q", "k", false)
	if got, want := p.bodies(), numbered(2, 1); !slices.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 2, Multiple: true}) // the two that were got
	if got := p.bodies(); got != nil {
		t.Errorf("delivered %v above the limit", got)
	}
	p.do(1, &amqp.BasicQos{PrefetchCount: 0, Global: true})
	if got, want := p.bodies(), numbered(3, 3); !slices.Equal(got, want) {
		t.Errorf("delivered %v without a limit, want %v", got, want)
	}
}

// What is recovered makes room in the channel's limit for other queues, too.
func TestRecoverMakesRoomForAllConsumersOfTheChannel(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q1")
	p.declare("q2")
	p.do(1, &amqp.BasicQos{PrefetchCount: 1, Global: true})
	p.consume(1, "q1", "a", false)
	p.consume(1, "q2", "b", false)
	p.publish("q1", "1")
	p.publish("q2", "2")
	p.do(1, &amqp.BasicCancel{ConsumerTag: "a"})
	if got := p.bodies(); !slices.Equal(got, []string{"1"}) {
		t.Fatalf("delivered %v, want 1", got)
	}
	p.do(1, &amqp.BasicRecover{Requeue: true})
	if got := p.bodies(); !slices.Equal(got, []string{"2"}) {
		t.Errorf("delivered %v after a recover, want 2", got)
	}
}

// A long backlog is dealt in pieces, between which others get at the queue,
// and all the same to its end.
func TestALongBacklogIsDealtInPieces(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("q")
	newLine(t, b, &amqp.BasicConsume{Queue: "q", ConsumerTag: "k", NoAck: true}, &amqp.BasicCredit{ConsumerTag: "k"})
	const messages = 3*longestDeal + 10
	p.publish("q", slices.Repeat([]string{"m"}, messages)...)
	q := queueOf(b, "q")
	q.mu.Lock()
	defer q.mu.Unlock()
	q.consumers[0].granted = unlimited
	if dealt := q.deal(nil, 0, longestDeal); dealt > longestDeal {
		t.Errorf("%d messages were dealt in one piece", dealt)
	}
	if q.ready.len() == 0 {
		t.Error("nothing is left for the next piece")
	}
}
