package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// letter is what becomes of a message that has died: by which exchange and keys
// it goes on, with which properties.
type letter struct {
	origin     *origin
	more       []string // further routing keys
	properties amqp.Properties
	traits     traits
	deaths     amqp.Array // x-death, unless the message may go anywhere
}

// death is how messages died. Letters are a function of it and of them.
type death struct {
	queue string
	why   reason
	at    amqp.Timestamp
	to    *deadLettering
}

// letter returns the letter of a message (DLX-02, DLX-14 to DLX-16). It comes
// from the same keys again, those that consumers never saw included (DLX-05), or
// from the one that the queue names instead of all of them.
func (d *death) letter(m *message) letter {
	p := m.content.Properties()
	headers, _, _ := p.Headers()
	changed := d.note(headers, d.certificate(m.origin, headers, p))
	l := letter{origin: &origin{exchange: d.to.exchange, key: m.key, hidden: m.hidden}}
	if d.to.keyed {
		l.origin = &origin{exchange: d.to.exchange, key: d.to.key}
		changed = slices.DeleteFunc(changed, func(f amqp.Field) bool { return f.Key == "CC" }) // DLX-15
	} else {
		l.more = append(keysIn(headers, "CC"), hiddenKeys(m.hidden)...)
		slices.Sort(l.more)
		l.more = slices.DeleteFunc(slices.Compact(l.more), func(key string) bool { return key == m.key })
	}
	l.properties = p.WithHeaders(changed).WithoutExpiration()
	l.traits = traitsOf(l.properties)
	if d.why != rejected {
		deaths, _ := changed.Get("x-death")
		l.deaths, _ = deaths.(amqp.Array)
	}
	return l
}

// returnsTo tells whether a letter would come to a queue where its message has
// died before, and no client has had a hand in it since: it would go round for
// ever (DLX-17 to DLX-20). What is no entry of ours is a client's.
func (l *letter) returnsTo(queue string) bool {
	for _, v := range l.deaths {
		d, ok := v.(amqp.Table)
		if !ok || field(d, "reason") == string(rejected) {
			return false
		}
		if field(d, "queue") == queue {
			return true
		}
	}
	return false
}
