package broker

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// body is of 32 KB, so that tests about megabytes do not take long.
var body = strings.Repeat("x", 32_000)

// after waits in the time of a synctest bubble, where nothing else takes any:
// what lasts longer than it should was held back.
func after(d time.Duration) { <-time.After(d) }

// publishSteadily publishes more to every queue than its consumers hold and a
// publisher need not wait for, and then 32 KiB every millisecond, each time to
// the next queue. It returns how long n of these took more than n milliseconds.
func publishSteadily(p *peer, n int, queues ...string) (lost time.Duration) {
	for _, q := range queues {
		p.publish(q, slices.Repeat([]string{body}, 75)...)
	}
	after(time.Second) // whatever happened to the publisher is over
	begin := time.Now()
	for i := range n {
		p.Send(publishes(1, queues[i%len(queues)], body))
		after(time.Millisecond)
	}
	p.sync()
	return time.Since(begin) - time.Duration(n)*time.Millisecond
}

// fakeTime runs a test in a bubble with a broker and a publisher.
func fakeTime(t *testing.T, f func(t *testing.T, b *Broker, p *peer)) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.declare("q")
		f(t, b, p)
	})
}

// However many queues there are whose consumers make no progress, or little,
// they cost a publisher a tenth of its time at most.
func TestConsumersThatLagCostAPublisherLittle(t *testing.T) {
	stalled := func(b *Broker, p *peer, queue string) { p.consume(1, queue, "k", true) }
	tests := []struct {
		name   string
		queues int
		lag    func(b *Broker, p *peer, queue string)
	}{
		{"does not read", 1, stalled},
		{"does not acknowledge", 1, func(_ *Broker, p *peer, queue string) {
			p.do(1, &amqp.BasicQos{PrefetchCount: 1})
			p.consume(1, queue, "k", false)
		}},
		{"works slowly", 1, func(_ *Broker, p *peer, queue string) {
			p.do(1, &amqp.BasicQos{PrefetchCount: 1})
			p.consume(1, queue, "k", false)
			p.running.Go(func() { p.ackEvery(10 * time.Millisecond) })
		}},
		{"does not read, on six queues", 6, stalled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				var queues []string
				for i := range tt.queues {
					queues = append(queues, fmt.Sprint("q", i))
					p.declare(queues[i])
					tt.lag(b, connect(t, b, 1), queues[i])
				}
				const n = 1500
				if lost := publishSteadily(p, n, queues...); lost > n*time.Millisecond*115/1000 {
					t.Errorf("%v of %d ms were lost", lost, n)
				}
			})
		})
	}
}

// ackEvery reads deliveries and acknowledges one each time d has passed, until
// the connection ends.
func (p *peer) ackEvery(d time.Duration) {
	for tag := uint64(1); ; tag++ {
		for range 3 {
			if _, err := p.ReadFrame(); err != nil {
				return
			}
		}
		after(d)
		if _, err := p.Conn.Write(amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: tag})); err != nil {
			return
		}
	}
}

func TestAPublisherIsNotHeldBack(t *testing.T) {
	stalledConsumer := func(t *testing.T, b *Broker) { connect(t, b, 1).consume(1, "q", "k", true) }
	tests := map[string]func(t *testing.T, b *Broker, p *peer){
		"where nobody consumes": func(*testing.T, *Broker, *peer) {},
		"that consumes itself": func(t *testing.T, b *Broker, p *peer) {
			stalledConsumer(t, b)
			p.declare("other")
			p.consume(1, "other", "k", true)
		},
		"that has something to settle": func(t *testing.T, b *Broker, p *peer) {
			p.declare("other")
			p.publish("other", "m")
			p.get("other")
			stalledConsumer(t, b)
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				prepare(t, b, p)
				begin := time.Now()
				for range 10 {
					p.publish("q", slices.Repeat([]string{body}, 30)...)
				}
				if took := time.Since(begin); took > 0 {
					t.Errorf("publishing took %v", took)
				}
			})
		})
	}
}

// A publisher that could publish any amount in no time is slowed to what the
// consumers take, and little waits in memory.
func TestAPublisherIsSlowedToTheSpeedOfConsumers(t *testing.T) {
	for _, acked := range []bool{false, true} {
		t.Run(fmt.Sprint("acknowledged ", acked), func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				const pieces, pieceSize = 48, 256 << 10
				k := connect(t, b, 1)
				k.do(1, &amqp.BasicQos{PrefetchCount: 25})
				k.consume(1, "q", "k", !acked)
				k.running.Go(func() { k.work(pieceSize, time.Millisecond, acked) })
				begin, most := time.Now(), 0
				for range pieces {
					p.Send(publishes(1, "q", slices.Repeat([]string{body}, 8)...))
					_, bytes := waiting(b, "q")
					most = max(most, bytes)
				}
				p.sync()
				if most > 3*pressHigh {
					t.Errorf("%d bytes waited", most)
				}
				// The first MiB waits in the queue, and another one in the outbox.
				if took := time.Since(begin); took < (pieces-16)*time.Millisecond {
					t.Errorf("publishing took %v", took)
				}
			})
		})
	}
}

// work reads deliveries, acknowledges them if told, and rests for d after
// every size bytes, until the connection ends.
func (p *peer) work(size int, d time.Duration, acked bool) {
	var tag uint64
	for read := 0; ; {
		f, err := p.ReadFrame()
		if err != nil {
			return
		}
		if f.Type == amqp.FrameMethod {
			tag++
		}
		if read += len(f.Payload); read < size {
			continue
		}
		read = 0
		after(d)
		if !acked {
			continue
		}
		if _, err := p.Conn.Write(amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: tag, Multiple: true})); err != nil {
			return
		}
	}
}

// A publisher that waits goes on as soon as there is nothing to wait for.
func TestAPauseEndsWithItsReason(t *testing.T) {
	tests := map[string]func(p *peer){
		"the consumer leaves":   func(p *peer) { p.SendMethods(1, &amqp.BasicCancel{ConsumerTag: "k"}) },
		"the queue is purged":   func(p *peer) { p.SendMethods(1, &amqp.QueuePurge{Queue: "q"}) },
		"the queue is deleted":  func(p *peer) { p.SendMethods(1, &amqp.QueueDelete{Queue: "q"}) },
		"the messages are read": func(p *peer) { p.SendMethods(1, &amqp.BasicAck{Multiple: true}) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
				k := connect(t, b, 1)
				k.do(1, &amqp.BasicQos{PrefetchCount: 40})
				k.consume(1, "q", "k", false)
				k.running.Go(func() { k.work(1<<30, 0, false) })
				// 40 go to the consumer and so many wait that the publisher does.
				bodies := slices.Repeat([]string{body}, 40+38)
				begin := time.Now()
				var sending sync.WaitGroup
				sending.Go(func() { p.Send(publishes(1, "q", bodies...)) })
				after(time.Millisecond)
				end(k)
				sending.Wait()
				p.sync()
				if took := time.Since(begin); took > 2*time.Millisecond {
					t.Errorf("the publisher waited for %v", took)
				}
			})
		})
	}
}
