package broker

import (
	"slices"
	"sync"

	"github.com/leveretmq/leveret/amqp"
)

// history is what an exchange remembers of the messages that came through it,
// for those that are bound to it later (XTYP-36). It is not stored: a restart
// forgets it, as in RabbitMQ.
type history struct {
	most int64 // messages; immutable

	mu       sync.Mutex // guards what follows; below vhost.mu, above no other
	messages []parcel
	size     int64 // that they take, about
}

// mostRemembered bounds the bytes of a history, but for its last message.
const mostRemembered = 64 << 20

// note remembers a message, and forgets the oldest ones if there are too many.
func (h *history) note(o *origin, more []string, c *amqp.Content) {
	p := c.Properties()
	if headers, _, _ := p.Headers(); headersSay(headers, "x-recent-history-no-store") { // XTYP-38
		return
	}
	came := *o
	kept, _ := c.Keep(make([]byte, 0, c.KeepSize()))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, parcel{&came, slices.Clone(more), kept, traitsOf(p)})
	h.size += h.messages[len(h.messages)-1].memory()
	for int64(len(h.messages)) > h.most || h.size > mostRemembered && len(h.messages) > 1 {
		h.size -= h.messages[0].memory()
		h.messages[0] = parcel{}
		h.messages = h.messages[1:]
	}
}

// parcelSize is about what a parcel takes besides texts.
const parcelSize = 320

// memory is about how many bytes of memory it takes.
func (p *parcel) memory() int64 {
	n := parcelSize + p.content.Size() + len(p.origin.exchange) + len(p.origin.key) + len(p.origin.hidden)
	for _, key := range p.more {
		n += 16 + len(key)
	}
	return int64(n)
}

// headersSay tells whether a header is true.
func headersSay(headers amqp.Table, key string) bool {
	v, _ := headers.Get(key)
	return v == true
}

// all are the messages, the oldest first; none of no history.
func (h *history) all() []parcel {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.messages)
}

// replayed is about how many bytes a new binding of an exchange has stored.
func (v *vhost) replayed(source string) int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.exchanges[source]
	if x == nil || x.history == nil || v.store == nil {
		return 0
	}
	x.history.mu.Lock()
	defer x.history.mu.Unlock()
	return x.history.size
}

// replay hands what an exchange remembers to a destination that has just been
// bound, the oldest first. v.mu is held, so that whatever comes later through
// the exchange comes later to its queues, and a unit is open.
//
// Deviates: to an exchange RabbitMQ replays the newest first, and fails if it
// leads nowhere.
func (v *vhost) replay(x *namedExchange, to destination) {
	f := forwarding{vhost: v, way: way{still: true}}
	for _, p := range x.history.all() {
		f.way.resume(v, to, p.origin, p.more, &p.content)
		f.send(&p, f.way.queues)
	}
	f.flush()
}
