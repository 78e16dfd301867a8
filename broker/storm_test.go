package broker

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/storage"
)

// storm fills a queue with n messages of 1 KiB that expire at the same time into
// another one, and publishes meanwhile to a third one. It returns how long it took
// from the first death until all letters were there, and how long confirms of the
// publishes took, ascending.
func storm(t testing.TB, b *Broker, n int) (took, cpu time.Duration, confirms []time.Duration) {
	p, q := connect(t, b, 1), connect(t, b, 1)
	p.declareWith("to")
	p.declareWith("another")
	p.declareWith("from", "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "to")
	dies := time.Now().Add(time.Duration(n)*40*time.Microsecond + time.Second)
	body := strings.Repeat("x", 1024)
	for i := 0; i < n; i += 1000 {
		left := strconv.FormatInt(time.Until(dies).Milliseconds(), 10)
		var many []byte
		for j := range min(1000, n-i) {
			number := strconv.Itoa(i + j)
			many = append(many, amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "from"},
				amqp.BasicProperties{DeliveryMode: 2, Expiration: left}, []byte(number+body[len(number):]), 131072)...)
		}
		p.Send(many)
	}
	p.sync()
	if time.Until(dies) < 0 {
		t.Fatalf("not all messages were there in time: %s late", -time.Until(dies))
	}
	q.do(1, &amqp.ConfirmSelect{})
	from, to := queueOf(b, "from"), queueOf(b, "to")
	var began time.Time
	for {
		after(time.Millisecond)
		at := time.Now()
		q.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "another"}, amqp.BasicProperties{DeliveryMode: 2}, []byte(body), 131072))
		q.NextMethod()
		if began.IsZero() {
			if messages, _ := from.counts(); messages < n {
				began, cpu = at, busy()
			}
			continue
		}
		confirms = append(confirms, time.Since(at))
		if messages, _ := to.counts(); messages == n {
			break
		}
	}
	took = time.Since(began)
	slices.Sort(confirms)
	return took, busy() - cpu, confirms
}

// busy is how long the process has been at work.
func busy() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // never fails
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkStorm(b *testing.B) {
	for name, open := range map[string]func() *Broker{
		"memory": func() *Broker { return New(Options{}) },
		"disk": func() *Broker {
			k := keepWith(b, Options{Durability: storage.Disk})
			return k.Broker
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				took, cpu, confirms := storm(b, open(), 200_000)
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(cpu.Seconds(), "cpu-s")
				b.ReportMetric(confirms[len(confirms)*99/100].Seconds()*1000, "ms-p99")
				b.ReportMetric(confirms[len(confirms)-1].Seconds()*1000, "ms-max")
				b.ReportMetric(float64(len(confirms)), "publishes")
			}
		})
	}
}

// DLX-22: letters of a storm come in order, and neither they nor others wait for
// anything but their turn.
func TestAStormOfLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		b := New(Options{})
		took, _, confirms := storm(t, b, n)
		if last := confirms[len(confirms)-1]; took > 100*time.Millisecond || last > time.Millisecond {
			t.Errorf("%d letters took %s, and a confirm %s, in a time in which nothing takes any", n, took, last)
		}
		p := connect(t, b, 1)
		p.consume(1, "to", "k", true)
		for i, d := range p.await(n) {
			if number(t, strings.TrimRight(d.body, "x")) != i {
				t.Fatalf("the %d. letter is %.10s", i, d.body)
			}
		}
		p.Quit()
	})
}
