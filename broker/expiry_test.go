package broker

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// mortal publishes messages that live for so many milliseconds.
func (p *peer) mortal(queue string, lifetime int, bodies ...string) {
	p.t.Helper()
	for _, body := range bodies {
		properties := amqp.BasicProperties{Expiration: strconv.Itoa(lifetime), DeliveryMode: 2}
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: queue}, properties, []byte(body), 131072))
	}
	p.sync()
}

// messagesIn is how many messages a queue has, -1 if it is not there. It is no use of
// the queue.
func messagesIn(b *Broker, queue string) int {
	q := queueOf(b, queue)
	if q == nil {
		return -1
	}
	n, _ := q.counts()
	return n
}

func wantCount(t *testing.T, b *Broker, queue, when string, want int) {
	t.Helper()
	if got := messagesIn(b, queue); got != want {
		t.Errorf("%s: %d messages, want %d", when, got, want)
	}
}

const ms = time.Millisecond

// lapse lets time pass in a bubble, and all that is due by then happen.
func lapse(d time.Duration) {
	after(d)
	synctest.Wait()
}

// TTL-01: the lower of both counts, from when the message came.
func TestAMessageLivesAsLongAsItIsToldTo(t *testing.T) {
	tests := map[string]struct{ queue, message, want int }{
		"of the queue":                   {100, unset, 100},
		"of the message":                 {unset, 100, 100},
		"the queue has the lower":        {100, 500, 100},
		"the message has the lower":      {500, 100, 100},
		"nobody waits for it (TTL-03)":   {0, unset, 0},
		"not even for this one (TTL-03)": {500, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				if tt.queue != unset {
					p.declareWith("short", "x-message-ttl", int32(tt.queue))
				} else {
					p.declareWith("short")
				}
				if tt.message != unset {
					p.mortal("short", tt.message, "m")
				} else {
					p.publish("short", "m")
				}
				if tt.want > 0 {
					lapse(time.Duration(tt.want)*ms - 1)
					wantCount(t, b, "short", "just before", 1)
				}
				lapse(1)
				wantCount(t, b, "short", "at its deadline", 0)
			})
		})
	}
}

// TTL-02, TTL-11: behind one that lives, a message that has expired stays and
// counts. It goes when it is the first.
func TestOnlyTheFirstMessageExpires(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.publish("q", "lives")
		p.mortal("q", 10, "expires", "expires too")
		p.mortal("q", 1000, "expires later")
		lapse(20 * ms)
		wantCount(t, b, "q", "behind one that lives", 4)
		wantBodies(t, "got", p.drain("q"), "lives", "expires later")
	})
}

// A consumer that comes late gets none of those that have expired, wherever they
// are (TTL-02, TTL-09).
func TestWhatHasExpiredIsNotDealt(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		var want []string
		for i := range 5000 {
			body := strconv.Itoa(i)
			switch {
			case i%5 == 0 || i%700 < 100:
				want = append(want, body)
				p.Send(publishes(1, "q", body))
			default:
				p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{Expiration: "10"}, []byte(body), 131072))
			}
		}
		p.sync()
		lapse(20 * ms)
		wantCount(t, b, "q", "with a first one that lives", 5000)
		p.consume(1, "q", "k", false)
		wantBodies(t, "delivered", p.bodies(), want...)
		wantCount(t, b, "q", "after that", 0)
	})
}

// TTL-03: a message that may not wait is delivered to who waits for it.
func TestAMessageThatMayNotWaitIsDelivered(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("short", "x-message-ttl", int32(0))
		p.do(1, &amqp.BasicQos{PrefetchCount: 2})
		p.consume(1, "short", "k", false)
		p.publish("short", "1", "2", "3")
		wantBodies(t, "with room for two", p.bodies(), "1", "2")
		wantCount(t, b, "short", "with room for two", 0)
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 1, Requeue: true}) // TTL-05: it comes back too late
		wantBodies(t, "given back", p.bodies())
		wantCount(t, b, "short", "given back", 0)
	})
}

// TTL-05: nothing expires in the hands of a consumer, and what is given back has
// the deadline that it had.
func TestWhatIsGivenBackKeepsItsDeadline(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.mortal("q", 100, "1", "2", "3")
		for range 3 {
			p.get("q")
		}
		lapse(50 * ms)
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 2, Requeue: true})
		p.sync()
		lapse(49 * ms)
		wantCount(t, b, "q", "before the deadline", 1)
		lapse(1 * ms)
		wantCount(t, b, "q", "at the deadline", 0)
		lapse(100 * ms)
		p.SendMethods(1, &amqp.BasicReject{DeliveryTag: 1, Requeue: true})
		p.sync()
		wantCount(t, b, "q", "given back late", 0)
		p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 3})
		p.sync()
	})
}

// CONS-34
func TestWhatExpiresWhileAConsumerHasNoRoomIsNotDelivered(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.BasicQos{PrefetchCount: 1})
		p.consume(1, "q", "k", false)
		p.publish("q", "1")
		p.mortal("q", 100, "2")
		lapse(100 * ms)
		wantCount(t, b, "q", "at the deadline", 0)
		p.publish("q", "3")
		p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
		wantBodies(t, "delivered", p.bodies(), "1", "3")
	})
}

// However many messages are to expire, a queue has one timer, and one that has
// none of those has no timer. It is not armed again for each of them.
func TestAQueueHasOneTimer(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.publish("q", "lives")
		p.mortal("q", 10, "shielded")
		q := queueOf(b, "q")
		due := func() int64 {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.expiry.due
		}
		if due() != 0 {
			t.Error("the timer of a queue whose first message lives is armed")
		}
		p.drain("q")
		for i := range 50 {
			p.mortal("q", 1000-i, strconv.Itoa(i))
			lapse(ms)
		}
		first := due()
		p.consume(1, "q", "k", false)
		if n := len(p.take()); n != 50 || due() != first {
			t.Errorf("%d messages, the timer is armed for %d, before for %d", n, due(), first)
		}
		lapse(2 * time.Second)
		if due() != 0 {
			t.Error("the timer of an empty queue is armed")
		}
	})
}

// A million messages that expire at once let others have the queue meanwhile.
func TestManyMessagesExpireAtOnce(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		const n = 20_000
		var all []byte
		for i := range n {
			all = append(all, amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{Expiration: "1000"}, []byte(strconv.Itoa(i)), 131072)...)
		}
		p.Send(all)
		p.sync()
		wantCount(t, b, "q", "before", n)
		lapse(time.Second)
		p.sync()
		wantCount(t, b, "q", "after", 0)
	})
}

// TTL-08: deadlines go on over a restart; what expired meanwhile is gone, and
// what lives shields what has expired.
func TestDeadlinesSurviveARestart(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	for _, q := range []string{"short", "shielded", "long"} {
		p.do(1, &amqp.QueueDeclare{Queue: q, Durable: true})
	}
	p.do(1, &amqp.BasicQos{PrefetchCount: 1})
	p.consume(1, "short", "k", false)
	p.mortal("short", 1, "held") // it comes back with the restart
	p.keep(1, "", "shielded", "lives")
	p.mortal("shielded", 1, "expires")
	p.mortal("long", 60_000, "lives")
	p.sync()
	came := time.Now().UnixMilli()
	p.Quit()
	k.restart()
	wantCount(t, k.Broker, "short", "after the restart", 0)
	wantCount(t, k.Broker, "shielded", "after the restart", 2)
	wantCount(t, k.Broker, "long", "after the restart", 1)
	if due := queueOf(k.Broker, "long").expiry.due; due > came+60_000 || due < came+30_000 {
		t.Errorf("the timer is armed for %d, the message came at %d", due, came)
	}
	wantBodies(t, "shielded", all(t, k.Broker, "shielded"), "lives")
}

// What is on disk expires as well, without being read.
func TestMessagesExpireOnDisk(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			q := p.declareDurable(b, "q")
			const n = 5000
			s := *q.settings
			s.ttl = 3_600_000
			q.become(&s)
			p.fill("q", mode, 0, n, kib)
			quiesce(b)
			if q.loaded() > n*kib/2 {
				t.Fatalf("%d bytes are in memory", q.loaded())
			}
			q.passTime(time.Hour)
			wantCount(t, b, "q", "after an hour", 0)
			p.fill("q", mode, n, n+10, kib)
			for i := range 10 {
				if body, _, _ := p.get("q"); checkBody(t, []byte(body)) != n+i {
					t.Fatalf("got another message than %d", n+i)
				}
			}
			quiesce(b)
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			p.SendMethods(1, &amqp.BasicAck{Multiple: true})
			p.sync()
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// become gives a queue other settings, as policies do.
func (q *queue) become(s *settings) {
	q.enter()
	defer q.leave()
	q.settings = s
	q.used()
	q.dispatch()
}

// passTime has so much time pass for the messages of a queue.
func (q *queue) passTime(d time.Duration) {
	q.enter()
	defer q.leave()
	for b := q.ready.head; b != nil; b = b.next {
		for i := b.from; i < b.to; i++ {
			b.items[i].Expires -= d.Milliseconds()
		}
	}
	q.dispatch()
}

// With a dead-letter exchange, what expires on disk, or is too much, is read
// before it dies: letters come in the order of their messages.
func TestMessagesOnDiskAreReadBeforeTheyDie(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	q := p.declareDurable(b, "q")
	p.declareDurable(b, "letters")
	s := *q.settings
	s.ttl, s.deadLetter = 3_600_000, &deadLettering{keyed: true, key: "letters"}
	q.become(&s)
	const n = 3000
	die := func(from int, how func(), left int) {
		p.fill("q", 2, from, from+n, kib)
		quiesce(b)
		if q.loaded() > n*kib/2 {
			t.Fatalf("%d bytes are in memory", q.loaded())
		}
		how()
		for turns := 0; messagesIn(b, "q") != left; turns++ {
			if turns == n {
				t.Fatalf("%d messages are left, want %d", messagesIn(b, "q"), left)
			}
			quiesce(b)
			b.vhosts.undertaker.await()
		}
		b.vhosts.undertaker.await()
	}
	die(0, func() { q.passTime(time.Hour) }, 0)
	limited := s
	limited.maxLength = 10
	die(n, func() { q.become(&limited) }, 10)
	for i := range 2*n - 10 {
		if body, _, _ := p.get("letters"); checkBody(t, []byte(body)) != i {
			t.Fatalf("letter %d is of another message", i)
		}
	}
	for i := range 10 {
		if body, _, _ := p.get("q"); checkBody(t, []byte(body)) != 2*n-10+i {
			t.Fatalf("message %d of the last ten is another one", i)
		}
	}
}

// EXP-01 to EXP-04, EXP-08: queues go when they are not used for so long.
func TestQueuesExpire(t *testing.T) {
	lease := 1000 * ms
	tests := map[string]struct {
		use  func(p *peer) // at half its time
		want time.Duration // when it goes; 0: it stays
	}{
		"unused":          {func(*peer) {}, lease},
		"declared":        {func(p *peer) { p.declareWith("gone", "x-expires", int32(1000)) }, lease * 3 / 2},
		"declared to see": {func(p *peer) { p.do(1, &amqp.QueueDeclare{Queue: "gone", Passive: true}) }, lease * 3 / 2},
		"got from":        {func(p *peer) { p.do(1, &amqp.BasicGet{Queue: "gone"}) }, lease * 3 / 2}, // GET-06
		"consumed":        {func(p *peer) { p.consume(1, "gone", "k", true) }, 0},
		"consumed for a while": {func(p *peer) {
			p.consume(1, "gone", "k", true)
			lapse(2 * lease)
			p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
		}, lease * 7 / 2},
		"published to": {func(p *peer) { p.publish("gone", "m") }, lease},
		"purged":       {func(p *peer) { p.do(1, &amqp.QueuePurge{Queue: "gone"}) }, lease},
		"bound": {func(p *peer) {
			p.do(1, &amqp.QueueBind{Queue: "gone", Exchange: "amq.fanout"})
			p.do(1, &amqp.QueueUnbind{Queue: "gone", Exchange: "amq.fanout"})
		}, lease},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				begin := time.Now()
				p.declareWith("gone", "x-expires", int32(1000))
				lapse(lease / 2)
				tt.use(p)
				if tt.want == 0 {
					lapse(10 * lease)
					wantCount(t, b, "gone", "in use", 0)
					return
				}
				lapse(tt.want - time.Since(begin) - 1)
				if messagesIn(b, "gone") < 0 {
					t.Error("it goes too early")
				}
				lapse(1)
				wantCount(t, b, "gone", "not used for so long", -1)
			})
		})
	}
}

// EXP-03: what a consumer gives back when it goes is no other use than that.
func TestSettlingIsNoUse(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("gone", "x-expires", int32(1000))
		p.publish("gone", "1", "2")
		other := connect(t, b, 1)
		other.get("gone")
		other.get("gone")
		lapse(500 * ms)
		other.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
		other.Quit()
		p.sync()
		wantCount(t, b, "gone", "before", 1)
		lapse(500 * ms)
		wantCount(t, b, "gone", "after", -1)
	})
}

// EXP-06: a restart is like a use.
func TestTheTimeWithoutUseBeginsWithARestart(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-expires", int32(60_000))})
	p.Quit()
	began := time.Now()
	k.restart()
	q := queueOf(k.Broker, "q")
	if q == nil || q.idling.timer == nil || q.idling.since.Before(began) {
		t.Fatalf("the queue is %+v", q)
	}
	k.stop()
	q.retire() // its timer had fired already
	if q.deleted || !q.asleep {
		t.Error("a queue expires when the broker has ended")
	}
}

// Timers of queues that have gone, or of a broker that has, do nothing.
func TestLateTimersDoNothing(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.declareWith("gone", "x-expires", int32(1000), "x-message-ttl", int32(1000))
		p.publish("gone", "m")
		q := queueOf(b, "gone")
		p.do(1, &amqp.QueueDelete{Queue: "gone"})
		p.declareWith("gone", "x-expires", int32(5000))
		lapse(time.Second)
		q.wake()
		q.retire()
		wantCount(t, b, "gone", "another one of its name", 0)
	})
}

// What a queue does with messages that expire, and with those that are too many,
// is what a plain list does.
func TestLimitedQueuesAreListsThatAreCut(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		type waiting struct {
			body string
			due  time.Duration // 0: never
		}
		names := 0
		for seed := range fewer(300, 60) {
			draw := newDraw(seed)
			names++
			name := fmt.Sprint("q", names)
			length, bytes, ttl := draw(6), 4*draw(8), 20*draw(4)
			arguments := []any{"x-max-length", int32(length), "x-max-length-bytes", int32(bytes)}
			if ttl > 0 {
				arguments = append(arguments, "x-message-ttl", int32(ttl))
			}
			p.declareWith(name, arguments...)
			var list []waiting
			begin := time.Now()
			cut := func() {
				now := time.Since(begin)
				size := func() (n int) {
					for _, m := range list {
						n += len(m.body)
					}
					return n
				}
				for len(list) > 0 && (len(list) > length || size() > bytes || list[0].due != 0 && list[0].due <= now) {
					list = list[1:]
				}
			}
			for step := range 30 {
				switch draw(4) {
				case 0:
					lapse(time.Duration(draw(30)) * ms)
				case 1:
					got, _, _ := p.get(name)
					cut()
					want := ""
					if len(list) > 0 {
						want, list = list[0].body, list[1:]
					}
					if got != want {
						t.Fatalf("seed %d: got %q, want %q", seed, got, want)
					}
				default:
					m := waiting{body: fmt.Sprint(step, slices.Repeat([]byte{'x'}, draw(3)))}
					lifetime := 10 * draw(5)
					if lifetime == 0 {
						lifetime = 1 << 30
					}
					p.mortal(name, lifetime, m.body)
					if ttl > 0 {
						lifetime = min(ttl, lifetime)
					}
					m.due = time.Since(begin) + time.Duration(lifetime)*ms
					list = append(list, m)
				}
				cut()
				if n := messagesIn(b, name); n != len(list) {
					t.Fatalf("seed %d: %d messages, want %d: %v %v %v", seed, n, len(list), arguments, list, time.Since(begin))
				}
			}
		}
	})
}

// newDraw returns a source of small numbers below n, the same for each seed.
func newDraw(seed int) func(n int) int {
	state := uint64(seed)*2862933555777941757 + 3037000493
	return func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int(state>>33) % n
	}
}
