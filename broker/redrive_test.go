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

func TestRedriveOfWhatIsNotThere(t *testing.T) {
	b := New(Options{})
	if _, err := b.Redrive(context.Background(), "v", "d", RedriveOptions{}); !errors.Is(err, ErrVhostNotFound) {
		t.Error(err)
	}
	if _, err := b.Redrive(context.Background(), "/", "d", RedriveOptions{}); !errors.Is(err, ErrQueueNotFound) {
		t.Error(err)
	}
}
