package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// await returns when there are no dead that are known.
func (u *undertaker) await() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.busy {
		u.idle.Wait()
	}
}

// hold keeps the undertaker from its work until the test calls what it returns,
// which does it.
func (u *undertaker) hold() (release func()) {
	u.await()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = true
	return u.run
}

// anyStore runs a test with a broker that keeps everything in memory, and with
// one that has a store.
func anyStore(t *testing.T, f func(t *testing.T, b *Broker, p *peer)) {
	t.Run("memory", func(t *testing.T) {
		b := New(Options{})
		f(t, b, connect(t, b, 2))
	})
	t.Run("disk", func(t *testing.T) {
		b, _ := durably(t)
		f(t, b, connect(t, b, 2))
	})
}

// declareWith declares a durable queue with arguments, keys and values in turn.
func (p *peer) declareWith(name string, arguments ...any) {
	p.t.Helper()
	var t amqp.Table
	for i := 0; i < len(arguments); i += 2 {
		t = append(t, amqp.Field{Key: arguments[i].(string), Value: arguments[i+1]})
	}
	p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true, Arguments: t})
}

// send publishes to a queue by the default exchange.
func (p *peer) send(queue string, properties amqp.BasicProperties, bodies ...string) {
	p.t.Helper()
	for _, body := range bodies {
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: queue}, properties, []byte(body), 131072))
	}
	p.sync()
}

// gotten is a message that was got.
type gotten struct {
	*amqp.BasicGetOk
	amqp.BasicProperties
	body string
}

// getAll gets a message with all that it has; nil if there is none.
func (p *peer) getAll(queue string) *gotten {
	p.t.Helper()
	ok, is := p.call(1, &amqp.BasicGet{Queue: queue}).(*amqp.BasicGetOk)
	if !is {
		return nil
	}
	f := p.Next()
	properties, err := amqp.Properties(f.Payload[12:]).Decode()
	if err != nil {
		p.t.Fatal(err)
	}
	g := &gotten{BasicGetOk: ok, BasicProperties: properties}
	for size := binary.BigEndian.Uint64(f.Payload[4:]); uint64(len(g.body)) < size; {
		g.body += string(p.Next().Payload)
	}
	return g
}

// deaths are the entries of x-death as "queue reason count".
func (g *gotten) deaths() (all []string) {
	v, _ := g.Headers.Get("x-death")
	array, _ := v.(amqp.Array)
	for _, v := range array {
		d := v.(amqp.Table)
		count, _ := d.Get("count")
		all = append(all, fmt.Sprint(field(d, "queue"), " ", field(d, "reason"), " ", count))
	}
	return all
}

// reject rejects what was got last.
func (p *peer) reject(g *gotten) {
	p.t.Helper()
	p.SendMethods(1, &amqp.BasicReject{DeliveryTag: g.DeliveryTag})
	p.sync()
}

// wantInTurn gets and acknowledges all messages of a queue.
func (p *peer) wantInTurn(b *Broker, queue string, want ...string) {
	p.t.Helper()
	// An answer may come before all that follows from its method has begun (ACK-14).
	p.sync()
	b.vhosts.undertaker.await()
	var got []string
	for body, _, tag := p.get(queue); tag != 0; body, _, tag = p.get(queue) {
		got = append(got, body)
		p.SendMethods(1, &amqp.BasicAck{DeliveryTag: tag})
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s has %.200q, want %.200q", queue, got, want)
	}
}

// DLX-01, DLX-02, DLX-03, DLX-16
func TestARejectedMessageBecomesALetter(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d")
		p.do(1, &amqp.QueueBind{Queue: "d", Exchange: "amq.direct", RoutingKey: "other"})
		p.declareWith("own key", "x-dead-letter-exchange", "amq.fanout")
		p.declareWith("other key", "x-dead-letter-exchange", "amq.direct", "x-dead-letter-routing-key", "other")
		p.do(1, &amqp.QueueBind{Queue: "d", Exchange: "amq.fanout"})
		for mode := range uint8(3) {
			for _, queue := range []string{"own key", "other key"} {
				p.send(queue, amqp.BasicProperties{DeliveryMode: mode, ContentType: "c"}, "body")
				p.getAll(queue)
				g := p.getAll(queue)
				if g != nil {
					t.Fatal("there are two")
				}
				p.do(1, &amqp.BasicRecover{Requeue: true})
				p.reject(p.getAll(queue))
				b.vhosts.undertaker.await()
				g = p.getAll("d")
				if g == nil {
					t.Fatal("there is no letter")
				}
				p.SendMethods(1, &amqp.BasicAck{DeliveryTag: g.DeliveryTag})
				exchange, key := "amq.fanout", queue
				if queue == "other key" {
					exchange, key = "amq.direct", "other"
				}
				if g.Exchange != exchange || g.RoutingKey != key || g.Redelivered || g.DeliveryMode != mode ||
					g.ContentType != "c" || g.body != "body" || !slices.Equal(g.deaths(), []string{queue + " rejected 1"}) {
					t.Errorf("from %s in mode %d: %+v %+v", queue, mode, g, g.BasicGetOk)
				}
			}
		}
	})
}

// DLX-22, DLX-24, DUR-04: in the order of the deaths, and durable as before.
func TestLettersKeepTheirOrder(t *testing.T) {
	const n = 3*burialLen + 7
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("d")
	p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
	p.keep(1, "", "q", numbered(0, n)...)
	for range n {
		p.get("q")
	}
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 5}, &amqp.BasicNack{DeliveryTag: 2, Multiple: true}, &amqp.BasicNack{Multiple: true})
	p.sync()
	k.vhosts.undertaker.await()
	p.Quit()
	k.restart()
	p = connect(t, k.Broker, 1)
	want := slices.Concat([]string{"4", "0", "1", "2", "3"}, numbered(5, n-5))
	wantReady(t, k.Broker, "q", 0)
	p.wantInTurn(k.Broker, "d", want...)
}

// DLX-04, DLX-06
func TestALetterThatLeadsNowhereIsGone(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("alternate")
		p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "direct", Arguments: amqp.Table{{Key: "alternate-exchange", Value: "amq.fanout"}}})
		p.do(1, &amqp.QueueBind{Queue: "alternate", Exchange: "amq.fanout"})
		for i, x := range []string{"no exchange", "amq.topic", "x", "amq.rabbitmq.trace"} {
			q := fmt.Sprint(i)
			p.declareWith(q, "x-dead-letter-exchange", x)
			p.send(q, amqp.BasicProperties{DeliveryMode: 2}, q)
			p.reject(p.getAll(q))
		}
		p.wantInTurn(b, "alternate", "2")
	})
}

// DLX-05: also after a restart, which finds the message in its queue.
func TestLettersGoByKeysThatConsumersNeverSee(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 2)
		for _, q := range []string{"dead", "cc", "bcc"} {
			p.declareWith(q)
			p.do(1, &amqp.QueueBind{Queue: q, Exchange: "amq.direct", RoutingKey: q})
		}
		p.declareWith("q", "x-dead-letter-exchange", "amq.direct")
		p.do(1, &amqp.ConfirmSelect{})
		p.send("q", amqp.BasicProperties{DeliveryMode: 2, Headers: amqp.Table{
			{Key: "CC", Value: array("cc")}, {Key: "BCC", Value: array("bcc")},
		}}, "body")
		p.do(1, &amqp.QueuePurge{Queue: "cc"})
		p.do(1, &amqp.QueuePurge{Queue: "bcc"})
		again()

		p = connect(t, k.Broker, 1)
		p.reject(p.getAll("q"))
		k.vhosts.undertaker.await()
		for _, q := range []string{"cc", "bcc"} {
			g := p.getAll(q)
			if g == nil {
				t.Fatalf("there is no letter in %s", q)
			}
			_, seen := g.Headers.Get("BCC")
			v, _ := g.Headers.Get("x-death")
			keys, _ := v.(amqp.Array)[0].(amqp.Table).Get("routing-keys")
			if seen || g.RoutingKey != "q" || !slices.Equal(keys.(amqp.Array), array("q", "cc")) {
				t.Errorf("%s has %+v %+v", q, g, g.BasicGetOk)
			}
		}
	})
}

// DLX-18, DLX-20, DLX-09
func TestWhatClientsRejectMayGoRoundForEver(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("self", "x-dead-letter-exchange", "")
		p.declareWith("a", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "b")
		p.declareWith("b", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "a")
		p.send("self", amqp.BasicProperties{}, "m")
		p.send("a", amqp.BasicProperties{}, "m")
		for i := range 5 {
			for _, queue := range []string{"self", "a", "b"} {
				b.vhosts.undertaker.await()
				g := p.getAll(queue)
				want := map[string][]string{
					"self": {fmt.Sprint("self rejected ", i)}, "a": {fmt.Sprint("b rejected ", i), fmt.Sprint("a rejected ", i)},
					"b": {fmt.Sprint("a rejected ", i+1), fmt.Sprint("b rejected ", i)},
				}[queue]
				want = slices.DeleteFunc(want, func(s string) bool { return strings.HasSuffix(s, " 0") })
				if g == nil || !slices.Equal(g.deaths(), want) {
					t.Fatalf("round %d: %s has %+v, want %q", i, queue, g, want)
				}
				p.reject(g)
			}
		}
	})
}

// QQ-10, LAV-13, DLX-17: the count of redeliveries, also over a restart; and not
// back to where the message has failed.
func TestAMessageDiesThatFailsTooOften(t *testing.T) {
	for _, kind := range []string{"classic", "quorum"} {
		t.Run(kind, func(t *testing.T) {
			afterwards(t, func(t *testing.T, k *kept, again func()) {
				p := connect(t, k.Broker, 1)
				p.do(1, &amqp.ConfirmSelect{})
				p.declareWith("d")
				p.do(1, &amqp.QueueBind{Queue: "d", Exchange: "amq.fanout"})
				p.declareWith("q", "x-queue-type", kind, "x-delivery-limit", int32(2), "x-dead-letter-exchange", "amq.fanout")
				p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.fanout"})
				p.declareWith("no letter", "x-queue-type", kind, "x-delivery-limit", int32(0))
				p.keep(1, "", "q", "m")
				p.keep(1, "", "no letter", "n")
				fail := func() {
					if g := p.getAll("q"); g == nil {
						t.Fatal("it died too early")
					}
					p.do(1, &amqp.BasicRecover{Requeue: true})
				}
				fail()
				fail()
				p.declareWith("another") // all that was before it is durable
				again()
				p = connect(t, k.Broker, 1)
				fail()
				k.vhosts.undertaker.await()
				if g := p.getAll("d"); g == nil || !slices.Equal(g.deaths(), []string{"q delivery_limit 1"}) {
					t.Errorf("the letter is %+v", g)
				}
				p.getAll("no letter")
				p.do(1, &amqp.BasicRecover{Requeue: true})
				p.sync()
				wantReady(t, k.Broker, "q", 0)
				wantReady(t, k.Broker, "no letter", 0)
			})
		})
	}
}

// A commit has rejected messages die, a rollback does not (TX-08, TX-10).
func TestRejectsOfATransactionTakeEffectWithIt(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d")
		p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
		p.declareWith("plain")
		p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 4)...)
		p.send("plain", amqp.BasicProperties{DeliveryMode: 2}, "dropped")
		p.do(1, &amqp.TxSelect{})
		for range 4 {
			p.get("q")
		}
		p.get("plain")
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 1})
		p.rollback()
		b.vhosts.undertaker.await()
		wantReady(t, b, "d", 0)
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 5}, &amqp.BasicReject{DeliveryTag: 2}, &amqp.BasicNack{DeliveryTag: 1},
			&amqp.BasicReject{DeliveryTag: 3, Requeue: true})
		p.sync()
		wantReady(t, b, "d", 0)
		p.commit()
		p.wantInTurn(b, "d", "0", "1") // in the order of their tags
		wantReady(t, b, "q", 1)
		wantReady(t, b, "plain", 0)
	})
}

// A crash while a message is dying leaves it where it was, once; and one after
// that where it went.
func TestACrashNeitherLosesNorDoublesALetter(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.ConfirmSelect{})
	p.declareWith("d")
	p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
	p.keep(1, "", "q", "a", "b")
	release := k.vhosts.undertaker.hold()
	p.reject(p.getAll("q"))
	p.do(1, &amqp.QueueDeclare{Queue: "e", Durable: true}) // what was before it is durable
	wantReady(t, k.Broker, "q", 1)
	wantReady(t, k.Broker, "d", 0)

	old := k.Broker
	defer func() { release(); k.stop() }()
	crashed := &kept{t: t, options: k.options}
	crashed.Broker = old
	dir := copyOf(t, k.options.DataDir)
	crashed.options.DataDir = dir
	crashed.open()
	defer crashed.stop()
	wantReady(t, crashed.Broker, "q", 2)
	wantReady(t, crashed.Broker, "d", 0)
	p = connect(t, crashed.Broker, 1)
	p.reject(p.getAll("q"))
	crashed.vhosts.undertaker.await()
	p.declareWith("another") // all that was before it is durable
	crashed.crash()
	wantReady(t, crashed.Broker, "q", 1)
	wantReady(t, crashed.Broker, "d", 1)
}

// What dies in a queue that is deleted, or purged, is handed on all the same.
func TestLettersOfAQueueThatIsDeleted(t *testing.T) {
	anyStore(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("d")
		p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d")
		p.send("q", amqp.BasicProperties{DeliveryMode: 2}, numbered(0, 4)...)
		release := b.vhosts.undertaker.hold()
		for range 2 {
			p.reject(p.getAll("q"))
		}
		if n := p.do(1, &amqp.QueuePurge{Queue: "q"}).(*amqp.QueuePurgeOk).MessageCount; n != 2 {
			t.Errorf("%d messages are purged", n)
		}
		p.do(1, &amqp.QueueDelete{Queue: "q"})
		release()
		p.wantInTurn(b, "d", "0", "1")
	})
}

// QDEC-20: an auto-delete queue that its last consumer leaves goes with what that
// one had, and nothing of it dies because it comes back.
func TestNothingDiesThatComesBackToAQueueThatGoes(t *testing.T) {
	for what, limit := range map[string]amqp.Field{
		"it has expired":   {Key: "x-message-ttl", Value: int32(0)},
		"too many":         {Key: "x-max-length", Value: int32(0)},
		"failed too often": {Key: "x-delivery-limit", Value: int32(0)},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, 2)
				p.declareWith("d")
				p.do(1, &amqp.QueueDeclare{Queue: "q", AutoDelete: true, Arguments: amqp.Table{
					{Key: "x-dead-letter-exchange", Value: ""}, {Key: "x-dead-letter-routing-key", Value: "d"}, limit,
				}})
				p.consume(2, "q", "k", false)
				p.send("q", amqp.BasicProperties{}, "m")
				p.await(1)
				synctest.Wait() // until nobody looks after the queue because of its delivery
				p.do(2, &amqp.ChannelClose{})
				b.vhosts.undertaker.await()
				wantReady(t, b, "d", 0)
				if p.hasQueue("q") {
					t.Error("the queue is still there")
				}
				p.Quit()
			})
		})
	}
}

// QDEC-20: neither does it while the queue hands on what died before, though letters
// come to it meanwhile.
func TestNothingDiesThatComesBackWhileTheQueueIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 2)
		p.declareWith("d")
		p.do(1, &amqp.QueueDeclare{Queue: "q", AutoDelete: true, Arguments: amqp.Table{{Key: "x-dead-letter-exchange", Value: "amq.fanout"}}})
		p.do(1, &amqp.QueueBind{Queue: "d", Exchange: "amq.fanout"})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.fanout"})
		const dead = burialLen + 1 // too many to be handed on together with the deletion
		release := b.vhosts.undertaker.hold()
		p.send("q", amqp.BasicProperties{}, numbered(0, dead)...)
		for range dead {
			p.reject(p.getAll("q"))
		}
		p.do(2, &amqp.BasicQos{PrefetchCount: 1})
		p.consume(2, "q", "k", false)
		p.send("q", amqp.BasicProperties{Expiration: "100"}, "m")
		p.await(1)
		lapse(200 * ms)
		p.do(2, &amqp.ChannelClose{})
		release()
		p.wantInTurn(b, "d", numbered(0, dead)...)
		if p.hasQueue("q") {
			t.Error("the queue is still there")
		}
		p.Quit()
	})
}

// What waits for the undertaker holds up those who publish more of it.
func TestPublishersWaitForLetters(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-dead-letter-exchange", "nowhere")
	q := queueOf(b, "q")
	pressed := func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.pressedLocked()
	}
	p.send("q", amqp.BasicProperties{}, slices.Repeat([]string{body}, pressHigh/len(body)+1)...)
	release := b.vhosts.undertaker.hold()
	if pressed() {
		t.Error("publishers wait though nothing dies")
	}
	for g := p.getAll("q"); g != nil; g = p.getAll("q") {
		p.reject(g)
	}
	if !pressed() {
		t.Error("publishers do not wait")
	}
	release()
	if pressed() {
		t.Error("publishers wait still")
	}
}

// What has died is handed on before the broker ends, with what dies by that. If
// there is no time for it, it dies again after the restart.
func TestABrokerThatEndsHandsOnWhatIsDying(t *testing.T) {
	for name, timely := range map[string]bool{"time": true, "no time": false} {
		t.Run(name, func(t *testing.T) {
			k := keep(t)
			p := connect(t, k.Broker, 1)
			p.declareWith("e")
			p.declareWith("d", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "e", "x-message-ttl", int32(0))
			p.declareWith("q", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "d", "x-max-length", int32(1))
			u := k.vhosts.undertaker
			release := u.hold()
			const n = 70 * burialLen
			p.fill("q", 2, 0, 1+n, 8)
			p.Quit()
			ctx, cancel := context.WithCancel(t.Context())
			if !timely {
				cancel()
			}
			u.mu.Lock()
			u.until = ctx
			u.mu.Unlock()
			release()
			want := map[bool]int{true: n}[timely]
			wantReady(t, k.Broker, "e", want)
			cancel()
			k.restart()
			u = k.vhosts.undertaker
			u.await()
			wantReady(t, k.Broker, "q", 1)
			wantReady(t, k.Broker, "e", n)
		})
	}
}
