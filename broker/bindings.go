package broker

import (
	"math/rand/v2"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// namedExchange is an exchange of a vhost.
type namedExchange struct {
	name       string
	kind       string
	durable    bool
	autoDelete bool
	internal   bool
	arguments  amqp.Table
	id         uint64   // in the store, 0 if it is not there
	each       bool     // what a message comes to depends on more than its routing key
	history    *history // nil if it remembers nothing
	dedup      *dedup   // nil if it drops nothing

	inner   string // the type by which it routes; kind, unless that is to delay messages
	waiting *queue // what it delays; nil: it delays nothing
	// All above is immutable; vhost.mu guards what follows.

	rule      rule
	alternate *string // name of the alternate exchange, nil if there is none
	matcher   exchange.Matcher[destination]
	bindings  map[bindingKey]binding // those it is the source of
	inbound   inbound
}

// binding is what a binding has besides its key.
type binding struct {
	arguments amqp.Table
	id        uint64 // in the store, 0 if it is not there
}

// destination is what a binding leads to: a queue or an exchange.
type destination interface {
	// bound are the bindings that lead there.
	bound() *inbound
	// lasts tells whether it is durable.
	lasts() bool
	// end is how clients name it.
	end() end
}

// inbound are the bindings that lead to a destination, each with its source;
// vhost.mu guards them.
type inbound map[bindingKey]*namedExchange

func (x *namedExchange) bound() *inbound { return &x.inbound }
func (q *queue) bound() *inbound         { return &q.inbound }

// bindingKey is what makes a binding the same as another (QOP-01, QOP-02).
type bindingKey struct {
	source    string
	to        destination
	key       string
	arguments string // canonical
}

// addExchange makes an exchange known. v.mu is held, or v is new.
func (v *vhost) addExchange(x *namedExchange) {
	x.inner, _ = innerType(x.kind, x.arguments)
	x.matcher, _ = exchange.New(x.inner, x.arguments, byEnd, rand.IntN)
	if n := exchange.HistoryLength(x.inner, x.arguments); n > 0 {
		x.history = &history{most: n}
	}
	x.dedup = dedupOf(x.end(), x.arguments)
	if isDelayed(x.kind, x.arguments) {
		x.waiting = v.newWaiting(x)
	}
	x.each = x.history != nil || x.dedup != nil || x.waiting != nil || !exchange.ByKey(x.inner, x.arguments)
	x.bindings = map[bindingKey]binding{}
	x.conform(v)
	v.exchanges[x.name] = x
	v.generation.Add(1)
}

// end is what a client names as the destination of a binding.
type end struct {
	name     string
	exchange bool // or else a queue
}

// byEnd orders destinations by how clients name them.
func byEnd(a, b destination) int {
	from, to := a.end(), b.end()
	if from.exchange != to.exchange {
		if to.exchange {
			return -1
		}
		return 1
	}
	return strings.Compare(from.name, to.name)
}

// lookup finds what a client named, nil if there is nothing. v.mu is held.
func (v *vhost) lookup(e end) destination {
	if e.exchange {
		if x := v.exchanges[e.name]; x != nil {
			return x
		}
	} else if q := v.queues[e.name]; q != nil {
		return q
	}
	return nil
}

// ends finds both ends of a new binding, the source first (QOP-03, QOP-04,
// EXCH-39, QDEC-14). v.mu is held.
func (v *vhost) ends(s *session, source string, to end) (*namedExchange, destination, error) {
	x, d := v.exchanges[source], v.lookup(to)
	switch {
	case x == nil:
		return nil, nil, noExchange(source, v)
	case d == nil && to.exchange:
		return nil, nil, noExchange(to.name, v)
	case d == nil:
		return nil, nil, noQueue(to.name, v)
	}
	return x, d, lockedFor(d, s)
}

// lockedFor is the error for a queue that belongs to another session.
func lockedFor(d destination, s *session) error {
	if q, ok := d.(*queue); ok {
		return q.lockedFor(s)
	}
	return nil
}

// bindingName is what a client says of a binding.
type bindingName struct {
	source    string
	to        end
	key       string
	arguments amqp.Table
}

// checkEnds refuses the default exchange, whose bindings nobody changes (EXCH-05).
func (n bindingName) checkEnds() error {
	if n.source == "" || n.to.exchange && n.to.name == "" {
		return defaultExchange()
	}
	return nil
}

// bind adds a binding unless it is there (QOP-01). What the source remembers
// goes to its new destination.
func (v *vhost) bind(s *session, n bindingName) error {
	if size := v.replayed(n.source); size > 0 {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	x, d, err := v.ends(s, n.source, n.to)
	if err != nil {
		return err
	}
	if err := exchange.CheckBinding(x.inner, n.key, n.arguments); err != nil {
		return err
	}
	id := bindingKey{x.name, d, n.key, n.arguments.Canonical()}
	if _, have := x.bindings[id]; have {
		return nil
	}
	v.addBinding(x, id, binding{n.arguments, v.keepBinding(x, id, n.arguments)})
	v.replay(x, d)
	return nil
}

// addBinding makes a binding known. v.mu is held, or v is new.
func (v *vhost) addBinding(x *namedExchange, id bindingKey, b binding) {
	x.bindings[id] = b
	x.matcher.Bind(id.key, b.arguments, id.to)
	in := id.to.bound()
	if *in == nil {
		*in = inbound{}
	}
	(*in)[id] = x
	v.generation.Add(1)
}

// unbind removes a binding; one that is not there is no error (QOP-07,
// EXCH-40), and then nothing is checked either (QDEC-16).
func (v *vhost) unbind(s *session, n bindingName) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	x, d := v.exchanges[n.source], v.lookup(n.to)
	if x == nil || d == nil {
		return nil
	}
	id := bindingKey{x.name, d, n.key, n.arguments.Canonical()}
	if _, have := x.bindings[id]; !have {
		return nil
	}
	if err := lockedFor(d, s); err != nil {
		return err
	}
	v.unbindLocked(x, id)
	return nil
}

// unbindLocked removes a binding, and an auto-delete exchange with its last
// one (EXCH-30).
func (v *vhost) unbindLocked(x *namedExchange, id bindingKey) {
	b := x.bindings[id]
	x.matcher.Unbind(id.key, b.arguments, id.to)
	delete(x.bindings, id)
	v.forget(bindingKind, b.id)
	delete(*id.to.bound(), id)
	v.generation.Add(1)
	if x.autoDelete && len(x.bindings) == 0 {
		v.removeExchange(x)
	}
}

// unbindAll removes the bindings that lead to a destination which goes
// (EXCH-31).
func (v *vhost) unbindAll(d destination) {
	for id, x := range *d.bound() {
		v.unbindLocked(x, id)
	}
}

// removeExchange removes an exchange with its bindings (EXCH-27). Those it is
// the source of go first: exchanges may be bound in a circle. v.mu is held.
func (v *vhost) removeExchange(x *namedExchange) {
	delete(v.exchanges, x.name)
	v.forget(exchangeKind, x.id)
	for id, b := range x.bindings {
		delete(*id.to.bound(), id)
		v.forget(bindingKind, b.id)
	}
	clear(x.bindings)
	if x.waiting != nil {
		x.waiting.dropDelayed()
	}
	v.generation.Add(1)
	v.unbindAll(x)
}
