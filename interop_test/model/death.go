package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// dead is a message that has died in a queue with a dead-letter exchange, and is
// still to be handed on.
type dead struct {
	message  *message
	why      string // rejected, expired, maxlen or delivery_limit (DLX-01)
	queue    string
	exchange string
	key      string // if it is keyed, instead of the keys that the message had
	keyed    bool
}

// die is the end of a message in a queue (DLX-01).
func (q *queue) die(m *message, why string) {
	exchange, ok := q.word("dead-letter-exchange")
	if !ok || q.deleted {
		return
	}
	d := dead{message: m, why: why, queue: q.name, exchange: exchange}
	d.key, d.keyed = q.word("dead-letter-routing-key")
	q.dying = append(q.dying, d)
}

// bury hands the dead of one queue on, in the order of their deaths (DLX-22).
// Which queue comes first is the broker's choice.
func (w *world) bury() (some bool) {
	sources := w.mourning()
	if len(sources) > 0 {
		w.handOn(sources[w.choose(len(sources))])
	}
	return len(sources) > 0
}

// meanwhile is before a method goes on: the broker may have handed on some of
// the dead by then.
func (w *world) meanwhile() {
	for sources := w.mourning(); len(sources) > 0; sources = w.mourning() {
		n := w.choose(1 + len(sources))
		if n == 0 {
			return
		}
		w.handOn(sources[n-1])
	}
}

func (w *world) mourning() []*queue {
	return slices.DeleteFunc(slices.Concat(w.queues, w.gone), func(q *queue) bool { return len(q.dying) == 0 })
}

// handOn routes the dead of a queue as letters. Where there is no exchange any
// more, or no queue, they are gone (DLX-04, DLX-06).
func (w *world) handOn(q *queue) {
	all := q.dying
	q.dying = nil
	if w.letters += len(all); w.letters > 300 {
		w.script, w.options = nil, nil // whatever is chosen
		disagree("dead letters go round for ever")
	}
	var letters []letter
	for _, d := range all {
		m, keys := d.letter(w)
		if x := w.exchange(d.exchange); x != nil {
			targets := w.route(x, keys, m.headers())
			for _, x := range targets.late {
				w.putOff(x, m, keys)
			}
			for _, name := range targets.queues {
				if to := w.queue(name); to != nil && !d.returnsTo(name, m.headers(), w) {
					letters = append(letters, letter{to, m})
				}
			}
		}
	}
	w.arrive(letters)
}

// letter is a message on its way to one queue.
type letter struct {
	to      *queue
	message *message
}

// arrive brings letters to their queues: each to all of its queues before the next
// one, or all of one queue before those of another. Where nothing is dropped or
// refused, that makes no difference.
func (w *world) arrive(letters []letter) {
	var queues []*queue
	tight := false
	for _, l := range letters {
		if !slices.Contains(queues, l.to) {
			queues = append(queues, l.to)
			tight = tight || l.to.tight()
		}
	}
	if len(queues) > 1 && tight && w.choose(2) == 1 {
		var sorted []letter
		for len(queues) > 0 {
			i := w.choose(len(queues))
			for _, l := range letters {
				if l.to == queues[i] {
					sorted = append(sorted, l)
				}
			}
			queues = slices.Delete(queues, i, i+1)
		}
		letters = sorted
	}
	for _, l := range letters {
		l.to.accept(l.message)
		w.dispatch()
		w.trim()
	}
}

// letter is the message that goes on, and the keys by which it does (DLX-02,
// DLX-05, DLX-14 to DLX-16).
func (d dead) letter(w *world) (*message, []string) {
	m := *d.message
	m.exchange = d.exchange
	headers := d.note(m.headers(), w)
	keys := append([]string{m.key}, append(copies(headers, "CC"), m.hidden...)...)
	if d.keyed && w.wrong != "a letter keeps its keys" {
		m.key, m.hidden, keys = d.key, nil, []string{d.key}
		headers = without(headers, "CC")
	}
	p, _ := amqp.Properties(m.properties).Decode()
	p.Headers = headers
	if w.wrong != "a letter may expire again" {
		p.Expiration = ""
	}
	m.properties = p.Append(nil)
	return &m, keys
}

// note are the headers with one more death (DLX-08 to DLX-13).
func (d dead) note(headers amqp.Table, w *world) amqp.Table {
	m := d.message
	keys := amqp.Array{m.key}
	for _, key := range copies(headers, "CC") {
		keys = append(keys, key)
	}
	entry := amqp.Table{
		{Key: "count", Value: int64(1)},
		{Key: "reason", Value: d.why},
		{Key: "queue", Value: d.queue},
		{Key: "time", Value: w.clock()},
		{Key: "exchange", Value: m.exchange},
		{Key: "routing-keys", Value: keys},
	}
	if p, _ := amqp.Properties(m.properties).Decode(); p.Expiration != "" {
		entry = append(entry, amqp.Field{Key: "original-expiration", Value: p.Expiration})
	}
	v, again := headers.Get("x-death")
	if !again {
		headers = with(headers, "x-first-death-exchange", m.exchange)
		headers = with(headers, "x-first-death-queue", d.queue)
		headers = with(headers, "x-first-death-reason", d.why)
		return with(headers, "x-death", amqp.Array{entry})
	}
	deaths := amqp.Array{nil}
	entry = with(without(entry, "count"), "count", int64(1))
	for _, v := range v.(amqp.Array) {
		same := v.(amqp.Table)
		if word(same, "queue") != d.queue || word(same, "reason") != d.why {
			deaths = append(deaths, v)
			continue
		}
		if n, _ := same.Get("count"); w.wrong != "deaths are not counted" {
			entry = with(same, "count", n.(int64)+1)
		}
	}
	deaths[0] = entry
	return with(headers, "x-death", deaths)
}

// returnsTo tells whether the letter would go round without a client's doing: it
// has died in the queue before, and was not rejected since (DLX-17 to DLX-20).
func (d dead) returnsTo(queue string, headers amqp.Table, w *world) bool {
	v, _ := headers.Get("x-death")
	for _, v := range v.(amqp.Array) {
		switch t := v.(amqp.Table); {
		case word(t, "reason") == "rejected":
			return false
		case word(t, "queue") == queue:
			return w.wrong != "dead letters go round for ever"
		}
	}
	return false
}

// copies are the routing keys in a header.
func copies(headers amqp.Table, name string) (keys []string) {
	v, _ := headers.Get(name)
	list, _ := v.(amqp.Array)
	for _, v := range list {
		if key, ok := v.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func word(t amqp.Table, key string) string {
	v, _ := t.Get(key)
	s, _ := v.(string)
	return s
}

func without(t amqp.Table, key string) amqp.Table {
	return slices.DeleteFunc(slices.Clone(t), func(f amqp.Field) bool { return f.Key == key })
}

// with is a table with one more field, sorted.
func with(t amqp.Table, key string, value any) amqp.Table {
	t = append(without(t, key), amqp.Field{Key: key, Value: value})
	slices.SortStableFunc(t, func(a, b amqp.Field) int { return strings.Compare(a.Key, b.Key) })
	return t
}

// inOrder are deliveries by their tags.
func inOrder(ds []*delivery) []*delivery {
	ds = slices.Clone(ds)
	slices.SortFunc(ds, func(a, b *delivery) int { return cmp.Compare(a.tag, b.tag) })
	return ds
}
