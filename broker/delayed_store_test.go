package broker

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/storage"
)

// delayedQueue is where messages wait in exchange d.
func delayedQueue(b *Broker) *queue {
	v := b.vhosts.get("/")
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.exchanges["d"].waiting
}

// detain has nothing leave exchange d until the function that it returns is
// called, although it is due.
func detain(b *Broker) (release func()) {
	q := delayedQueue(b)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dying.asked = true
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.dying.asked = false
		q.vhost.undertaker.ask(q)
	}
}

// consumeAll returns the bodies of the next n messages of a queue, each once.
func (p *peer) consumeAll(queue string, n int) (bodies []string) {
	p.t.Helper()
	p.consume(1, queue, "k", true)
	for _, d := range p.await(n) {
		bodies = append(bodies, d.body)
	}
	return append(bodies, p.bodies()...)
}

// What came due while the broker was down is delivered after the start in the
// order of its times; what is not yet due waits on; transient messages are gone.
func TestDelayedMessagesSurvive(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		c := &handClock{Clock: amqp.RealClock, now: time.Now()} // publishing takes no time
		k.options.Clock = c
		k.restart()
		p := connect(t, k.Broker, 1)
		p.delayedExchange("direct", true, "q")
		detain(k.Broker)
		for body, delay := range map[string]int{"third": 30, "first": 10, "second": 20, "waits": 3_600_000} {
			p.later("q", body, withDelay(int32(delay)))
		}
		transient := withDelay(int32(15))
		transient.DeliveryMode = 1
		p.later("q", "transient", transient)
		p.Quit()
		c.advance(time.Second)
		for range 2 { // what waits survives all restarts
			again()
		}
		p = connect(t, k.Broker, 1)
		wantBodies(t, "after the restarts", p.consumeAll("q", 3), "first", "second", "third")
		if n := waitingIn(k.Broker, "d"); n != 1 {
			t.Errorf("%d messages wait, want 1", n)
		}
		p.do(1, &amqp.ExchangeDelete{Exchange: "d"})
		p.Quit()
		again()
		if _, ok := k.Delayed("/", "d"); ok {
			t.Error("the deleted exchange is back")
		}
	})
}

// A crash while messages go on neither loses nor doubles one that was confirmed.
func TestACrashWhileDelayedMessagesGoOn(t *testing.T) {
	for round := range 5 {
		k := keep(t)
		p := connect(t, k.Broker, 1)
		p.delayedExchange("fanout", true, "q", "r")
		p.do(1, &amqp.ConfirmSelect{})
		release := detain(k.Broker)
		const n = 3000
		rnd := rand.New(rand.NewPCG(uint64(round), 3))
		var b []byte
		for i := range n {
			properties := withDelay(int32(1 + rnd.IntN(10)))
			b = append(b, amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d"}, properties, []byte(strconv.Itoa(i)), 131072)...)
		}
		p.Send(b)
		for tag := uint64(0); tag < n; {
			_, m := p.NextMethod()
			tag = m.(*amqp.BasicAck).DeliveryTag
		}
		release()
		for range round { // some later than others
			p.sync()
		}
		k.crash()
		for _, queue := range []string{"q", "r"} {
			got := connect(t, k.Broker, 1).consumeAll(queue, n)
			slices.Sort(got)
			want := numbered(0, n)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%s got %d messages, %d different ones", queue, len(got), len(slices.Compact(got)))
			}
		}
		if left := waitingIn(k.Broker, "d"); left != 0 {
			t.Errorf("%d messages wait", left)
		}
	}
}

// Messages arrive and leave in one unit: nothing becomes durable in between, so no
// crash finds one in both places, though somebody waits for the unit to end.
func TestDelayedMessagesGoOnInOneUnit(t *testing.T) {
	c := &handClock{Clock: amqp.RealClock, now: time.Now()}
	k := keepWith(t, Options{Clock: c})
	p := connect(t, k.Broker, 1)
	p.delayedExchange("direct", true, "first", "second")
	p.consume(1, "first", "k", true)
	from, to := delayedQueue(k.Broker), queueOf(k.Broker, "second")
	release := detain(k.Broker)
	p.later("first", "m", withDelay(int32(1)))
	p.later("second", "m", withDelay(int32(1)))
	c.advance(time.Second)
	to.mu.Lock() // the second one cannot arrive
	release()
	p.await(1)
	durable := make(told)
	go func() {
		k.store.Begin()
		k.store.Confirm(durable, 0, 0)
		k.store.End()
	}()
	stays := func(when string) {
		select {
		case <-durable:
			t.Errorf("a group ends when %s", when)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stays("one of the two has arrived")
	from.mu.Lock() // nothing can leave
	to.mu.Unlock()
	stays("both have arrived, and none has left")
	from.mu.Unlock()
	<-durable
}

// CONF-05: who hands a message on does not confirm it before it is durable.
func TestADelayedMessageIsConfirmedWhenItIsDurable(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 2)
	p.delayedExchange("direct", true, "q")
	p.consume(2, "q", "k", false)
	p.do(1, &amqp.ConfirmSelect{})
	release := hold(t, k.Broker)
	p.later("q", "m", withDelay(int32(1)))
	p.await(1)
	p.SendMethods(2, &amqp.BasicAck{DeliveryTag: 1})
	var confirmed, other uint64
	if got := p.confirmed(&confirmed, &other); len(got) > 0 {
		t.Errorf("%v is confirmed while nothing is durable", got)
	}
	release()
	p.Expect(1, &amqp.BasicAck{DeliveryTag: 1})
}

// fillDelayed publishes messages from to to-1 of a size to exchange d.
func (p *peer) fillDelayed(mode uint8, delay func(i int) int32, from, to, size int) {
	p.t.Helper()
	for from < to {
		var b []byte
		for ; from < to && len(b) < 1<<20; from++ {
			properties := withDelay(delay(from))
			properties.DeliveryMode = mode
			b = append(b, amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d"}, properties, bodyOf(from, size), 131072)...)
		}
		p.Send(b)
	}
	p.sync()
}

func TestDelayedMessagesLeaveMemory(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			p.delayedExchange("fanout", true, "q")
			release := detain(b)
			const n = 3000
			p.fillDelayed(mode, func(i int) int32 { return int32(1 + i*7919%n/100) }, 0, n, kib)
			quiesce(b)
			q := delayedQueue(b)
			q.mu.Lock()
			loaded := q.delays.calendar.loaded
			q.mu.Unlock()
			if most := least + blockSize + 2*kib; loaded > most {
				t.Errorf("%d bytes are in memory, want %d at most", loaded, most)
			}
			release()
			p.consume(1, "q", "k", true)
			seen := map[int]bool{}
			for _, d := range p.await(n) {
				seen[checkBody(t, []byte(d.body))] = true
			}
			if len(seen) != n || len(p.take()) > 0 {
				t.Errorf("%d different messages of %d came", len(seen), n)
			}
			p.do(1, &amqp.ExchangeDelete{Exchange: "d"})
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// What waits in the page file gives its space back with the exchange.
func TestADeletedExchangeLeavesThePageFile(t *testing.T) {
	b, dir := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	p.delayedExchange("fanout", true)
	p.fillDelayed(1, func(int) int32 { return 3_600_000 }, 0, 34_000, kib)
	quiesce(b)
	p.do(1, &amqp.ExchangeDelete{Exchange: "d"})
	p.declareDurable(b, "q")
	b.vhosts.get("/").pager.loaded.Add(-1 << 30)
	checkEmpty(t, b, dir, "q")
	b.vhosts.get("/").pager.loaded.Add(1 << 30)
}

func TestAnInspectionCountsDelayedMessages(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.delayedExchange("direct", true, "q")
	p.later("q", "m", withDelay(int32(3_600_000)))
	p.Quit()
	k.stop()
	i, err := Inspect(k.options.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range i.Vhosts[0].Delayed {
		err := i.Messages(x, func(m StoredMessage) error {
			got = append(got, fmt.Sprint(x.Name, x.Messages, m.RoutingKey, string(m.Body)))
			return m.Err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []string{"d1qm"}) || len(i.Damages) > 0 {
		t.Errorf("got %q, with damages %q", got, i.Damages)
	}
	k.open()
}

// BenchmarkDelayedPublish is publishing to an exchange in which a million messages
// of 1 KiB wait.
func BenchmarkDelayedPublish(b *testing.B) {
	for name, open := range map[string]func() *Broker{
		"memory": func() *Broker { return New(Options{}) },
		"disk": func() *Broker {
			k := keepWith(b, Options{Durability: storage.OS})
			return k.Broker
		},
	} {
		b.Run(name, func(b *testing.B) {
			broker := open()
			l := newLine(b, broker, &amqp.ExchangeDeclare{
				Exchange: "d", Type: "x-delayed-message", Durable: true,
				Arguments: amqp.Table{{Key: "x-delayed-type", Value: "direct"}},
			})
			rnd := rand.New(rand.NewPCG(1, 1))
			var burst []byte
			for range burstOf {
				properties := withDelay(int32(3_600_000 + rnd.IntN(3_600_000)))
				burst = append(burst, amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d"}, properties, make([]byte, kib), 131072)...)
			}
			publish := func(n int) {
				for left := n; left > 0; left -= burstOf {
					l.feed(burst[:len(burst)/burstOf*min(left, burstOf)])
				}
				l.sync()
			}
			const waiting = 1_000_000
			publish(waiting)
			used := heapInUse()
			b.ReportAllocs()
			b.ResetTimer()
			publish(b.N)
			b.StopTimer()
			b.ReportMetric(used, "MiB-waiting")
			if n := waitingIn(broker, "d"); n != waiting+b.N {
				b.Errorf("%d messages wait, want %d", n, waiting+b.N)
			}
		})
	}
}

// heapInUse is what lives on the heap, in MiB.
func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / (1 << 20)
}
