package broker

import (
	"runtime"
	"sync/atomic"
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
	if got := s.reroute(rt, copies{}, &content); len(got.queues) > 0 {
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
		q := &queue{name: "q", settings: settingsOf(classicQueue, nil, rule{})}
		v.addQueue(q)
		if err := v.bind(s, bindingName{source: "x", to: end{name: "q"}}); err != nil {
			t.Fatal(err)
		}
		content := amqp.NewContent(amqp.Properties{0, 0}, nil)
		rt := s.reroute(&route{origin: origin{exchange: "x"}}, copies{keys: []string{"a", "b", "c"}}, &content)
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

// However many routing keys a message has, others get to change the topology.
func TestManyKeysLetOthersHaveTheLock(t *testing.T) {
	v, s := newVhost("/", zerolog.Nop()), &session{}
	s.vhost = v
	v.addExchange(&namedExchange{name: "x", kind: exchange.Topic})
	x := v.exchanges["x"]
	m := &stoppingMatcher{Matcher: x.matcher, reached: make(chan struct{}), goOn: make(chan struct{})}
	x.matcher = m
	done := make(chan struct{})
	go func() {
		defer close(done)
		content := amqp.NewContent(amqp.Properties{0, 0}, nil)
		s.reroute(&route{origin: origin{exchange: "x"}}, copies{keys: numbered(0, 10*keysAtATime)}, &content)
	}()
	<-m.reached // it holds the lock
	matched := make(chan int64)
	go func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		matched <- m.matches.Load()
	}()
	for v.mu.TryRLock() { // until the other one waits for the lock
		v.mu.RUnlock()
		runtime.Gosched()
	}
	close(m.goOn)
	if n := <-matched; n > keysAtATime {
		t.Errorf("%d keys were matched before another one had the lock", n)
	}
	<-done
}

// stoppingMatcher waits at its first match until it may go on.
type stoppingMatcher struct {
	exchange.Matcher[destination]
	reached, goOn chan struct{}
	matches       atomic.Int64
}

func (m *stoppingMatcher) Match(to []destination, key string, p amqp.Properties) []destination {
	if m.matches.Add(1) == 1 {
		close(m.reached)
	}
	<-m.goOn
	return m.Matcher.Match(to, key, p)
}
