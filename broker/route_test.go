package broker

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// An exchange may be deleted after a publisher has found its route.
func TestARouteOutlivesItsExchange(t *testing.T) {
	v := newVhost("/", zerolog.Nop())
	v.addExchange(&namedExchange{name: "x", kind: exchange.Headers})
	rt, err := v.route("x", "k")
	if err != nil || !rt.each {
		t.Fatalf("%+v, %v", rt, err)
	}
	if err := v.deleteExchange("x", false); err != nil {
		t.Fatal(err)
	}
	s := &session{vhost: v}
	content := amqp.NewContent(amqp.Properties{0, 0}, nil)
	if got := s.reroute(rt, nil, &content); len(got.queues) > 0 {
		t.Errorf("it leads to %v", got.queues)
	}
}

// A message with very many routing keys holds nobody up: exchanges that do not
// look at keys match it once.
func TestManyKeysAreOneMessageToExchangesThatDoNotLookAtThem(t *testing.T) {
	for _, kind := range []string{exchange.Fanout, exchange.Headers} {
		v, s := newVhost("/", zerolog.Nop()), &session{}
		s.vhost = v
		x := &namedExchange{name: "x", kind: kind}
		v.addExchange(x)
		counted := &countingMatcher{Matcher: x.matcher}
		x.matcher = counted
		q := &queue{name: "q"}
		v.addQueue(q)
		if err := v.bind(s, "x", end{name: "q"}, "", nil); err != nil {
			t.Fatal(err)
		}
		content := amqp.NewContent(amqp.Properties{0, 0}, nil)
		rt := s.reroute(&route{origin: origin{exchange: "x"}}, []string{"a", "b", "c"}, &content)
		if len(rt.queues) != 1 || counted.matches != 1 {
			t.Errorf("%s: %d queues, matched %d times", kind, len(rt.queues), counted.matches)
		}
	}
}

type countingMatcher struct {
	exchange.Matcher[destination]
	matches int
}

func (m *countingMatcher) Match(to []destination, key string, p amqp.Properties) []destination {
	m.matches++
	return m.Matcher.Match(to, key, p)
}
