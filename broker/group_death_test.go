package broker

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// letters are what a queue for dead letters has got since: body and reason.
func (p *peer) letters(b *Broker, queue string) (all []string) {
	p.t.Helper()
	b.vhosts.undertaker.await()
	for g := p.getAll(queue); g != nil; g = p.getAll(queue) {
		v, _ := g.Headers.Get("x-death")
		all = append(all, g.body+" "+field(v.(amqp.Array)[0].(amqp.Table), "reason"))
	}
	return all
}

// deadly declares a queue d, and q with groups whose letters go there.
func (p *peer) deadly(arguments ...any) {
	p.t.Helper()
	p.declareWith("d")
	p.declareGrouped("q", append(arguments, "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")...)
}

// What dies of a group makes room for what follows, whyever it does. Channels 1
// and 2 have a worker each, with a prefetch of one; delivery tags are given as the
// consumer's.
func TestMembersOfAGroupDie(t *testing.T) {
	tests := map[string]struct {
		arguments []any
		script    func(p *peer)
		letters   []string
	}{
		"in the order of the queue, held up or not": {
			[]any{"x-message-ttl", int32(100)},
			func(p *peer) {
				p.publishGroups("q", "a1", "a2", "b1", "b2", "a3")
				p.wantCame("1:a1", "2:b1")
				lapse(100 * ms)
				p.ack(1, 1)
				p.giveBack(2, 1) // its time is over
				p.wantCame()
				p.publishGroups("q", "b3", "a4")
				p.wantCame("1:b3", "2:a4")
			},
			[]string{"a2 expired", "b2 expired", "a3 expired", "b1 expired"},
		},
		"of a time to live of their own": {
			nil,
			func(p *peer) {
				p.publishGroups("q", "a1")
				p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"},
					amqp.BasicProperties{Expiration: "50", Headers: args("x-group-id", "a")}, []byte("a2"), 131072))
				p.publishGroups("q", "a3")
				lapse(100 * ms)
				p.wantCame("1:a1")
				p.ack(1, 1)
				p.wantCame("1:a3")
			},
			[]string{"a2 expired"},
		},
		"of too many": {
			[]any{"x-max-length", int32(2)},
			func(p *peer) {
				p.publishGroups("q", "a1", "a2", "b1", "a3", "b2", "a4")
				p.wantCame("1:a1", "2:b1")
				p.ack(2, 1)
				p.ack(1, 1)
				p.wantCame("2:b2", "1:a4")
			},
			[]string{"a2 maxlen", "a3 maxlen"},
		},
		"of too many failures": {
			[]any{"x-delivery-limit", int32(1)},
			func(p *peer) {
				p.publishGroups("q", "a1", "a2", "a3")
				p.wantCame("1:a1")
				p.giveBack(1, 1)
				p.wantCame("1:a1*")
				p.giveBack(1, 2)
				p.wantCame("1:a2")
				p.giveBack(1, 3)
				p.wantCame("1:a2*")
				p.ack(1, 4)
				p.wantCame("1:a3")
			},
			[]string{"a1 delivery_limit"},
		},
		"of being rejected": {
			nil,
			func(p *peer) {
				p.publishGroups("q", "a1", "b1", "a2", "b2")
				p.wantCame("1:a1", "2:b1")
				p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 1})
				p.wantCame("1:a2")
				p.SendMethods(2, &amqp.BasicNack{DeliveryTag: 1, Multiple: true})
				p.wantCame("2:b2")
			},
			[]string{"a1 rejected", "b1 rejected"},
		},
		"of being refused": {
			[]any{"x-max-length", int32(1), "x-overflow", "reject-publish-dlx"},
			func(p *peer) {
				p.publishGroups("q", "a1", "a2", "a3", "b1")
				p.wantCame("1:a1")
				p.ack(1, 1)
				p.wantCame("1:a2")
				p.publishGroups("q", "b2")
				p.wantCame("2:b2")
			},
			[]string{"a3 maxlen", "b1 maxlen"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, _ *peer) {
				p := connect(t, b, 3)
				p.do(1, &amqp.QueueDelete{Queue: "q"})
				p.deadly(tt.arguments...)
				p.worker(1, "q", 1)
				p.worker(2, "q", 1)
				tt.script(p)
				if got := p.letters(b, "d"); !slices.Equal(got, tt.letters) {
					t.Errorf("the letters are %q, want %q", got, tt.letters)
				}
				p.Quit()
			})
		})
	}
}

// Groups of which most is on disk expire there, sorted or not, in the order of the
// queue.
func TestGroupsExpireOnDisk(t *testing.T) {
	b, dir := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	p.deadly()
	const n = 3000
	for i := range n {
		p.Send(inGroup("q", string(rune('a'+i%7)), string(bodyOf(i, kib)), 2))
	}
	p.sync()
	p.do(1, &amqp.BasicQos{PrefetchCount: 1})
	p.consume(1, "q", "k", false)
	p.consume(1, "q", "l", false)
	p.take()
	quiesce(b)
	queueOf(b, "q").expireAll()
	buried(b)
	wantReady(t, b, "q", 0)
	var last int
	for i := range n - 2 {
		body, _, tag := p.get("d")
		if tag == 0 {
			t.Fatalf("%d letters, want %d", i, n-2)
		}
		if is := checkBody(t, []byte(body)); is <= last {
			t.Fatalf("the letter of message %d follows that of %d", is, last)
		} else {
			last = is
		}
	}
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.sync()
	quiesce(b)
	b.vhosts.get("/").pager.loaded.Add(-1 << 30)
	checkEmpty(t, b, dir, "d")
	b.vhosts.get("/").pager.loaded.Add(1 << 30)
}

// QQ-19: a letter of a group that nobody takes holds up nobody of the group.
func TestALetterOfAGroupThatInsists(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.QueueDelete{Queue: "q"})
		p.declareGrouped("q", "x-queue-type", "quorum", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d",
			"x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once", "x-max-length", int32(10))
		p.worker(1, "q", 1)
		p.publishGroups("q", "a1", "a2", "a3")
		for tag := range uint64(2) {
			p.SendMethods(1, &amqp.BasicReject{DeliveryTag: tag + 1})
		}
		p.wantCame("1:a1", "1:a2", "1:a3")
		synctest.Wait() // until nobody takes the second letter either
		p.declareWith("d")
		lapse(lateness)
		if got := p.letters(b, "d"); !slices.Equal(got, []string{"a1 rejected", "a2 rejected"}) {
			t.Errorf("the letters are %q", got)
		}
	})
}
