package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// deduplicating are arguments that ask for it, with further ones in pairs.
func deduplicating(more ...any) amqp.Table {
	t := amqp.Table{{Key: "x-message-deduplication", Value: true}}
	for i := 0; i < len(more); i += 2 {
		t = append(t, amqp.Field{Key: more[i].(string), Value: more[i+1]})
	}
	return t
}

// identified are the properties of a message with an identity.
func identified(id any) amqp.BasicProperties {
	return amqp.BasicProperties{Headers: amqp.Table{{Key: "x-deduplication-header", Value: id}}}
}

// both runs a test in a bubble with an exchange that drops duplicates in front of a plain
// queue, and with a queue that does.
func both(t *testing.T, arguments amqp.Table, f func(t *testing.T, b *Broker, p *peer)) {
	for _, exchange := range []bool{true, false} {
		t.Run(fmt.Sprintf("exchange %t", exchange), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				p := connect(t, b, 1)
				x, q := &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout"}, &amqp.QueueDeclare{Queue: "q"}
				if exchange {
					x.Arguments = arguments
				} else {
					q.Arguments = arguments
				}
				p.do(1, x)
				p.do(1, q)
				p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
				f(t, b, p)
			})
		})
	}
}

// publishAs publishes messages to x with the identity id, which is nil for none.
func (p *peer) publishAs(id any, bodies ...string) {
	for _, body := range bodies {
		props := amqp.BasicProperties{}
		if id != nil {
			props = identified(id)
		}
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x"}, props, []byte(body), 131072))
	}
}

func TestDuplicatesAreDropped(t *testing.T) { // LAV-14
	both(t, deduplicating(), func(t *testing.T, b *Broker, p *peer) {
		p.publishAs("a", "1", "2")
		p.publishAs("b", "3")
		p.publishAs(nil, "4", "5")
		p.publishAs("a", "6")
		p.publishAs(int32(7), "7")
		p.publishAs(int64(7), "8")
		p.publishAs("7", "9")
		p.publishAs(true, "10", "11")
		p.publishAs(amqp.Array{"a"}, "12", "13")
		p.publishAs("", "14", "15")
		if got, want := strings.Join(p.drain("q"), " "), "1 3 4 5 7 9 10 12 14"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		all, err := b.Deduplications("/")
		if err != nil || len(all) != 1 || all[0].Dropped != 6 || all[0].Known != 7 {
			t.Errorf("counted %+v, %v", all, err)
		}
		p.publishAs("a", "also when the first has gone")
		if got := p.drain("q"); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	})
}

func TestDeduplicationIsOffUnlessItIsAskedFor(t *testing.T) {
	for _, arguments := range []amqp.Table{
		nil, {{Key: "x-message-deduplication", Value: false}}, {{Key: "x-cache-size", Value: int32(5)}},
	} {
		both(t, arguments, func(t *testing.T, b *Broker, p *peer) {
			p.publishAs("a", "1", "2")
			if got := p.drain("q"); len(got) != 2 {
				t.Errorf("%v: got %q", arguments, got)
			}
			if all, err := b.Deduplications("/"); err != nil || len(all) != 0 {
				t.Errorf("%v: counted %+v, %v", arguments, all, err)
			}
		})
	}
}

func TestOnlyTheLastIdentitiesAreKnown(t *testing.T) { // LAV-14: x-cache-size
	for _, c := range []struct {
		arguments amqp.Table
		size      int
	}{{deduplicating(), 128}, {deduplicating("x-cache-size", int32(3)), 3}} {
		both(t, c.arguments, func(t *testing.T, _ *Broker, p *peer) {
			for i := range c.size {
				p.publishAs(int32(i), "first")
			}
			p.publishAs(int32(0), "0 again") // is known, and stays the oldest
			p.drain("q")
			p.publishAs("one more", "one more")
			for i := range c.size {
				p.publishAs(int32(c.size-1-i), fmt.Sprint(c.size-1-i)) // all but 0 are known
			}
			if got, want := p.drain("q"), []string{"one more", "0"}; !slices.Equal(got, want) {
				t.Errorf("size %d: got %q, want %q", c.size, got, want)
			}
		})
	}
}

func TestIdentitiesAreKnownForATime(t *testing.T) { // LAV-14: x-cache-ttl
	both(t, deduplicating("x-cache-ttl", int32(1000)), func(t *testing.T, _ *Broker, p *peer) {
		own := func(id string, ttl any, body string) {
			props := identified(id)
			props.Headers = append(props.Headers, amqp.Field{Key: "x-cache-ttl", Value: ttl})
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x"}, props, []byte(body), 131072))
		}
		for i, s := range []struct {
			wait time.Duration
			want []string
		}{
			{0, []string{"a", "b", "c", "d"}},
			{400 * time.Millisecond, []string{"b"}},
			{399 * time.Millisecond, nil},
			{200 * time.Millisecond, []string{"b"}},
			{time.Millisecond, []string{"a", "c"}},
			{4 * time.Second, []string{"a", "b", "c", "d"}},
		} {
			after(s.wait)
			p.publishAs("a", "a")
			own("b", int32(400), "b")
			own("c", "not a number", "c")
			own("d", int64(5000), "d")
			if got := p.drain("q"); !slices.Equal(got, s.want) {
				t.Errorf("step %d: got %q, want %q", i, got, s.want)
			}
		}
	})
}

func TestTheHeaderMayHaveAnotherName(t *testing.T) { // LAV-14: x-deduplication-header
	both(t, deduplicating("x-deduplication-header", "id"), func(t *testing.T, _ *Broker, p *peer) {
		props := amqp.BasicProperties{Headers: amqp.Table{{Key: "id", Value: "a"}}}
		for _, body := range []string{"1", "2"} {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x"}, props, []byte(body), 131072))
		}
		p.publishAs("a", "3", "4")
		if got := p.drain("q"); !slices.Equal(got, []string{"1", "3", "4"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A duplicate at an exchange is a message that came to no queue; at a queue it
// is one that came.
func TestDuplicatesAreConfirmedAndReturned(t *testing.T) { // LAV-14
	both(t, deduplicating(), func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.ConfirmSelect{})
		for range 2 {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x", Mandatory: true}, identified("a"), []byte("m"), 131072))
		}
		all, _ := b.Deduplications("/")
		returned, acked := 0, uint64(0)
		for acked < 2 {
			switch m := nextMethod(p).(type) {
			case *amqp.BasicAck:
				acked = m.DeliveryTag
			case *amqp.BasicReturn:
				p.content()
				returned++
			}
		}
		if want := all[0].Exchange; (returned == 1) != want {
			t.Errorf("%d were returned", returned)
		}
	})
}

// What came to no queue is not known: it may be tried again.
func TestWhatNoQueueTookIsNotKnown(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("q")
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "direct", Arguments: deduplicating()})
	p.publishAs("a", "1")
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
	p.publishAs("a", "2", "3")
	if got := p.drain("q"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("got %q", got)
	}
}

// What a queue has refused is not known, and a duplicate is not refused.
func TestWhatAFullQueueRefusedMayComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, exchange := range []bool{true, false} {
			p := connect(t, New(Options{}), 1)
			x := &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout", Arguments: deduplicating()}
			q := &amqp.QueueDeclare{Queue: "q", Arguments: amqp.Table{
				{Key: "x-max-length", Value: int32(1)}, {Key: "x-overflow", Value: "reject-publish"},
			}}
			if !exchange {
				x.Arguments, q.Arguments = nil, append(q.Arguments, x.Arguments...)
			}
			p.do(1, x)
			p.do(1, q)
			p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
			p.do(1, &amqp.ConfirmSelect{})
			publish := func(id string, want amqp.Method) {
				t.Helper()
				p.publishAs(id, id)
				if got := nextMethod(p); got.ID() != want.ID() {
					t.Errorf("exchange %t: %s is answered by %+v", exchange, id, got)
				}
			}
			publish("a", &amqp.BasicAck{})
			publish("b", &amqp.BasicNack{})
			publish("a", &amqp.BasicAck{})
			publish("b", &amqp.BasicNack{})
			if got := p.drain("q"); !slices.Equal(got, []string{"a"}) {
				t.Errorf("got %q", got)
			}
			publish("b", &amqp.BasicAck{})
			publish("b", &amqp.BasicAck{})
			if got := p.drain("q"); !slices.Equal(got, []string{"b"}) {
				t.Errorf("got %q", got)
			}
			p.Quit()
		}
	})
}

func TestOneQueueOfSeveralDropsDuplicates(t *testing.T) {
	b := openIn(t, t.TempDir())
	p := connect(t, b, 1)
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout"})
	for name, arguments := range map[string]amqp.Table{"dropping": deduplicating(), "plain": nil} {
		p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true, Arguments: arguments})
		p.do(1, &amqp.QueueBind{Queue: name, Exchange: "x"})
	}
	p.do(1, &amqp.QueueDeclare{Queue: "dropping too", Durable: true, Arguments: deduplicating()})
	p.do(1, &amqp.ConfirmSelect{})
	props := identified("a")
	props.DeliveryMode = 2
	var all []byte
	for i := range 10 {
		x := &amqp.BasicPublish{Exchange: "x"}
		if i >= 5 {
			x = &amqp.BasicPublish{RoutingKey: "dropping too"}
		}
		all = append(all, amqptest.Publish(1, x, props, []byte(fmt.Sprint(i)), 131072)...)
	}
	p.Send(all)
	for acked := uint64(0); acked < 10; {
		ack, ok := nextMethod(p).(*amqp.BasicAck)
		if !ok {
			t.Fatal("no ack")
		}
		acked = max(acked, ack.DeliveryTag)
	}
	p.Quit()
	b = restart(t, b)
	for name, want := range map[string][]string{"plain": numbered(0, 5), "dropping": {"0"}, "dropping too": {"5"}} {
		if got := p.again(b).drain(name); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	// A restart forgets what was known.
	q := p.again(b)
	q.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "dropping"}, props, []byte("again"), 131072))
	if got := q.drain("dropping"); !slices.Contains(got, "again") {
		t.Errorf("after the restart it has %q", got)
	}
}

// again is another client.
func (p *peer) again(b *Broker) *peer { return connect(p.t, b, 1) }

func TestDuplicatesInTransactions(t *testing.T) {
	both(t, deduplicating(), func(t *testing.T, _ *Broker, p *peer) {
		p.do(1, &amqp.TxSelect{})
		p.publishAs("a", "rolled back")
		p.do(1, &amqp.TxRollback{})
		p.publishAs(nil, "0")
		p.publishAs("a", "1", "2")
		p.publishAs("b", "3")
		p.publishAs("a", "4")
		p.publishAs(nil, "5")
		p.do(1, &amqp.TxCommit{})
		p.publishAs("b", "6")
		p.publishAs("c", "7")
		p.do(1, &amqp.TxCommit{})
		if got, want := strings.Join(p.drain("q"), " "), "0 1 3 5 7"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TX-07: a duplicate came to no queue.
func TestACommitReturnsDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout", Arguments: deduplicating()})
		p.do(1, &amqp.QueueDeclare{Queue: "q"})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
		p.do(1, &amqp.TxSelect{})
		for _, body := range []string{"1", "2"} {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x", Mandatory: true}, identified("a"), []byte(body), 131072))
		}
		p.SendMethods(1, &amqp.TxCommit{})
		if _, body := p.ExpectContent(1, &amqp.BasicReturn{ReplyCode: 312, ReplyText: "NO_ROUTE", Exchange: "x"}); string(body) != "2" {
			t.Errorf("%s is returned, want 2", body)
		}
		p.Expect(1, &amqp.TxCommitOk{})
		if got := p.drain("q"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("got %q", got)
		}
	})
}

// Who comes back from where it died is no duplicate of itself.
func TestWhatDiedComesBack(t *testing.T) {
	both(t, deduplicating(), func(t *testing.T, _ *Broker, p *peer) {
		p.publishAs("a", "1")
		for _, queue := range []string{"q", "other"} {
			props := identified("a")
			death := amqp.Table{{Key: "queue", Value: queue}, {Key: "exchange", Value: map[string]string{"q": "x", "other": "y"}[queue]}}
			props.Headers = append(props.Headers, amqp.Field{Key: "x-death", Value: amqp.Array{amqp.Table{}, death}})
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x"}, props, []byte("from "+queue), 131072))
		}
		if got := p.drain("q"); !slices.Equal(got, []string{"1", "from q"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A message that is rejected, waits in a queue for retries and comes back is no
// duplicate of itself, whether it comes back by an exchange or to the queue.
func TestRetriesAreNoDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(Options{}), 1)
		table := func(fields ...any) (t amqp.Table) {
			for i := 0; i < len(fields); i += 2 {
				t = append(t, amqp.Field{Key: fields[i].(string), Value: fields[i+1]})
			}
			return t
		}
		p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout", Arguments: deduplicating()})
		p.do(1, &amqp.QueueDeclare{Queue: "q", Arguments: deduplicating("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "retry")})
		p.do(1, &amqp.QueueDeclare{Queue: "retry", Arguments: table("x-message-ttl", int32(1000), "x-dead-letter-exchange", "x")})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
		p.publishAs("a", "m")
		for tag := range uint64(3) {
			if body, _, _ := p.get("q"); body != "m" {
				t.Fatalf("try %d: got %q", tag, body)
			}
			p.SendMethods(1, &amqp.BasicReject{DeliveryTag: tag + 1})
			p.sync()
			p.publishAs("a", "duplicate")
			after(1500 * time.Millisecond)
		}
		if got := p.drain("q"); !slices.Equal(got, []string{"m"}) {
			t.Errorf("got %q", got)
		}
	})
}

// Requeued messages are no duplicates.
func TestWhatIsRequeuedIsNoDuplicate(t *testing.T) {
	both(t, deduplicating(), func(t *testing.T, _ *Broker, p *peer) {
		p.publishAs("a", "1")
		p.get("q")
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 1, Requeue: true})
		if got := p.drain("q"); !slices.Equal(got, []string{"1*"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestDeduplicationArgumentsAreChecked(t *testing.T) { // LAV-14
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"x-message-deduplication", "true", "{unacceptable_type,longstr}"},
		{"x-cache-size", "5", `"expected integer, got longstr"`},
		{"x-cache-size", int32(0), "{value_zero,0}"},
		{"x-cache-size", int32(-1), "{value_negative,-1}"},
		{"x-cache-size", int32(1_000_001), "{value_too_large,1000001}"},
		{"x-cache-ttl", true, `"expected integer, got bool"`},
		{"x-cache-ttl", int32(-1), "{value_negative,-1}"},
		{"x-deduplication-header", int32(1), "{unacceptable_type,signedint}"},
	} {
		p := connect(t, New(Options{}), 1)
		arguments := amqp.Table{{Key: c.key, Value: c.value}}
		for what, m := range map[string]amqp.Method{
			"exchange 'e'": &amqp.ExchangeDeclare{Exchange: "e", Type: "fanout", Arguments: arguments},
			"queue 'q'":    &amqp.QueueDeclare{Queue: "q", Arguments: arguments},
		} {
			p.SendMethods(1, m)
			p.ExpectClose(1, amqp.PreconditionFailed, fmt.Sprintf("PRECONDITION_FAILED - invalid arg '%s' for %s in vhost '/': %s", c.key, what, c.want), m.ID())
			p.SendMethods(1, &amqp.ChannelCloseOk{})
			p.OpenChannel(1)
		}
	}
}

func TestDeduplicationArgumentsAreCompared(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	declare := func(size int) []amqp.Method {
		return []amqp.Method{
			&amqp.ExchangeDeclare{Exchange: "e", Type: "fanout", Arguments: deduplicating("x-cache-size", int32(size))},
			&amqp.QueueDeclare{Queue: "q", Arguments: deduplicating("x-cache-size", int32(size))},
		}
	}
	for _, m := range append(declare(5), declare(5)...) {
		p.do(1, m)
	}
	for i, m := range declare(6) {
		p.SendMethods(1, m)
		p.ExpectClose(1, amqp.PreconditionFailed, fmt.Sprintf("PRECONDITION_FAILED - inequivalent arg 'x-cache-size' for %s in vhost '/': received '6' but current is '5'",
			[]string{"exchange 'e'", "queue 'q'"}[i]), m.ID())
		p.SendMethods(1, &amqp.ChannelCloseOk{})
		p.OpenChannel(1)
	}
}
