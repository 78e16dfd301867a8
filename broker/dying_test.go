package broker

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// buried waits until the undertaker has nothing to do, and the pager neither.
func buried(b *Broker) {
	b.vhosts.undertaker.await()
	quiesce(b)
	b.vhosts.undertaker.await()
}

// deadInMemory is what a queue has in memory of its dead, and how many those are.
func (q *queue) deadInMemory() (bytes, dead int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dying.loaded + q.dying.later, q.dying.count
}

// QQ-19: what expires and has nowhere to go stays on disk, however much it is;
// what lives is delivered, and what waits goes on when there is a queue.
func TestWhatNobodyTakesWaitsOnDisk(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.insisting("q", 1<<30)
	n := fewer(40_000, 24_000)
	p.do(1, &amqp.ConfirmSelect{})
	p.fill("q", 2, 0, n, kib)
	q := queueOf(k.Broker, "q")
	q.expireAll()
	p.send("q", amqp.BasicProperties{}, "lives")
	buried(k.Broker)
	if bytes, dead := q.deadInMemory(); bytes > graveSize+lateSize || dead != n {
		t.Errorf("%d bytes of %d dead are in memory", bytes, dead)
	}
	if g := p.getAll("q"); g == nil || g.body != "lives" {
		t.Fatalf("got %+v behind what has expired", g)
	}
	p.declareWith("d")
	q.tryAgain()
	k.vhosts.undertaker.await()
	wantReady(t, k.Broker, "d", n)
	if bytes, dead := q.deadInMemory(); bytes+dead+q.dying.bytes+q.dying.bodies > 0 {
		t.Errorf("%d bytes of %d dead are in memory in the end: %+v", bytes, dead, &q.dying)
	}
	for i := range 3 * burialLen {
		if body, _, _ := p.get("d"); checkBody(t, []byte(body)) != i {
			t.Fatalf("the letter is of message %d, want %d", checkBody(t, []byte(body)), i)
		}
	}
}

// expireAll has all expire that is ready.
func (q *queue) expireAll() {
	q.enter()
	defer q.leave()
	q.ready.heads(func(b *block) {
		for ; b != nil; b = b.next {
			for i := b.from; i < b.to; i++ {
				b.items[i].Expires = 1
			}
		}
	})
	q.dispatch()
}

// The same for what expires before it is stored, which is in memory then.
func TestWhatNobodyTakesLeavesMemory(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.insisting("q", 1<<30)
	body := strings.Repeat("x", 64*kib)
	const n = 1000
	for range n / 100 {
		for range 100 {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{DeliveryMode: 2, Expiration: "0"}, []byte(body), 131072))
		}
		p.sync()
		buried(k.Broker)
	}
	if bytes, dead := queueOf(k.Broker, "q").deadInMemory(); bytes > graveSize+lateSize+100*len(body) || dead != n {
		t.Errorf("%d bytes of %d dead are in memory", bytes, dead)
	}
	p.do(1, &amqp.QueueDelete{Queue: "q"})
	if p := k.vhosts.get("/").pager; p.loaded.Load() != 0 {
		t.Errorf("%d bytes are in memory when the queue has gone", p.loaded.Load())
	}
}

// What a page file has of the dead is there until they are handed on, and then
// given back.
func TestWhatIsPagedOutDiesThere(t *testing.T) {
	for name, arguments := range map[string][]any{
		"letters":    {"x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d"},
		"no letters": nil,
	} {
		t.Run(name, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			p.declareWith("q", arguments...)
			p.declareDurable(b, "d")
			const n = 3000
			p.fill("q", 1, 0, n, kib)
			quiesce(b)
			q := queueOf(b, "q")
			if q.loaded() > n*kib/2 {
				t.Fatalf("%d bytes are in memory", q.loaded())
			}
			q.expireAll()
			buried(b)
			if arguments != nil {
				wantReady(t, b, "d", n)
				p.consume(1, "d", "k", false)
				p.takeInOrder(0, n)
			}
			wantReady(t, b, "q", 0)
			quiesce(b)
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "d")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// A letter of one queue that insists does not make others insist, nor the other
// way round: the settings of a queue may change between two deaths (QQ-19).
func TestEachLetterInsistsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.insisting("q", 10)
		p.declareWith("d", "x-max-length", int32(0), "x-overflow", "reject-publish-dlx", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "e")
		p.declareWith("e")
		p.send("q", amqp.BasicProperties{}, "insists", "does not", "insists too")
		release := b.vhosts.undertaker.hold()
		q := queueOf(b, "q")
		insists, once := q.settings, *q.settings
		letter := *insists.deadLetter
		letter.insists = false
		once.deadLetter = &letter
		for i, s := range []*settings{insists, &once, insists} {
			q.become(s)
			if g := p.getAll("q"); g == nil {
				t.Fatal("there is no message", i)
			} else {
				p.reject(g)
			}
		}
		release()
		p.wantInTurn(b, "e", "does not")
		if n := q.dying.late.len(); n != 2 {
			t.Errorf("%d letters are late, want 2", n)
		}
		p.Quit()
	})
}

// QQ-21: bodies count, and those alone.
func TestTheBodiesOfTheDeadCount(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-queue-type", "quorum", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d",
		"x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once", "x-max-length-bytes", int32(10))
	long := amqp.BasicProperties{MessageID: strings.Repeat("x", 200)}
	p.send("q", long, "12345")
	p.reject(p.getAll("q"))
	b.vhosts.undertaker.await()
	p.send("q", long, "67890", "too much")
	wantReady(t, b, "q", 1)
}

// A queue that is deleted has all of its dead handed on before, in pieces.
func TestAQueueWithManyDeadIsDeleted(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("d")
	p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
	const n = 10*burialLen + 7
	p.fill("q", 2, 0, n, kib)
	release := k.vhosts.undertaker.hold()
	queueOf(k.Broker, "q").expireAll()
	p.do(1, &amqp.QueueDelete{Queue: "q"})
	wantReady(t, k.Broker, "d", n)
	release()
	k.crash()
	wantReady(t, k.Broker, "d", n)
	if queueOf(k.Broker, "q") != nil {
		t.Error("the queue is back")
	}
	p = connect(t, k.Broker, 1)
	p.consume(1, "d", "k", false)
	p.takeInOrder(0, n)
}

// A deletion stops between two batches when its condition does not hold any more,
// as when the broker ends.
func TestADeletionStopsBetweenTwoBatches(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("d")
	p.declareWith("q", "x-expires", int32(60_000), "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
	p.fill("q", 2, 0, 3*burialLen, 8)
	release := k.vhosts.undertaker.hold()
	q := queueOf(k.Broker, "q")
	q.expireAll()
	looks := 0
	_, err := k.vhosts.get("/").deleteQueue(q, func(*queue) error {
		if looks++; looks > 1 {
			return errKept
		}
		return nil
	})
	if !errors.Is(err, errKept) {
		t.Error(err)
	}
	wantReady(t, k.Broker, "d", burialLen)
	q.sleep()
	q.retire() // its timer had fired already
	wantReady(t, k.Broker, "d", burialLen)
	release()
	wantReady(t, k.Broker, "d", 3*burialLen)
}

// CTL-08: who moves messages while their vhost is deleted finds nothing to count.
func TestAVhostIsDeletedWhileItsDeadAreMoved(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("d")
	p.insisting("q", 10)
	p.send("q", amqp.BasicProperties{}, numbered(0, 2)...)
	defer k.vhosts.undertaker.hold()()
	p.reject(p.getAll("q"))
	q, pages := queueOf(k.Broker, "q"), k.vhosts.pager
	q.mu.Lock()
	batch := q.dying.take(nil)
	q.mu.Unlock()
	if err := k.DeleteVhost("/"); err != nil || len(batch) != 1 {
		t.Fatal(err, len(batch))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buried(batch, []int{0})
	if d := &q.dying; d.count != 0 || d.bytes != 0 || d.late.len() != 0 || d.timed {
		t.Errorf("%d are dying, %d of them late", d.count, d.late.len())
	}
	if n := pages.loaded.Load(); n != 0 {
		t.Errorf("%d bytes are in memory", n)
	}
}

// A deletion that is refused leaves what is dying to the undertaker.
func TestAQueueThatIsKeptHasItsDeadHandedOn(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d")
		p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
		p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 3)...)
		release := b.vhosts.undertaker.hold()
		p.reject(p.getAll("q"))
		_, err := b.vhosts.get("/").deleteQueue(queueOf(b, "q"), func(*queue) error { return errKept })
		if !errors.Is(err, errKept) {
			t.Error(err)
		}
		wantReady(t, b, "d", 0)
		release()
		p.reject(p.getAll("q"))
		p.wantInTurn(b, "d", "0", "1")
		wantReady(t, b, "q", 1)
	})
}

// QQ-10: what has failed too often is not delivered again after a crash that came
// before it was handed on.
func TestWhatHasFailedTooOftenDiesAfterACrash(t *testing.T) {
	for name, arguments := range map[string][]any{
		"letters":    {"x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d"},
		"no letters": nil,
	} {
		t.Run(name, func(t *testing.T) {
			k := keep(t)
			p := connect(t, k.Broker, 1)
			p.declareWith("d")
			p.declareWith("q", append(arguments, "x-delivery-limit", int32(1))...)
			p.send("q", amqp.BasicProperties{DeliveryMode: 2}, "fails", "waits")
			release := k.vhosts.undertaker.hold()
			for range 2 {
				p.getAll("q")
				p.do(1, &amqp.BasicRecover{Requeue: true})
			}
			p.declareWith("another") // all that was before it is durable
			old := k.Broker
			defer func() { release(); (&kept{t: t, Broker: old}).stop() }()
			crashed := &kept{t: t, options: k.options, Broker: old}
			crashed.options.DataDir = copyOf(t, k.options.DataDir)
			crashed.open()
			defer crashed.stop()
			p = connect(t, crashed.Broker, 1)
			if arguments == nil {
				p.wantInTurn(crashed.Broker, "q", "waits")
				return
			}
			p.wantInTurn(crashed.Broker, "d", "fails")
			p.wantInTurn(crashed.Broker, "q", "waits")
		})
	}
}

// A purge leaves alone what is dying between the messages that it removes.
func TestAPurgeAfterACrashLeavesTheDeadAlone(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("q", "x-queue-type", "quorum", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d",
		"x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once", "x-delivery-limit", int32(1))
	p.send("q", amqp.BasicProperties{}, numbered(0, 3)...)
	for range 3 {
		p.getAll("q")
	}
	p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 2, Requeue: true})
	p.getAll("q")
	p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 4, Requeue: true})
	p.declareWith("another") // all that was before it is durable
	k.crash()
	p = connect(t, k.Broker, 1)
	k.vhosts.undertaker.await()
	wantReady(t, k.Broker, "q", 2)
	p.do(1, &amqp.QueuePurge{Queue: "q"})
	p.declareWith("d")
	k.crash()
	p = connect(t, k.Broker, 1)
	p.wantInTurn(k.Broker, "d", "1")
	p.wantInTurn(k.Broker, "q")
}
