package broker

import (
	"strconv"

	"github.com/leveretmq/leveret/amqp"
)

// traits are what the properties of a message ask of queues.
type traits struct {
	lifetime   int64 // milliseconds, if it is mortal (TTL-01)
	priority   uint8
	mortal     bool
	persistent bool // durable queues store it
}

// ordinary tells that queues treat the message like one without properties,
// but for storing it.
func (t traits) ordinary() bool { return !t.mortal && t.priority == 0 }

// traitsOf reads properties that were checked.
func traitsOf(p amqp.Properties) (t traits) {
	t.priority, _ = p.Priority()
	if s, ok := p.Expiration(); ok {
		n, _ := strconv.ParseInt(s, 10, 64)
		t.lifetime, t.mortal = n, true
	}
	mode, _ := p.DeliveryMode()
	t.persistent = mode == persistentMode
	return t
}

// characterise notes the traits of the last publish. As long as all are ordinary
// there is nothing to note.
func (r *run) characterise(t traits) {
	if len(r.traits) > 0 || !t.ordinary() {
		r.distinguish(t)
	}
}

func (r *run) distinguish(t traits) {
	last := len(r.contents) - 1
	for len(r.traits) < last {
		r.traits = append(r.traits, traits{})
	}
	r.traits = append(r.traits, t)
}

// endow gives an entry of the i-th publish its deadline and its priority. Most
// have neither, and to see that costs no call.
func (q *queue) endow(e *entry, r *run, i int) {
	if q.settings.ttl != unset || i < len(r.traits) {
		q.bestow(e, r, i)
	}
}

func (q *queue) bestow(e *entry, r *run, i int) {
	var t traits
	if i < len(r.traits) {
		t = r.traits[i]
	}
	e.priority = min(t.priority, q.maxPriority)
	if lifetime := q.settings.lifetime(t); lifetime != unset {
		e.expires = r.clock(q) + lifetime
	}
}

// clock is the time, the same for all publishes of a run.
func (r *run) clock(q *queue) int64 {
	if r.now == 0 {
		r.now = q.now()
	}
	return r.now
}
