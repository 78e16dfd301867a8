package broker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// delayedExchange declares the delayed exchange d, with more arguments, and
// binds queues to it by their names.
func (p *peer) delayedExchange(inner string, durable bool, queues ...string) {
	p.t.Helper()
	p.do(1, &amqp.ExchangeDeclare{
		Exchange: "d", Type: "x-delayed-message", Durable: durable,
		Arguments: amqp.Table{{Key: "x-delayed-type", Value: inner}},
	})
	for _, q := range queues {
		p.do(1, &amqp.QueueDeclare{Queue: q, Durable: durable})
		p.do(1, &amqp.QueueBind{Queue: q, Exchange: "d", RoutingKey: q})
	}
}

// withDelay are properties of a message that is to wait.
func withDelay(delay any, more ...amqp.Field) amqp.BasicProperties {
	return amqp.BasicProperties{DeliveryMode: 2, Headers: append(amqp.Table{{Key: "x-delay", Value: delay}}, more...)}
}

// later publishes a message to d.
func (p *peer) later(key, body string, properties amqp.BasicProperties) {
	p.t.Helper()
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d", RoutingKey: key}, properties, []byte(body), 131072))
	p.sync()
}

// elapse has time go by in a synctest bubble, and all happen that is due by then.
func elapse(d time.Duration) {
	after(d)
	synctest.Wait()
}

// waitingIn is how many messages wait in a delayed exchange.
func waitingIn(b *Broker, exchange string) int {
	n, _ := b.Delayed("/", exchange)
	return n
}

// XTYP-39
func TestADelayedExchangeNeedsATypeToRouteBy(t *testing.T) {
	for _, tt := range []struct {
		args amqp.Table
		code uint16
		text string
	}{
		{nil, 406, "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"},
		{
			amqp.Table{{Key: "x-delayed-type", Value: int32(1)}},
			406,
			"PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type",
		},
		{
			amqp.Table{{Key: "x-delayed-type", Value: "x-delayed-message"}},
			406,
			"PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
		},
		{amqp.Table{{Key: "x-delayed-type", Value: "nonsense"}}, 503, "COMMAND_INVALID - unknown exchange type 'nonsense'"},
	} {
		p := connect(t, New(Options{}), 1)
		p.SendMethods(1, &amqp.ExchangeDeclare{Exchange: "d", Type: "x-delayed-message", Arguments: tt.args})
		_, m := p.NextMethod()
		var code uint16
		var text string
		switch m := m.(type) {
		case *amqp.ChannelClose:
			code, text = m.ReplyCode, m.ReplyText
		case *amqp.ConnectionClose:
			code, text = m.ReplyCode, m.ReplyText
		}
		if code != tt.code || text != tt.text {
			t.Errorf("%v: got %d %q, want %d %q", tt.args, code, text, tt.code, tt.text)
		}
	}
}

// XTYP-40
func TestWhatADelayMayBe(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  int64
	}{
		{int8(5), 5},
		{uint8(200), 200},
		{int16(300), 300},
		{uint16(60000), 60000},
		{int32(70000), 70000},
		{uint32(math.MaxUint32), math.MaxUint32},
		{int64(5), 5},
		{"1500", 1500},
		{[]byte("15"), 15},
		{float32(1.9), 1},
		{2.9, 2},
		{float64(math.MaxUint32), math.MaxUint32},
		{int32(0), 0},
		{int32(-5), 0},
		{int64(math.MaxUint32 + 1), 0},
		{int64(math.MinInt64), 0},
		{"-5", 0},
		{"soon", 0},
		{"", 0},
		{"99999999999999999999", 0},
		{0.9, 0},
		{-2.5, 0},
		{math.NaN(), 0},
		{math.Inf(1), 0},
		{true, 0},
		{nil, 0},
		{amqp.Table{}, 0},
		{amqp.Array{int32(5)}, 0},
		{amqp.Timestamp(5), 0},
	} {
		properties := withDelay(tt.value)
		if got := delayOf(properties.Append(nil)); got != tt.want {
			t.Errorf("%T %v: got %d ms, want %d", tt.value, tt.value, got, tt.want)
		}
	}
	if delayOf(new(amqp.BasicProperties).Append(nil)) != 0 {
		t.Error("a message without headers has a delay")
	}
}

// delays runs a test in virtual time with a delayed exchange of type direct,
// the queue q bound to it and consumed by p, and again with type topic.
func delaysIn(t *testing.T, f func(t *testing.T, b *Broker, p *peer)) {
	for _, inner := range []string{"direct", "topic"} {
		t.Run(inner, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, 2)
				p.delayedExchange(inner, false, "q")
				p.consume(2, "q", "k", true)
				f(t, b, p)
			})
		})
	}
}

func TestMessagesAreDeliveredWhenTheyAreDue(t *testing.T) {
	delaysIn(t, func(t *testing.T, b *Broker, p *peer) {
		p.later("q", "third", withDelay(int32(5000)))
		p.later("q", "first", withDelay(int32(1000)))
		p.later("q", "at once", withDelay(int32(0)))
		p.later("q", "second", withDelay(int32(1000)))
		p.later("elsewhere", "nowhere", withDelay(int32(1000)))
		wantBodies(t, "at first", p.bodies(), "at once")
		if n := waitingIn(b, "d"); n != 4 {
			t.Errorf("%d messages wait, want 4", n)
		}
		elapse(999 * time.Millisecond)
		wantBodies(t, "before they are due", p.bodies())
		elapse(time.Millisecond)
		wantBodies(t, "after a second", p.bodies(), "first", "second")
		elapse(3999 * time.Millisecond)
		wantBodies(t, "before the last is due", p.bodies())
		elapse(time.Millisecond)
		wantBodies(t, "after five seconds", p.bodies(), "third")
		if n := waitingIn(b, "d"); n != 0 {
			t.Errorf("%d messages wait in the end", n)
		}
	})
}

// XTYP-41
func TestADelayedMessageShowsItsDelayNegated(t *testing.T) {
	for _, tt := range []struct{ sent, want any }{
		{int32(5), int32(-5)},
		{"7", int32(-7)},
		{int64(math.MaxUint32), int64(-math.MaxUint32)},
		{uint32(1 << 31), int32(math.MinInt32)},
		{2.5, int32(-2)},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Options{})
			p := connect(t, b, 1)
			p.delayedExchange("fanout", false, "q")
			p.later("key", "body", withDelay(tt.sent, amqp.Field{Key: "other", Value: "kept"}))
			p.Quit()
			elapse(longestDelay * time.Millisecond)
			p = connect(t, b, 1)
			p.SendMethods(1, &amqp.BasicGet{Queue: "q"})
			got, body := p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: 1, Exchange: "d", RoutingKey: "key"})
			want := amqp.BasicProperties{DeliveryMode: 2, Headers: amqp.Table{ // sorted, as the plugin does
				{Key: "other", Value: "kept"}, {Key: "x-delay", Value: tt.want},
			}}
			if string(got) != string(want.Append(nil)) || string(body) != "body" {
				t.Errorf("%v: got %q, %q", tt.sent, got, body)
			}
		})
	}
}

// XTYP-41: bindings count that are there when the delay ends.
func TestADelayedMessageIsRoutedWhenItIsDue(t *testing.T) {
	delaysIn(t, func(t *testing.T, b *Broker, p *peer) {
		p.later("q", "lost", withDelay(int32(10)))
		p.later("r", "found", withDelay(int32(10)))
		p.do(1, &amqp.QueueUnbind{Queue: "q", Exchange: "d", RoutingKey: "q"})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "d", RoutingKey: "r"})
		elapse(time.Second)
		wantBodies(t, "in the end", p.bodies(), "found")
	})
}

func TestADelayedMessageTakesAllItsKeysAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.delayedExchange("direct", false, "a", "b", "c", "e")
		p.later("a", "body", withDelay(int32(10),
			amqp.Field{Key: "CC", Value: amqp.Array{"b", "a"}}, amqp.Field{Key: "BCC", Value: amqp.Array{"c"}}))
		elapse(time.Second)
		want := amqp.BasicProperties{DeliveryMode: 2, Headers: amqp.Table{
			{Key: "CC", Value: amqp.Array{"b", "a"}}, {Key: "x-delay", Value: int32(-10)},
		}}
		for i, q := range []string{"a", "b", "c"} {
			p.SendMethods(1, &amqp.BasicGet{Queue: q})
			got, _ := p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: uint64(i + 1), Exchange: "d", RoutingKey: "a"})
			if string(got) != string(want.Append(nil)) {
				t.Errorf("%s got %q", q, got)
			}
		}
		if _, _, tag := p.get("e"); tag != 0 {
			t.Error("e got what was not for it")
		}
	})
}

// The exchange delays what comes through other exchanges, and leads on to them.
func TestDelayedMessagesGoThroughOtherExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.delayedExchange("topic", false, "q")
		p.declare("at once")
		p.declare("late")
		p.do(1, &amqp.ExchangeBind{Destination: "d", Source: "amq.fanout"})
		p.do(1, &amqp.ExchangeBind{Destination: "amq.direct", Source: "d", RoutingKey: "#"})
		p.do(1, &amqp.QueueBind{Queue: "at once", Exchange: "amq.fanout"})
		p.do(1, &amqp.QueueBind{Queue: "late", Exchange: "amq.direct", RoutingKey: "q"})
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "amq.fanout", RoutingKey: "q"}, withDelay(int32(10)), []byte("m"), 131072))
		counts := func() (all []string) {
			for _, q := range []string{"at once", "q", "late"} {
				all = append(all, fmt.Sprint(p.ready(q)))
			}
			return all
		}
		if got := counts(); !slices.Equal(got, []string{"1", "0", "0"}) {
			t.Errorf("at first there are %v messages", got)
		}
		elapse(10 * time.Millisecond)
		if got := counts(); !slices.Equal(got, []string{"1", "1", "1"}) {
			t.Errorf("in the end there are %v messages", got)
		}
	})
}

// ready is how many messages are ready in a queue.
func (p *peer) ready(queue string) uint32 {
	p.t.Helper()
	return p.call(1, &amqp.QueueDeclare{Queue: queue, Passive: true}).(*amqp.QueueDeclareOk).MessageCount
}

func TestADelayedMessageMayGoToTheAlternateExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "d", Type: "x-delayed-message", Arguments: amqp.Table{
			{Key: "x-delayed-type", Value: "direct"}, {Key: "alternate-exchange", Value: "amq.fanout"},
		}})
		p.declare("q")
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.fanout"})
		p.later("nobody", "m", withDelay(int32(10)))
		if n := p.ready("q"); n != 0 {
			t.Errorf("%d messages are ready at first", n)
		}
		elapse(time.Second)
		if n := p.ready("q"); n != 1 {
			t.Errorf("%d messages are ready in the end", n)
		}
	})
}

// XTYP-42: a delayed message counts as routed, and is confirmed at once.
func TestADelayedMessageIsConfirmedAndNotReturned(t *testing.T) {
	delaysIn(t, func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.ConfirmSelect{})
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d", RoutingKey: "nobody", Mandatory: true}, withDelay(int32(10)), nil, 131072))
		p.Expect(1, &amqp.BasicAck{DeliveryTag: 1})
		elapse(time.Second)
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "d", RoutingKey: "nobody", Mandatory: true}, withDelay(int32(0)), nil, 131072))
		if _, m := p.NextMethod(); m.ID() != (&amqp.BasicReturn{}).ID() {
			t.Errorf("got %s for a message that is not delayed", m.ID())
		}
		p.content()
	})
}

// XTYP-43: queues are bound as to an exchange of the inner type.
func TestBindingsOfADelayedExchangeAreThoseOfItsType(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.delayedExchange("headers", false)
	p.declare("q")
	m := p.call(1, &amqp.QueueBind{Queue: "q", Exchange: "d", Arguments: amqp.Table{{Key: "x-match", Value: "some"}}})
	closed, ok := m.(*amqp.ChannelClose)
	if !ok || closed.ReplyCode != uint16(amqp.PreconditionFailed) || !strings.Contains(closed.ReplyText, "Invalid x-match") {
		t.Errorf("got %+v", m)
	}
}

// XTYP-43
func TestWhatWaitsGoesWithItsExchange(t *testing.T) {
	for name, remove := range map[string]func(b *Broker, p *peer){
		"deleted": func(_ *Broker, p *peer) { p.do(1, &amqp.ExchangeDelete{Exchange: "d"}) },
		"deleted with its last binding": func(_ *Broker, p *peer) {
			p.do(1, &amqp.QueueUnbind{Queue: "q", Exchange: "d", RoutingKey: "q"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, 1)
				declare := &amqp.ExchangeDeclare{
					Exchange: "d", Type: "x-delayed-message", AutoDelete: true,
					Arguments: amqp.Table{{Key: "x-delayed-type", Value: "direct"}},
				}
				p.do(1, declare)
				p.declare("q")
				bind := &amqp.QueueBind{Queue: "q", Exchange: "d", RoutingKey: "q"}
				p.do(1, bind)
				p.later("q", "lost", withDelay(int32(1000)))
				remove(b, p)
				p.do(1, declare)
				p.do(1, bind)
				p.later("q", "kept", withDelay(int32(2000)))
				elapse(30 * time.Second)
				wantBodies(t, "in the end", p.drain("q"), "kept")
			})
		})
	}
}

// Whether what waits is in use is a matter of bindings alone (EXCH-25).
func TestAnExchangeWithWaitingMessagesIsNotInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.delayedExchange("direct", false)
		p.later("q", "m", withDelay(int32(1000)))
		p.do(1, &amqp.ExchangeDelete{Exchange: "d", IfUnused: true})
		elapse(30 * time.Second)
	})
}

func TestADeletedVhostDelaysNothingAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.delayedExchange("direct", false, "q")
		p.later("q", "m", withDelay(int32(1000)))
		q := b.vhosts.get("/").exchanges["d"].waiting
		if err := b.DeleteVhost("/"); err != nil {
			t.Fatal(err)
		}
		if n := q.delays.calendar.len(); n != 0 {
			t.Errorf("%d messages wait", n)
		}
		elapse(30 * time.Second)
	})
}

// TX-06: delays begin with the commit.
func TestATransactionDelaysMessagesFromItsCommitOn(t *testing.T) {
	delaysIn(t, func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.TxSelect{})
		p.later("q", "rolled back", withDelay(int32(1000)))
		p.do(1, &amqp.TxRollback{})
		p.later("q", "1", withDelay(int32(1000)))
		p.later("q", "2", withDelay(int32(0)))
		p.later("q", "3", withDelay(int32(1000)))
		elapse(30 * time.Second)
		wantBodies(t, "before the commit", p.bodies())
		p.commit()
		wantBodies(t, "after the commit", p.bodies(), "2")
		elapse(time.Second)
		wantBodies(t, "in the end", p.bodies(), "1", "3")
	})
}

// LAV-15
func TestAnExchangeOfAnyTypeMayDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "d", Type: "fanout", Arguments: amqp.Table{{Key: "x-delayed-exchange", Value: true}}})
		p.declare("q")
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "d"})
		p.later("", "late", withDelay(int32(10)))
		p.later("", "early", withDelay(int32(-10)))
		elapse(time.Second)
		wantBodies(t, "in the end", p.drain("q"), "early", "late")
	})
}

// A time to live begins when a message comes to its queue.
func TestADelayDoesNotCountAsLife(t *testing.T) {
	delaysIn(t, func(t *testing.T, b *Broker, p *peer) {
		properties := withDelay(int32(10_000))
		properties.Expiration = "10"
		p.later("q", "m", properties)
		elapse(10 * time.Second)
		wantBodies(t, "in the end", p.bodies(), "m")
	})
}

func TestABrokerThatShutsDownLeavesDelayedMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		p := connect(t, b, 1)
		p.delayedExchange("direct", false, "q")
		p.later("q", "m", withDelay(int32(1000)))
		p.Quit()
		if err := b.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		elapse(30 * time.Second)
		if n := waitingIn(b, "d"); n != 1 {
			t.Errorf("%d messages wait", n)
		}
	})
}

// An exchange remembers what comes through it when the delay ends (XTYP-36), and
// is told by the arguments of the inner type what it is to do.
func TestADelayedExchangeIsOfItsInnerTypeInAllElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "d", Type: "x-delayed-message", Arguments: amqp.Table{
			{Key: "x-delayed-type", Value: "x-recent-history"}, {Key: "x-recent-history-length", Value: int32(1)},
		}})
		p.later("", "first", withDelay(int32(10)))
		p.later("", "second", withDelay(int32(20)))
		p.declare("before")
		p.do(1, &amqp.QueueBind{Queue: "before", Exchange: "d"})
		wantBodies(t, "before the delay", p.drain("before"))
		elapse(time.Second)
		p.declare("behind")
		p.do(1, &amqp.QueueBind{Queue: "behind", Exchange: "d"})
		wantBodies(t, "bound before", p.drain("before"), "first", "second")
		wantBodies(t, "bound behind", p.drain("behind"), "second")
		m := p.call(1, &amqp.ExchangeDeclare{Exchange: "e", Type: "x-delayed-message", Arguments: amqp.Table{
			{Key: "x-delayed-type", Value: "x-recent-history"}, {Key: "x-recent-history-length", Value: int32(0)},
		}})
		if closed, ok := m.(*amqp.ChannelClose); !ok || !strings.Contains(closed.ReplyText, "x-recent-history-length") {
			t.Errorf("got %+v", m)
		}
	})
}
