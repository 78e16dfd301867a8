package broker

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// prioritize declares a durable queue with priorities up to most.
func (p *peer) prioritize(queue string, most int) {
	p.t.Helper()
	p.do(1, &amqp.QueueDeclare{Queue: queue, Durable: true, Arguments: args("x-max-priority", int32(most))})
}

// rank publishes persistent messages with a priority.
func (p *peer) rank(queue string, priority uint8, bodies ...string) {
	p.t.Helper()
	var b []byte
	for _, body := range bodies {
		b = append(b, amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: queue},
			amqp.BasicProperties{DeliveryMode: 2, Priority: priority}, []byte(body), 131072)...)
	}
	p.Send(b)
	p.sync()
}

// PRI-01 to PRI-04.
func TestMessagesComeInTheOrderOfTheirPriorities(t *testing.T) {
	tests := []struct {
		row  string
		most int
		want string
	}{
		{"PRI-01, PRI-02, PRI-03", 5, "nine five one more none zero"},
		{"PRI-01, PRI-02", 255, "nine five one more none zero"},
		{"PRI-03", 1, "one nine more five none zero"},
		{"PRI-04", 0, "none one nine zero more five"},
	}
	for _, tt := range tests {
		b := New(Options{})
		p := connect(t, b, 1)
		p.prioritize("q", tt.most)
		p.publish("q", "none")
		p.rank("q", 1, "one")
		p.rank("q", 9, "nine")
		p.rank("q", 0, "zero")
		p.rank("q", 1, "more")
		p.rank("q", 5, "five")
		if got := strings.Join(p.drain("q"), " "); got != tt.want {
			t.Errorf("%s: with %d levels: %s, want %s", tt.row, tt.most, got, tt.want)
		}
	}
}

// PRI-04: without x-max-priority there are no priorities.
func TestAPlainQueueIgnoresPriorities(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.declare("q")
	p.rank("q", 1, "one")
	p.rank("q", 9, "nine")
	wantBodies(t, "in the order of publishing", p.drain("q"), "one", "nine")
}

// PUB-17: what was clamped is delivered as it was published.
func TestThePropertyPriorityStaysAsItIs(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.prioritize("q", 5)
	p.rank("q", 9, "nine")
	p.SendMethods(1, &amqp.BasicGet{Queue: "q"})
	got, _ := p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: 1, RoutingKey: "q"})
	properties := amqp.BasicProperties{DeliveryMode: 2, Priority: 9}
	if want := properties.Append(nil); string(got) != string(want) {
		t.Errorf("delivered with properties %q, want %q", got, want)
	}
}

// PRI-05
func TestWhatIsRequeuedKeepsItsPlaceAmongThoseOfItsPriority(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.prioritize("q", 5)
	p.rank("q", 1, "a", "b", "c")
	p.rank("q", 3, "d", "e")
	p.drain("q") // d e a b c
	p.rank("q", 1, "f")
	p.rank("q", 4, "g")
	for _, tag := range []uint64{2, 4, 5, 1, 3} {
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: tag, Requeue: true})
	}
	wantBodies(t, "given back in any order", p.drain("q"), "g", "d*", "e*", "a*", "b*", "c*", "f")
}

// PRI-06: what a consumer has is not taken back for what comes later.
func TestPrioritiesDoNotReorderWhatWasDelivered(t *testing.T) {
	for prefetch, want := range map[uint16][]string{0: {"1", "2", "3", "high"}, 1: {"1", "high", "2", "3"}} {
		p := connect(t, New(Options{}), 2)
		p.prioritize("q", 5)
		p.rank("q", 1, "1", "2", "3")
		p.do(2, &amqp.BasicQos{PrefetchCount: prefetch})
		p.consume(2, "q", "k", false)
		p.sync()
		p.rank("q", 2, "high")
		var got []string
		for len(got) < len(want) {
			for _, d := range p.await(1) {
				got = append(got, d.body)
				p.SendMethods(2, &amqp.BasicAck{DeliveryTag: d.tag})
			}
		}
		wantBodies(t, "prefetch", got, want...)
	}
}

// A run of messages that are published at once is dealt as if one came after the
// other: who has room gets the first ones, and the rest is ordered.
func TestARunIsDealtInTheOrderOfPublishing(t *testing.T) {
	p := connect(t, New(Options{}), 2)
	p.prioritize("q", 9)
	p.do(2, &amqp.BasicQos{PrefetchCount: 2})
	p.consume(2, "q", "k", false)
	var b []byte
	for i, body := range numbered(0, 6) {
		b = append(b, amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"},
			amqp.BasicProperties{Priority: uint8(i)}, []byte(body), 131072)...)
	}
	p.Send(b)
	first := p.await(2)
	p.SendMethods(2, &amqp.BasicAck{DeliveryTag: first[1].tag, Multiple: true})
	p.SendMethods(2, &amqp.BasicAck{DeliveryTag: p.await(2)[1].tag, Multiple: true})
	wantBodies(t, "those who got no place at once", append(textsOf(first), p.bodies()...), "0", "1", "3", "2")
}

func textsOf(ds []delivered) (bodies []string) {
	for _, d := range ds {
		bodies = append(bodies, d.body)
	}
	return bodies
}

// DUR: what was not settled comes back with its priority, wherever it was. A
// purge settles only what was ready: between the positions of one priority are
// those of others.
func TestPrioritiesSurviveARestart(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		p.prioritize("q", 9)
		p.prioritize("purged", 9)
		for i, body := range numbered(0, 12) {
			p.rank("q", uint8(i%4), body)
			p.rank("purged", uint8(i%4), body)
		}
		for range 5 { // 3 7 11 2 6
			p.get("q")
			p.get("purged")
		}
		p.do(1, &amqp.QueuePurge{Queue: "purged"})
		p.rank("purged", 2, "after")
		p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1}, &amqp.BasicAck{DeliveryTag: 2},
			&amqp.BasicNack{DeliveryTag: 4, Requeue: true}, &amqp.BasicNack{DeliveryTag: 3, Requeue: true})
		p.sync()
		p.Quit()
		quiesce(k.Broker)
		again()
		p = connect(t, k.Broker, 1)
		p.rank("q", 1, "new")
		wantBodies(t, "of all", unmarked(p.drain("q")), "7", "11", "2", "6", "10", "1", "5", "9", "new", "0", "4", "8")
		wantBodies(t, "of what was purged", unmarked(p.drain("purged")), "7", "11", "2", "6", "after")
		p.SendMethods(1, &amqp.BasicAck{Multiple: true})
		p.sync()
		p.Quit()
		quiesce(k.Broker)
		again()
		p = connect(t, k.Broker, 1)
		if got := append(p.drain("q"), p.drain("purged")...); len(got) > 0 {
			t.Errorf("%q come twice", got)
		}
	})
}

// unmarked are bodies that drain returned, without the marks of redelivered ones: in
// a broker that was killed all are.
func unmarked(bodies []string) []string {
	for i := range bodies {
		bodies[i] = strings.TrimSuffix(bodies[i], "*")
	}
	return bodies
}

// fillRanked publishes messages from to to-1 of a size and a priority.
func (p *peer) fillRanked(queue string, properties amqp.BasicProperties, from, to, size int) {
	p.t.Helper()
	for from < to {
		var b []byte
		for ; from < to && len(b) < 1<<20; from++ {
			b = append(b, amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: queue}, properties, bodyOf(from, size), 131072)...)
		}
		p.Send(b)
	}
	p.sync()
}

// A long backlog of low priority is on disk while messages of a higher one pass
// it, of which many wait as well.
func TestALongBacklogOfLowPriorityIsOnDisk(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			p.prioritize("q", 10)
			low := amqp.BasicProperties{DeliveryMode: mode, Priority: 1}
			high := amqp.BasicProperties{DeliveryMode: mode, Priority: 7}
			n := fewer(20_000, 6_000)
			p.fillRanked("q", low, 0, n, kib)
			quiesce(b)
			if got := queueOf(b, "q").loaded(); got > 2*least {
				t.Errorf("%d bytes of the backlog are in memory, want %d at most", got, 2*least)
			}
			p.do(1, &amqp.BasicQos{PrefetchCount: 1000})
			for pass := range 20 { // of those with a higher priority
				p.fillRanked("q", high, pass, pass+1, kib)
				body, _, tag := p.get("q")
				if got := checkBody(t, []byte(body)); got != pass {
					t.Fatalf("got message %d, want %d, which has a higher priority", got, pass)
				}
				p.SendMethods(1, &amqp.BasicAck{DeliveryTag: tag})
			}
			p.fillRanked("q", high, 0, n/2, kib)
			quiesce(b)
			if got := queueOf(b, "q").loaded(); got > 4*least {
				t.Errorf("%d bytes of both are in memory, want %d at most", got, 4*least)
			}
			p.consume(1, "q", "k", false)
			p.takeInOrder(0, n/2)
			p.takeInOrder(0, n)
			p.sync()
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// What can be delivered does not wait for what is read from disk.
func TestHighPrioritiesDoNotWaitForADisk(t *testing.T) {
	b, _ := durably(t)
	f := &faulty{}
	withFaults(t, b, f)
	defer close(f.gate)
	p, k := connect(t, b, 1), connect(t, b, 1)
	p.prioritize("q", 10)
	p.fillRanked("q", amqp.BasicProperties{DeliveryMode: 2}, 0, 1000, kib)
	quiesce(b)
	k.do(1, &amqp.BasicQos{PrefetchCount: 1})
	k.SendMethods(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "k", NoWait: true})
	for queueOf(b, "q").inMemory() { // at the head
		k.SendMethods(1, &amqp.BasicAck{DeliveryTag: k.await(1)[0].tag})
		k.sync()
	}
	k.take()
	k.SendMethods(1, &amqp.BasicAck{Multiple: true})
	k.sync()
	p.rank("q", 3, "high")
	if got := k.await(1)[0]; got.body != "high" {
		t.Errorf("got %q, want what has the highest priority", got.body)
	}
}

func (q *queue) inMemory() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.available() > 0
}

// Purging and deleting forget what lanes have on disk.
func TestPurgingForgetsWhatAllPrioritiesHaveOnDisk(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			p.prioritize("q", 3)
			const n = 3000
			for priority := range uint8(4) {
				p.fillRanked("q", amqp.BasicProperties{DeliveryMode: mode, Priority: priority}, 0, n, kib)
			}
			quiesce(b)
			if ok, _ := p.do(1, &amqp.QueuePurge{Queue: "q"}).(*amqp.QueuePurgeOk); ok.MessageCount != 4*n {
				t.Errorf("purged %d messages, want %d", ok.MessageCount, 4*n)
			}
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// Levels that are not used cost nothing, and those that were used little.
func TestLevelsWithoutMessagesCostNothing(t *testing.T) {
	if size := unsafe.Sizeof(prioritized{}); size > 128 {
		t.Errorf("a queue with priorities takes %d bytes more than one without", size)
	}
	l, m := newLanes(255, 0), newMessage("body")
	for range 3 {
		for priority := range 256 {
			l.push(&entry{seq: uint64(priority + 1), message: m, priority: uint8(priority)})
		}
		for want := range slices.Backward(make([]struct{}, 256)) {
			if e := l.pop(); int(e.priority) != want {
				t.Fatalf("got priority %d, want %d", e.priority, want)
			}
		}
	}
	if len(l.lanes) > 0 || l.used != [4]uint64{} || l.sum != (tally{}) {
		t.Errorf("the empty queue has %+v", *l.prioritized)
	}
	const queues = 10_000
	all := make([]lanes, queues)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range all {
		all[i] = newLanes(255, 0)
		all[i].push(&entry{seq: 1, message: m, priority: uint8(i)})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / queues; each > 2048 {
		t.Errorf("a queue with a message takes %d bytes", each)
	}
	runtime.KeepAlive(all)
}

// LEN-12, LEN-02: of too many messages the first one goes, which is the oldest of
// the highest priority.
func TestALimitDropsTheHighestPriority(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Arguments: args("x-max-priority", int32(9), "x-max-length", int32(2))})
	for _, priority := range []uint8{5, 1, 0, 3} {
		p.rank("q", priority, string(rune('0'+priority)))
	}
	wantBodies(t, "of 5 1 0 3", p.drain("q"), "1", "0")
}

// PRI-07: only what is at the head expires.
func TestWhatExpiresBehindAHigherPriorityStays(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("ranked", "x-max-priority", int32(9))
		p.mortal("ranked", 100, "low", "too")
		p.rank("ranked", 5, "high")
		lapse(time.Second)
		wantCount(t, b, "ranked", "behind one of a higher priority", 3)
		wantBodies(t, "until it has gone", p.drain("ranked"), "high")
		wantCount(t, b, "ranked", "then", 0)
	})
}

// DLX-01, LEN-12: a limit and a deadline find the right message also if lanes are on
// disk.
func TestTheHeadDiesWhereverItIs(t *testing.T) {
	b, dir := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-max-priority", int32(9), "x-max-length", int32(1000))})
	for priority := range uint8(3) {
		p.fillRanked("q", amqp.BasicProperties{DeliveryMode: 2, Priority: priority}, 0, 800, kib)
		quiesce(b)
	}
	// Each one that came was the first, as long as there were lower ones only.
	if n, _ := waiting(b, "q"); n != 1000 {
		t.Errorf("%d messages are left, want 1000", n)
	}
	for i := range 1000 {
		body, _, _ := p.get("q")
		want := i - 200 // those of priority 0
		if i < 200 {
			want = 600 + i // of priority 1, the last ones
		}
		if got := checkBody(t, []byte(body)); got != want {
			t.Fatalf("message %d is %d, want %d", i, got, want)
		}
	}
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.sync()
	b.vhosts.get("/").pager.loaded.Add(-1 << 30)
	checkEmpty(t, b, dir, "q")
	b.vhosts.get("/").pager.loaded.Add(1 << 30)
}
