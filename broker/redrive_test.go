package broker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// redriveFrom publishes to queues a and b messages that are rejected into d.
func redriveFrom(t *testing.T, b *Broker, p *peer, n int) {
	t.Helper()
	p.declareWith("d")
	for _, q := range []string{"a", "b"} {
		p.declareWith(q, "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
		p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.fanout"})
	}
	for i := range n {
		q := []string{"a", "b"}[i%2]
		p.send(q, amqp.BasicProperties{DeliveryMode: 2, Priority: 3}, numbered(i, 1)...)
		p.reject(p.getAll(q))
		b.vhosts.undertaker.await() // it takes all dead of a queue at once
	}
	wantReady(t, b, "d", n)
}

func (b *Broker) mustRedrive(t *testing.T, o RedriveOptions, want int) {
	t.Helper()
	if n, err := b.Redrive(context.Background(), "/", "d", o); n != want || err != nil {
		t.Errorf("%d are moved, %v; want %d", n, err, want)
	}
}

func TestRedriveToWhereMessagesDied(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		redriveFrom(t, b, p, 6)
		p.send("d", amqp.BasicProperties{DeliveryMode: 2}, "never died")
		b.mustRedrive(t, RedriveOptions{Count: 3}, 3)
		p.wantInTurn(b, "a", "0", "2")
		p.wantInTurn(b, "b", "1")
		b.mustRedrive(t, RedriveOptions{}, 3)
		g := p.getAll("a")
		if g == nil || g.body != "4" || g.Exchange != "" || g.RoutingKey != "a" || g.Redelivered || g.Priority != 3 ||
			!slices.Equal(g.deaths(), []string{"a rejected 1"}) {
			t.Errorf("got %+v", g)
		}
		p.reject(g)
		b.vhosts.undertaker.await()
		p.wantInTurn(b, "b", "3", "5")
		if g = p.getAll("d"); g == nil || g.body != "never died" {
			t.Errorf("the first that is left is %+v", g)
		}
		if g = p.getAll("d"); g == nil || !slices.Equal(g.deaths(), []string{"a rejected 2"}) {
			t.Errorf("what died again is %+v", g)
		}
		p.do(1, &amqp.BasicRecover{Requeue: true})
		p.do(1, &amqp.QueueDelete{Queue: "a"})
		b.mustRedrive(t, RedriveOptions{}, 0)
		wantReady(t, b, "d", 2)
	})
}

// What stays does so before all else, also in a queue that gives back to the end
// of what came back (QQ-13).
func TestRedriveLeavesWhatStaysWhereItWas(t *testing.T) {
	for _, kind := range []string{"classic", "quorum"} {
		t.Run(kind, func(t *testing.T) {
			anyStore(t, func(t *testing.T, b *Broker, p *peer) {
				p.declareWith("d", "x-queue-type", kind, "x-delivery-limit", int32(9))
				p.send("d", amqp.BasicProperties{}, "1", "2", "3", "4")
				b.mustRedrive(t, RedriveOptions{}, 0)
				b.mustRedrive(t, RedriveOptions{Count: 2}, 0)
				p.wantInTurn(b, "d", "1", "2", "3", "4")
			})
		})
	}
}

// What comes back while others move is behind them: none goes twice, also if one of
// them has expired.
func TestRedriveMovesWhatWasThereWhenItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.declareWith("d")
		p.declareWith("a", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d", "x-max-length", int32(1))
		p.send("a", amqp.BasicProperties{}, "1", "2")
		p.send("d", amqp.BasicProperties{Expiration: "50"}, "expires")
		elapse(60 * time.Millisecond)
		b.mustRedrive(t, RedriveOptions{Rate: 10}, 1)
		p.wantInTurn(b, "a", "1")
		p.wantInTurn(b, "d", "2")
	})
}

func TestRedriveToAnExchange(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		redriveFrom(t, b, p, 4)
		x, empty, none := "amq.fanout", "", "no such exchange"
		p.declareWith("e")
		b.mustRedrive(t, RedriveOptions{Exchange: &none}, 0)
		b.mustRedrive(t, RedriveOptions{Exchange: &empty, RoutingKey: "nowhere"}, 0)
		b.mustRedrive(t, RedriveOptions{Exchange: &empty, RoutingKey: "e", Count: 1}, 1)
		b.mustRedrive(t, RedriveOptions{Exchange: &x}, 3)
		p.wantInTurn(b, "e", "0")
		p.wantInTurn(b, "a", "1", "2", "3")
		p.wantInTurn(b, "b", "1", "2", "3")
		b.mustRedrive(t, RedriveOptions{}, 0)
	})
}

// Each message moves as one unit: before and after a crash it is there once.
func TestRedriveIsDurable(t *testing.T) {
	const n = 2*burialLen + 10
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.ConfirmSelect{})
	p.declareWith("d")
	p.declareWith("e")
	p.keep(1, "", "d", numbered(0, n)...)
	p.declareWith("another") // all that was before it is durable
	x := ""
	k.mustRedrive(t, RedriveOptions{Exchange: &x, RoutingKey: "e", Count: n - 1}, n-1)
	k.crash()
	p = connect(t, k.Broker, 1)
	p.wantInTurn(k.Broker, "e", numbered(0, n-1)...)
	p.wantInTurn(k.Broker, "d", numbered(n-1, 1)...)
}

func TestRedriveAtARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		redriveFrom(t, b, p, 100)
		began := time.Now()
		b.mustRedrive(t, RedriveOptions{Rate: 20}, 100)
		if took := time.Since(began); took < 4900*time.Millisecond || took > 5100*time.Millisecond {
			t.Errorf("100 messages took %s at 20 in a second", took)
		}
		for _, q := range []string{"a", "b"} {
			for g := p.getAll(q); g != nil; g = p.getAll(q) {
				p.reject(g)
			}
		}
		b.vhosts.undertaker.await()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if n, err := b.Redrive(ctx, "/", "d", RedriveOptions{Rate: 10.5}); n < 10 || n > 12 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d are moved until %v", n, err)
		}
		p.Quit()
	})
}

// What is sorted into groups moves as well, but for what a consumer has.
func TestRedriveOfGroups(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d", "x-message-groups", true)
		p.declareWith("e")
		for i := range 6 {
			p.send("d", amqp.BasicProperties{DeliveryMode: 2, Headers: amqp.Table{{Key: "x-group-id", Value: "g"}}}, numbered(i, 1)...)
		}
		p.do(1, &amqp.BasicQos{PrefetchCount: 1})
		p.consume(1, "d", "k", false)
		p.consume(1, "d", "l", false) // it looks through all for another group
		wantBodies(t, "delivered", p.bodies(), "0")
		x := ""
		b.mustRedrive(t, RedriveOptions{Exchange: &x, RoutingKey: "e"}, 5)
		p.wantInTurn(b, "e", numbered(1, 5)...)
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 1, Requeue: true})
		wantBodies(t, "delivered again", p.bodies(), "0")
	})
}

// What has expired does not move, and what stays is as it was.
func TestRedriveOfWhatLivesAlone(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d")
		p.publish("d", "stays")
		p.mortal("d", 10, "expires", "expires too")
		p.publish("d", "stays too")
		lapse(20 * ms)
		x := ""
		b.mustRedrive(t, RedriveOptions{Exchange: &x, RoutingKey: "nowhere"}, 0)
		wantReady(t, b, "d", 2)
		for _, want := range []string{"stays", "stays too"} {
			if g := p.getAll("d"); g == nil || g.body != want || g.Redelivered {
				t.Errorf("got %+v, want %q", g, want)
			}
		}
	})
}

// A backlog that leads nowhere is not brought to memory as a whole.
func TestRedriveGivesUp(t *testing.T) {
	b, _ := durably(t)
	p := connect(t, b, 1)
	p.declareWith("d")
	const size = 1 << 20
	p.fill("d", 2, 0, mostKept/size+20, size)
	x := ""
	n, err := b.Redrive(context.Background(), "/", "d", RedriveOptions{Exchange: &x, RoutingKey: "nowhere"})
	if n != 0 || !errors.Is(err, ErrRedriveStuck) {
		t.Errorf("%d have moved, %v", n, err)
	}
	wantReady(t, b, "d", mostKept/size+20)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Redrive(canceled, "/", "d", RedriveOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is on disk moves from there, in its order.
func TestRedriveOfABacklog(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			q := p.declareDurable(b, "d")
			p.declareDurable(b, "e")
			const n = 5000
			p.fill("d", mode, 0, n, kib)
			quiesce(b)
			if q.loaded() > n*kib/2 {
				t.Fatalf("%d bytes are in memory", q.loaded())
			}
			x := ""
			b.mustRedrive(t, RedriveOptions{Exchange: &x, RoutingKey: "e"}, n)
			p.consume(1, "e", "k", false)
			p.takeInOrder(0, n)
			quiesce(b)
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "d")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

func TestRedriveOfWhatIsNotThere(t *testing.T) {
	b := New(Options{})
	if _, err := b.Redrive(context.Background(), "v", "d", RedriveOptions{}); !errors.Is(err, ErrVhostNotFound) {
		t.Error(err)
	}
	if _, err := b.Redrive(context.Background(), "/", "d", RedriveOptions{}); !errors.Is(err, ErrQueueNotFound) {
		t.Error(err)
	}
}
