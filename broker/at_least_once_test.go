package broker

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// insisting declares a quorum queue whose letters go to a queue d, at least once.
func (p *peer) insisting(name string, limit int) {
	p.t.Helper()
	p.declareWith(name, "x-queue-type", "quorum", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d",
		"x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once", "x-max-length", int32(limit))
}

// QQ-19, QQ-21: a letter that leads nowhere, or to a full queue, is sent again
// until a queue takes it, and counts as a message until then.
func TestLettersThatInsistWaitForAQueue(t *testing.T) {
	for name, full := range map[string]bool{"no queue": false, "full": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, 1)
				p.insisting("q", 4)
				if full {
					p.declareWith("d", "x-max-length", int32(1), "x-overflow", "reject-publish")
					p.send("d", amqp.BasicProperties{}, "in the way")
				}
				p.send("q", amqp.BasicProperties{}, numbered(0, 3)...)
				for range 3 {
					p.reject(p.getAll("q"))
				}
				after(lateness + time.Millisecond)
				p.send("q", amqp.BasicProperties{}, "fits", "too many")
				wantReady(t, b, "q", 1)
				if full {
					p.do(1, &amqp.QueuePurge{Queue: "d"})
				} else {
					p.declareWith("d")
				}
				after(lateness + time.Millisecond)
				p.send("q", amqp.BasicProperties{}, "fits again")
				wantReady(t, b, "q", 2)
				if full { // with one that is taken the queue is full again
					p.wantInTurn(b, "d", "0")
					after(lateness + time.Millisecond)
					p.wantInTurn(b, "d", "1")
					after(lateness + time.Millisecond)
					p.wantInTurn(b, "d", "2")
				} else {
					p.wantInTurn(b, "d", "0", "1", "2")
				}
				after(lateness + time.Millisecond)
				p.wantInTurn(b, "d")
				p.Quit()
			})
		})
	}
}

// QQ-19, DLX-17: nobody insists on a letter that goes round by itself, and
// nothing is left of one whose queue has gone.
func TestLettersThatInsistInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.declareWith("d", "x-queue-type", "quorum", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d",
			"x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once", "x-delivery-limit", int32(0))
		p.insisting("q", 4)
		p.send("d", amqp.BasicProperties{}, "m")
		p.getAll("d")
		p.do(1, &amqp.BasicRecover{Requeue: true})
		p.sync() // it is answered before anything dies (ACK-14)
		p.wantInTurn(b, "d")
		q := queueOf(b, "d")
		if q.dying.count+q.dying.bytes > 0 {
			t.Errorf("%d bytes of %d letters wait", q.dying.bytes, q.dying.count)
		}
		p.do(1, &amqp.QueueDelete{Queue: "d"})
		p.send("q", amqp.BasicProperties{}, "m")
		p.reject(p.getAll("q"))
		b.vhosts.undertaker.await()
		p.do(1, &amqp.QueueDelete{Queue: "q"})
		p.declareWith("d")
		after(lateness + time.Millisecond)
		p.wantInTurn(b, "d")
		p.Quit()
	})
}

// QQ-19: as long as it waits it survives in its queue.
func TestALetterThatInsistsSurvives(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		p.insisting("q", 4)
		p.send("q", amqp.BasicProperties{}, numbered(0, 2)...)
		p.reject(p.getAll("q"))
		k.vhosts.undertaker.await()
		p.declareWith("another") // all that was before it is durable
		again()
		p = connect(t, k.Broker, 1)
		p.wantInTurn(k.Broker, "q", "0", "1")
	})
}

// DLX-01, LEN-06: a letter to a queue that is full is gone, unless it insists.
func TestALetterToAFullQueueIsGone(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d", "x-max-length", int32(1), "x-overflow", "reject-publish")
		p.declareWith("q", "x-delivery-limit", int32(0), "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
		p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 3)...)
		for range 3 {
			p.getAll("q")
		}
		p.do(1, &amqp.BasicRecover{Requeue: true})
		p.wantInTurn(b, "d", "0")
		wantReady(t, b, "q", 0)
	})
}

func TestRedriveToAFullQueueLeavesWhatItRefuses(t *testing.T) {
	for _, overflow := range []string{"reject-publish", "reject-publish-dlx"} {
		t.Run(overflow, func(t *testing.T) {
			anyStore(t, func(t *testing.T, b *Broker, p *peer) {
				redriveFrom(t, b, p, 0)
				p.declareWith("e", "x-max-length", int32(2), "x-overflow", overflow, "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
				p.send("d", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 5)...)
				x := ""
				b.mustRedrive(t, RedriveOptions{Exchange: &x, RoutingKey: "e"}, 2)
				p.wantInTurn(b, "e", "0", "1")
				p.wantInTurn(b, "d", "2", "3", "4")
				if q := queueOf(b, "d"); q.dying.count > 0 {
					t.Error(fmt.Sprint(q.dying.count, " are dying"))
				}
			})
		})
	}
}

// Nothing is tried again when the broker ends.
func TestLettersThatInsistRestWhenTheBrokerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.insisting("q", 4)
		p.send("q", amqp.BasicProperties{}, "m")
		p.reject(p.getAll("q"))
		b.vhosts.undertaker.await()
		p.Quit()
		if err := b.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		elapse(2 * lateness)
		if d := &queueOf(b, "q").dying; d.late.len() != 1 || d.dead.len() != 0 {
			t.Errorf("%d letters are late, %d are on their way", d.late.len(), d.dead.len())
		}
	})
}
