package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/exchange"
)

// recent declares a recent history exchange of a length; 0 is the usual one.
func (p *peer) recent(name string, length int) {
	p.t.Helper()
	m := &amqp.ExchangeDeclare{Exchange: name, Type: exchange.RecentHistory}
	if length > 0 {
		m.Arguments = amqp.Table{{Key: "x-recent-history-length", Value: int32(length)}}
	}
	p.do(1, m)
}

// bound binds a new queue and returns what it gets at once.
func (p *peer) bound(exchange, queue, key string) []string {
	p.t.Helper()
	p.declare(queue)
	p.do(1, &amqp.QueueBind{Queue: queue, Exchange: exchange, RoutingKey: key})
	return p.drain(queue)
}

// through publishes messages whose keys are their bodies, and that need not come
// to a queue.
func (p *peer) through(exchange string, props amqp.BasicProperties, bodies ...string) {
	for _, body := range bodies {
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: exchange, RoutingKey: "k" + body}, props, []byte(body), 131072))
	}
}

func TestANewBindingGetsWhatCameLast(t *testing.T) { // XTYP-36, XTYP-38
	noStore := func(v any) amqp.BasicProperties {
		return amqp.BasicProperties{Headers: amqp.Table{{Key: "x-recent-history-no-store", Value: v}}}
	}
	for _, c := range []struct {
		name   string
		length int
		script func(p *peer)
		want   []string
	}{
		{"nothing", 0, func(*peer) {}, nil},
		{"the last 20", 0, func(p *peer) { p.through("x", amqp.BasicProperties{}, numbered(0, 25)...) }, numbered(5, 20)},
		{"the last 3", 3, func(p *peer) { p.through("x", amqp.BasicProperties{}, numbered(0, 25)...) }, numbered(22, 3)},
		{"not what is not to be stored", 3, func(p *peer) {
			p.through("x", amqp.BasicProperties{}, "a")
			p.through("x", noStore(true), "b")
			p.through("x", noStore(false), "c")
			p.through("x", noStore("true"), "d")
		}, []string{"a", "c", "d"}},
		{"what came by another exchange", 3, func(p *peer) {
			p.do(1, &amqp.ExchangeBind{Source: "amq.fanout", Destination: "x"})
			p.through("amq.fanout", amqp.BasicProperties{}, "a")
			p.through("x", amqp.BasicProperties{}, "b")
		}, []string{"a", "b"}},
		{"what others are bound to already", 3, func(p *peer) {
			p.declare("other")
			p.do(1, &amqp.QueueBind{Queue: "other", Exchange: "x"})
			p.through("x", amqp.BasicProperties{}, "a", "b")
		}, []string{"a", "b"}},
		{"not what came to another one of its name", 3, func(p *peer) {
			p.through("x", amqp.BasicProperties{}, "a", "b")
			p.do(1, &amqp.ExchangeDelete{Exchange: "x"})
			p.recent("x", 3)
			p.through("x", amqp.BasicProperties{}, "c")
		}, []string{"c"}},
		{"what was in a transaction that was rolled back", 3, func(p *peer) { // routing was at the publish
			p.OpenChannel(2)
			p.do(2, &amqp.TxSelect{})
			p.Send(amqptest.Publish(2, &amqp.BasicPublish{Exchange: "x"}, amqp.BasicProperties{}, []byte("a"), 131072))
			p.do(2, &amqp.TxRollback{})
		}, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			p.recent("x", c.length)
			c.script(p)
			if got := p.bound("x", "q", ""); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := p.bound("x", "q", ""); len(got) > 0 {
				t.Errorf("got %q by a binding that was there", got)
			}
			if got := p.bound("x", "q", "another"); !slices.Equal(got, c.want) {
				t.Errorf("got %q by another binding, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsReplayedIsAsItCame(t *testing.T) { // XTYP-36
	p := connect(t, New(Options{}), 1)
	p.recent("x", 3)
	p.declare("q")
	p.consume(1, "q", "k", true)
	props := amqp.BasicProperties{MessageID: "m", Headers: amqp.Table{{Key: "h", Value: true}}}
	large := strings.Repeat("large", 100_000)
	p.through("x", props, "a")
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "large"}, props, []byte(large), 131072))
	p.SendMethods(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
	wantKey := []string{"ka", "large"}
	wantBody := []string{"a", large}
	for i := range wantKey {
		deliver := nextMethod(p).(*amqp.BasicDeliver)
		header := p.Next()
		if deliver.Exchange != "x" || deliver.RoutingKey != wantKey[i] || deliver.Redelivered {
			t.Errorf("got %+v", deliver)
		}
		if got := amqp.Properties(header.Payload[12:]); !slices.Equal(got, props.Append(nil)) {
			t.Errorf("got the properties %q", got)
		}
		var body []byte
		for len(body) < len(wantBody[i]) {
			body = append(body, p.Next().Payload...)
		}
		if string(body) != wantBody[i] {
			t.Errorf("got a body of %d bytes", len(body))
		}
	}
	p.Expect(1, &amqp.QueueBindOk{})
}

// Deviates: RabbitMQ replays the newest first to an exchange, and fails if there
// is no queue behind it.
func TestAnExchangeGetsWhatCameLast(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.recent("x", 10)
	p.recent("y", 10)
	p.declare("q")
	p.declare("r")
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.topic", RoutingKey: "ka"})
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.topic", RoutingKey: "kc"})
	p.do(1, &amqp.QueueBind{Queue: "r", Exchange: "amq.topic", RoutingKey: "kc"})
	p.do(1, &amqp.QueueBind{Queue: "r", Exchange: "amq.topic", RoutingKey: "further"})
	p.through("x", amqp.BasicProperties{}, "a", "b", "c", "d")
	p.through("x", amqp.BasicProperties{Headers: amqp.Table{{Key: "CC", Value: amqp.Array{"further"}}}}, "e")
	p.do(1, &amqp.ExchangeBind{Source: "x", Destination: "amq.fanout"}) // leads nowhere
	p.do(1, &amqp.ExchangeBind{Source: "x", Destination: "y"})
	p.do(1, &amqp.ExchangeBind{Source: "y", Destination: "amq.topic"})
	for range 2 {
		if q, r := p.drain("q"), p.drain("r"); !slices.Equal(q, []string{"a", "c"}) || !slices.Equal(r, []string{"c", "e"}) {
			t.Errorf("got %q and %q", q, r)
		}
		p.do(1, &amqp.ExchangeBind{Source: "y", Destination: "x"}) // what y remembers goes once around
	}
}

// The lock that a replay holds is not let go for messages with very many keys.
func TestAReplayOfManyKeys(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.recent("x", 10)
	p.declare("q")
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.topic", RoutingKey: "999"})
	var keys amqp.Array
	for _, key := range numbered(0, 1000) {
		keys = append(keys, key)
	}
	p.through("x", amqp.BasicProperties{Headers: amqp.Table{{Key: "CC", Value: keys}}}, "m")
	p.do(1, &amqp.ExchangeBind{Source: "x", Destination: "amq.topic"})
	if got := p.drain("q"); !slices.Equal(got, []string{"m"}) {
		t.Errorf("got %q", got)
	}
}

func TestAHistoryIsBoundedInBytes(t *testing.T) {
	h := history{most: 1 << 40}
	all := append([]byte("abcdefgh"), make([]byte, mostRemembered+8)...)
	note := func(first byte, size int) {
		body := all[first-'a':]
		c := amqp.NewContent(amqp.Properties{0, 0}, body[:size])
		h.note(&origin{}, nil, &c)
	}
	bodies := func() (s string) {
		for _, m := range h.all() {
			s += string(m.content.Body()[:1])
		}
		return s
	}
	note('a', mostRemembered/4)
	note('b', mostRemembered/4)
	note('c', mostRemembered/4)
	note('d', mostRemembered/4-4*parcelSize-100)
	if got := bodies(); got != "abcd" {
		t.Errorf("it has %s", got)
	}
	note('e', mostRemembered/3)
	if got := bodies(); got != "cde" {
		t.Errorf("it has %s", got)
	}
	note('f', mostRemembered+1)
	note('g', mostRemembered+1)
	if got := bodies(); got != "g" {
		t.Errorf("it has %s", got)
	}
	for range 2 * mostRemembered / parcelSize {
		note('i', 1)
	}
	if h.size > mostRemembered || len(h.all()) > mostRemembered/parcelSize {
		t.Errorf("it has %d messages of %d bytes", len(h.all()), h.size)
	}
	note('f', mostRemembered+1)
	note('h', 50_000)
	if got := bodies(); got != "h" || h.size > 100_000 {
		t.Errorf("it has %s, of %d bytes", got, h.size)
	}
}

// Persistent messages that are replayed to a durable queue are stored there; what
// the exchange remembers is not.
func TestWhatIsReplayedIsStored(t *testing.T) {
	b := openIn(t, t.TempDir())
	p := connect(t, b, 1)
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: exchange.RecentHistory, Durable: true})
	for i, mode := range []uint8{2, 1, 2, 2} {
		p.through("x", amqp.BasicProperties{DeliveryMode: mode}, numbered(i, 1)...)
	}
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
	p.Quit()
	b = restart(t, b)
	p = connect(t, b, 1)
	if got := p.drain("q"); !slices.Equal(got, []string{"0", "2", "3"}) {
		t.Errorf("after a restart the queue has %q", got)
	}
	if got := p.bound("x", "r", ""); len(got) > 0 {
		t.Errorf("the exchange remembers %q after a restart", got)
	}
}

// However publishes and a binding meet, the new queue has each message once and
// in order.
func TestABindingMissesNothing(t *testing.T) {
	const n = 400
	for range 20 {
		b := New(Options{})
		publisher, binder := connect(t, b, 1), connect(t, b, 1)
		publisher.recent("x", n)
		binder.declare("q")
		publisher.running.Go(func() {
			for i := range n {
				publisher.through("x", amqp.BasicProperties{}, numbered(i, 1)...)
			}
		})
		binder.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
		publisher.running.Wait()
		publisher.sync()
		if got := binder.drain("q"); !slices.Equal(got, numbered(0, n)) {
			t.Fatalf("got %q", got)
		}
	}
}
