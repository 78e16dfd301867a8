package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// expectTimeout expects a channel to be closed for a delivery that was not
// acknowledged, between from and a sixteenth of that later. What else comes is
// passed over.
func (p *peer) expectTimeout(channel uint16, began time.Time, timeout time.Duration) {
	p.t.Helper()
	p.Conn.SetDeadline(began.Add(2*timeout + time.Hour))
	for {
		on, m := p.NextMethod()
		if d, ok := m.(*amqp.BasicDeliver); ok {
			p.got = append(p.got, p.deliver(on, d))
			continue
		}
		want := fmt.Sprintf("PRECONDITION_FAILED - delivery acknowledgement on channel %d timed out. Timeout value used: %d ms. "+
			"This timeout value can be configured, see consumers doc guide to learn more", channel, timeout.Milliseconds())
		c, ok := m.(*amqp.ChannelClose)
		if !ok || on != channel || c.ReplyCode != 406 || c.ReplyText != want || c.ClassID != 0 || c.MethodID != 0 {
			p.t.Fatalf("got %+v on channel %d, want %q on channel %d", m, on, want, channel)
		}
		break
	}
	if took := time.Since(began); took < timeout || took > timeout+timeout/16+2*shortestPeriod {
		p.t.Errorf("it took %v, want %v", took, timeout)
	}
	p.SendMethods(channel, &amqp.ChannelCloseOk{})
	p.OpenChannel(channel)
}

func impatient(t *testing.T, timeout time.Duration, f func(t *testing.T, b *Broker, p *peer)) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{ConsumerTimeout: timeout})
		p := connect(t, b, 3)
		p.Conn.SetDeadline(time.Now().Add(24 * time.Hour))
		p.declare("q")
		f(t, b, p)
	})
}

// CONS-31
func TestDeliveriesAreAcknowledgedInTime(t *testing.T) {
	for _, timeout := range []time.Duration{0, 20 * time.Millisecond, time.Second, 50 * time.Minute} {
		impatient(t, timeout, func(t *testing.T, b *Broker, p *peer) {
			if timeout == 0 {
				timeout = 30 * time.Minute // the default
			}
			p.consume(2, "q", "k", false)
			p.publish("q", "a")
			p.expectTimeout(2, time.Now(), timeout)
			p.sync()
			if body, redelivered, _ := p.get("q"); body != "a" || !redelivered {
				t.Errorf("got %q, redelivered: %t", body, redelivered)
			}
		})
	}
}

// CONS-31: what was got has to be acknowledged as well.
func TestWhatWasGotIsAcknowledgedInTime(t *testing.T) {
	impatient(t, time.Minute, func(t *testing.T, _ *Broker, p *peer) {
		p.publish("q", "a")
		p.get("q")
		p.expectTimeout(1, time.Now(), time.Minute)
	})
}

// Who acknowledges in time is left alone, however often he almost does not, and
// the one delivery that is late is found among others.
func TestTheLateDeliveryIsFound(t *testing.T) {
	impatient(t, time.Minute, func(t *testing.T, _ *Broker, p *peer) {
		p.consume(2, "q", "k", false)
		for range 20 {
			p.publish("q", "a")
			after(50 * time.Second)
			d := p.take()
			p.SendMethods(2, &amqp.BasicAck{DeliveryTag: d[len(d)-1].tag})
			p.sync()
		}
		p.publish("q", "late")
		late, began := p.take()[0], time.Now()
		for range 11 {
			after(5 * time.Second)
			p.publish("q", "b")
			for _, d := range p.take() {
				p.SendMethods(2, &amqp.BasicAck{DeliveryTag: d.tag})
			}
		}
		p.sync()
		p.expectTimeout(2, began, time.Minute)
		if body, _, _ := p.get("q"); body != late.body {
			t.Errorf("got %q", body)
		}
	})
}

// CONS-31: without acknowledgement, or with all of them in, nothing times out.
func TestNothingIsLateThatIsSettled(t *testing.T) {
	impatient(t, time.Minute, func(t *testing.T, b *Broker, p *peer) {
		p.consume(2, "q", "k", true)
		p.publish("q", "a")
		p.take()
		p.do(2, &amqp.BasicCancel{ConsumerTag: "k"})
		p.consume(3, "q", "k", false)
		p.publish("q", "b")
		p.SendMethods(3, &amqp.BasicNack{DeliveryTag: p.take()[0].tag})
		p.sync()
		after(time.Hour)
		p.sync()
		p.publish("q", "c") // and time runs again
		p.take()
		p.expectTimeout(3, time.Now(), time.Minute)
	})
}

// CONS-33: the consumer's own, or else the lower one of the queue's and its
// policy's, or else the broker's; 0 and less than a period do, too.
func TestWhichTimeoutHolds(t *testing.T) {
	ms := func(n int) amqp.Table { return args("x-consumer-timeout", int32(n)) }
	for _, tt := range []struct {
		queue, consumer amqp.Table
		policy          int
		want            time.Duration
	}{
		{nil, nil, -1, time.Minute},
		{ms(2000), nil, -1, 2 * time.Second},
		{ms(2000), nil, 1500, 1500 * time.Millisecond},
		{ms(2000), nil, 2500, 2 * time.Second},
		{nil, nil, 600_000, 10 * time.Minute},
		{ms(2000), ms(5000), 1000, 5 * time.Second},
		{nil, ms(0), -1, 0},
		{ms(1), nil, -1, time.Millisecond},
	} {
		impatient(t, time.Minute, func(t *testing.T, b *Broker, p *peer) {
			p.do(1, &amqp.QueueDeclare{Queue: "r", Arguments: tt.queue})
			if tt.policy >= 0 {
				mustSet(t, b, Policy{Name: "p", Pattern: "^r$", Definition: definition{"consumer-timeout": tt.policy}})
			}
			p.do(2, &amqp.BasicConsume{Queue: "r", ConsumerTag: "k", Arguments: tt.consumer})
			p.publish("r", "a")
			p.expectTimeout(2, time.Now(), tt.want)
		})
	}
}

// A delivery has the shorter time that its queue has got meanwhile.
func TestATimeoutThatChanges(t *testing.T) {
	impatient(t, -1, func(t *testing.T, b *Broker, p *peer) {
		p.consume(2, "q", "k", false)
		p.publish("q", "a")
		after(24 * time.Minute)
		mustSet(t, b, Policy{Name: "p", Definition: definition{"consumer-timeout": 60_000}})
		p.expectTimeout(2, time.Now(), time.Minute)

		mustSet(t, b, Policy{Name: "p", Definition: definition{"consumer-timeout": 600_000}})
		p.consume(2, "q", "k", false)
		p.sync()
		began := time.Now()
		after(time.Minute)
		mustSet(t, b, Policy{Name: "p", Definition: definition{"consumer-timeout": 200_000}})
		// When it was delivered is known as well as the time-out of then asks for.
		p.expectTimeout(2, began.Add(longestPeriod), 200*time.Second)

		p.consume(2, "q", "k", false)
		p.sync()
		if err := b.DeletePolicy("/", "p"); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		p.sync()
	})
}

// Time-outs of several consumers of a channel, of which the shortest begins last.
func TestTheShortestTimeoutOfAChannel(t *testing.T) {
	impatient(t, 30*time.Minute, func(t *testing.T, _ *Broker, p *peer) {
		p.declare("r")
		p.consume(2, "q", "k", false)
		p.do(2, &amqp.BasicConsume{Queue: "r", ConsumerTag: "l", Arguments: args("x-consumer-timeout", int32(1000))})
		p.publish("q", "a")
		after(3 * time.Second)
		p.publish("r", "b")
		p.expectTimeout(2, time.Now(), time.Second)
	})
}

// However long and however much is outstanding, marks do not gather, and the late
// one is found.
func TestMarksAreBounded(t *testing.T) {
	var o overdue
	u := unacked{}
	q := &queue{}
	timeout := uint64(fewer(10_000, 2_000))
	q.patience.Store(int64(timeout) * int64(time.Second))
	now, most, found := time.Unix(0, 0), 0, uint64(0)
	for tag := uint64(1); tag < 2*timeout && found == 0; tag++ {
		if tag == 1 || tag > timeout {
			u.push(delivery{tag: tag, queue: q})
		}
		now = now.Add(time.Second)
		o.put(mark{tag, now}, 1)
		most = max(most, len(o.marks))
		if late, _ := o.find(&u, now); late >= 0 {
			found = tag
		}
	}
	if found < timeout || found > timeout+timeout/16 {
		t.Errorf("the first one is late after %d s", found)
	}
	if most > 600 {
		t.Errorf("%d marks", most)
	}
	o.put(mark{50_000, now}, 50_000)
	if len(o.marks) != 1 {
		t.Errorf("%d marks are left of deliveries that are settled", len(o.marks))
	}
}
