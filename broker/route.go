package broker

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// route is where publishes to an exchange with a routing key go.
type route struct {
	origin
	queues     []*queue
	storing    int32  // how many of them store messages
	quorums    int32  // how many of those store transient ones, too (QQ-02)
	dedup      *dedup // of the exchange; nil if it drops nothing
	each       bool   // every message has to find its own way
	generation uint64 // of the vhost's topology
}

// route finds the queues of messages that are published to an exchange with a
// routing key and no others (PUB-01, EXCH-28).
func (v *vhost) route(exchangeName, key string) (*route, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rt := &route{origin: origin{exchange: exchangeName, key: key}}
	if exchangeName == "" {
		rt.each = isReplyName(key)
	} else if x := v.exchanges[exchangeName]; x == nil {
		return nil, noExchange(exchangeName, v)
	} else if x.internal {
		return nil, amqp.AccessRefused.Errorf("cannot publish to internal %s", exchangeText(x.name, v))
	} else {
		rt.dedup = x.dedup
	}
	var w way
	w.find(v, &rt.origin, nil, nil)
	rt.queues, rt.storing, rt.quorums, rt.each = w.queues, storing(w.queues), quorums(w.queues), rt.each || w.each
	return rt, nil
}

// storing is how many of the queues store messages.
func storing(queues []*queue) (n int32) {
	for _, q := range queues {
		if q.stored != nil {
			n++
		}
	}
	return n
}

// quorums is how many of the queues store transient messages, too.
func quorums(queues []*queue) (n int32) {
	for _, q := range queues {
		if q.stored != nil && q.kind.replicated {
			n++
		}
	}
	return n
}

// way is how one message goes through exchanges. It is kept from message to
// message for the memory that it has.
type way struct {
	queues []*queue // that it comes to
	each   bool     // it depends on more than the routing key
	still  bool     // others are never let in between

	matches int // of further keys so far

	exchanges []*namedExchange            // that it comes through, each once
	entered   map[*namedExchange]struct{} // exchanges but the first; nil if there are no others
	found     []destination               // by their bindings, each once
}

// find finds the queues of a message with a routing key and further ones from
// its headers (PUB-11). No key is there twice. Exchanges remember the message;
// nil stands for all messages that have no headers, of which they remember
// nothing. v.mu is held for reading, but for moments if there are very many
// keys.
func (w *way) find(v *vhost, o *origin, more []string, c *amqp.Content) {
	w.queues, w.each = w.queues[:0], false
	if o.exchange == "" { // EXCH-02
		w.named(v, o.key)
		for _, key := range more {
			w.named(v, key)
		}
		return
	}
	if x := v.exchanges[o.exchange]; x != nil { // another connection may just have deleted it
		w.enter(x)
	}
	w.follow(v, o, more, c)
}

// resume finds the queues of a message that has come to a destination.
func (w *way) resume(v *vhost, to destination, o *origin, more []string, c *amqp.Content) {
	w.queues, w.each = w.queues[:0], false
	w.reach(to)
	w.follow(v, o, more, c)
}

// resumeAt finds the queues of a message that exchange x has delayed, if x is
// still there.
func (w *way) resumeAt(v *vhost, x *namedExchange, p *parcel) {
	if v.exchanges[x.name] == x {
		w.resume(v, x, p.origin, p.more, &p.content)
	} else {
		w.queues = w.queues[:0]
	}
}

// reach adds a destination.
func (w *way) reach(d destination) {
	switch d := d.(type) {
	case *queue:
		w.queues = append(w.queues, d)
	case *namedExchange:
		w.enter(d)
	}
}

// follow goes on from the exchanges that the message has come to.
func (w *way) follow(v *vhost, o *origin, more []string, c *amqp.Content) {
	var p amqp.Properties
	if c != nil {
		p = c.Properties()
	}
	for i := 0; i < len(w.exchanges); i++ {
		x := w.exchanges[i]
		if x.waiting != nil && delayOf(p) > 0 { // what it leads to is seen when the delay ends (XTYP-41)
			w.queues, w.each = append(w.queues, x.waiting), true
			continue
		}
		if x.history != nil && c != nil {
			x.history.note(o, more, c)
		}
		w.through(v, x, o.key, more, p)
	}
	clear(w.exchanges)
	clear(w.found)
	w.exchanges, w.entered, w.found = w.exchanges[:0], nil, w.found[:0]
}

// named adds the queue that the default exchange finds.
func (w *way) named(v *vhost, key string) {
	if q := v.queues[key]; q != nil {
		w.queues = append(w.queues, q)
	}
}

// through follows the bindings of an exchange, and its alternate exchange if
// none leads anywhere (EXCH-33 to EXCH-36).
func (w *way) through(v *vhost, x *namedExchange, key string, more []string, p amqp.Properties) {
	w.each = w.each || x.each
	before := len(w.found)
	w.found = w.match(v, x, w.found, key, more, p)
	for _, d := range w.found[before:] {
		w.reach(d)
	}
	// What others have found already does not count as found, but leads somewhere.
	if x.alternate != nil && len(w.found) == before && len(w.match(v, x, nil, key, more, p)) == 0 {
		if a := v.exchanges[*x.alternate]; a != nil {
			w.enter(a)
		}
	}
}

// match adds what the bindings of an exchange lead to by any of the keys. When
// there are very many of them it lets others have the lock now and then: what
// changes meanwhile is followed or not, as if the message had come later or
// earlier.
func (w *way) match(v *vhost, x *namedExchange, to []destination, key string, more []string, p amqp.Properties) []destination {
	key, more = exchange.Keys(x.inner, key, more)
	to = x.matcher.Match(to, key, p)
	for _, key := range more {
		if w.matches++; w.matches%keysAtATime == 0 && !w.still {
			v.mu.RUnlock()
			v.mu.RLock()
		}
		to = x.matcher.Match(to, key, p)
	}
	return to
}

// keysAtATime bounds the keys of one message that are matched without letting
// others have the lock.
const keysAtATime = 256

// enter has the message go through an exchange, once (EXCH-41).
func (w *way) enter(x *namedExchange) {
	if len(w.exchanges) > 0 {
		if _, again := w.entered[x]; again || x == w.exchanges[0] {
			return
		}
		if w.entered == nil {
			w.entered = map[*namedExchange]struct{}{}
		}
		w.entered[x] = struct{}{}
	}
	w.exchanges = append(w.exchanges, x)
}
