package broker

import (
	"math"
	"slices"
	"strconv"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// A delayed exchange keeps messages that have a header x-delay for so many
// milliseconds, in a queue that no name leads to, and routes them when they are
// due. To a publisher that queue is one like others: it stores messages, it is
// what confirms wait for, and transactions reach it with their commit.

// delayedType is the type of exchanges that delay messages and otherwise are of
// the type that their argument x-delayed-type names (XTYP-39).
const delayedType = "x-delayed-message"

// longestDelay is the longest time that a message is kept, in milliseconds.
const longestDelay = math.MaxUint32

// innerType is the type by which an exchange of a kind routes.
func innerType(kind string, args amqp.Table) (string, error) {
	if kind != delayedType {
		return kind, nil
	}
	v, _ := args.Get("x-delayed-type")
	switch v.(type) {
	case string, []byte:
	default:
		return "", amqp.PreconditionFailed.Errorf("Invalid argument, 'x-delayed-type' must be an existing exchange type")
	}
	inner := text(v)
	if inner == delayedType {
		return "", amqp.PreconditionFailed.Errorf("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
	}
	return inner, checkKind(inner)
}

// isDelayed tells whether an exchange delays messages: also one of another type
// does if an argument says so (LAV-15).
func isDelayed(kind string, args amqp.Table) bool {
	v, _ := args.Get("x-delayed-exchange")
	return kind == delayedType || v == true
}

// delayOf is how long a delayed exchange keeps a message, in milliseconds; 0 is
// not at all (XTYP-40).
func delayOf(p amqp.Properties) int64 {
	v, ok := p.Header("x-delay")
	if !ok {
		return 0
	}
	n, ok := integer(v)
	if !ok {
		n = roughly(v)
	}
	if n < 0 || n > longestDelay {
		return 0
	}
	return n
}

// roughly is the whole number that a text or a fraction stands for; 0 if it
// stands for none.
func roughly(v any) int64 {
	switch v := v.(type) {
	case float32:
		return roughly(float64(v))
	case float64:
		if v >= 0 && v <= longestDelay {
			return int64(v)
		}
	case string, []byte:
		n, _ := strconv.ParseInt(text(v), 10, 64)
		return n
	}
	return 0
}

// onward is what is delivered of a message that was delayed: the delay is
// negated, so that it is not delayed again and consumers see that it was
// (XTYP-41). It goes by all of its keys (PUB-11, PUB-12).
func (m *message) onward() parcel {
	p := m.content.Properties()
	headers, _, _ := p.Headers()
	more := append(keysIn(headers, "CC"), hiddenKeys(m.hidden)...)
	slices.Sort(more)
	more = slices.DeleteFunc(slices.Compact(more), func(key string) bool { return key == m.key })
	if _, ok := headers.Get("x-delay"); ok {
		p = p.WithHeaders(withField(headers, "x-delay", negated(delayOf(p))))
	}
	return parcel{m.origin, more, m.content.WithProperties(p), traitsOf(p)}
}

// negated is a delay with its sign changed, an int32 if it can be.
func negated(delay int64) any {
	if delay > -math.MinInt32 {
		return -delay
	}
	return int32(-delay)
}

// newWaiting returns the queue of an exchange that delays messages. Where it is
// stored, it has the id of the exchange.
func (v *vhost) newWaiting(x *namedExchange) *queue {
	q := newQueue(v, "", classicQueue, &amqp.QueueDeclare{Durable: x.durable})
	q.delays = &delays{exchange: x}
	q.obey(rule{}) // it is no queue to policies
	if x.id != 0 {
		q.stored = v.store.Queue(x.id)
	}
	return q
}

// delay takes a run of messages that are to wait. q.mu is held.
func (q *queue) delay(r *run) {
	now := r.clock(q)
	for i := range r.contents {
		q.lastSeq++
		m := r.keepAlone(i)
		it := storage.Item{Seq: q.lastSeq, Expires: now + delayOf(m.content.Properties()), Size: uint32(m.Size())}
		if q.stores(m) {
			q.stored.Append(it, m)
		}
		q.delays.calendar.push(it, m)
	}
	q.awaitDue()
	q.weigh()
}

// dropDelayed forgets all that waits, for good (XTYP-43). A unit is open, and
// vhost.mu is held.
func (q *queue) dropDelayed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = true
	if q.stored != nil {
		q.stored.Delete()
	}
	q.still()
	if p := q.vhost.pager; p != nil {
		p.forget(q.delays.calendar.inPageFile())
	}
	q.delays.calendar = calendar{}
	q.weigh()
}

// Delayed is how many messages wait in an exchange of a virtual host until they
// are due; false if there is none of that name that delays messages.
func (b *Broker) Delayed(vhost, exchange string) (n int, ok bool) {
	v := b.vhosts.get(vhost)
	if v == nil {
		return 0, false
	}
	v.mu.RLock()
	x := v.exchanges[exchange]
	v.mu.RUnlock()
	if x == nil || x.waiting == nil {
		return 0, false
	}
	return x.waiting.delayed(), true
}

// delayed is how many messages wait in the queue of a delayed exchange.
func (q *queue) delayed() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.delays.calendar.len()
}
