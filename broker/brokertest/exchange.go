package brokertest

import (
	"slices"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

// Exchange is an exchange by its name. It may yet be declared.
type Exchange struct {
	vhost *Vhost
	name  string
}

// Exchange returns the exchange with a name; "" is the default exchange.
func (v *Vhost) Exchange(name string) *Exchange { return &Exchange{v, name} }

// Published are the last messages, 1000 at most, that clients have published to
// the exchange and the broker has accepted, in their order: whether or not they
// came to a queue, and those of transactions before the commit.
func (x *Exchange) Published() []Message { return x.record().messages() }

func (x *Exchange) record() *record { return x.vhost.broker.records.of(x.vhost.name, x.name) }

// WaitPublished waits until clients have published at least n messages to the
// exchange, and returns the last ones, as Published does.
func (x *Exchange) WaitPublished(t testing.TB, n int) []Message {
	t.Helper()
	r := x.record()
	x.vhost.broker.wait(t, count(n, "message")+" published to exchange "+x.name, func() (bool, string) {
		ever := r.count()
		return ever >= n, count(ever, "message") + " published to it"
	})
	return r.messages()
}

// Bindings are those that lead from the exchange.
func (x *Exchange) Bindings(t testing.TB) []broker.Binding {
	t.Helper()
	return slices.DeleteFunc(x.vhost.Bindings(t), func(d broker.Binding) bool { return d.Source != x.name })
}

// Bindings are all that the virtual host has, but for those of the default
// exchange.
func (v *Vhost) Bindings(t testing.TB) []broker.Binding {
	t.Helper()
	var all []broker.Binding
	v.do(t, "bindings", func(b *broker.Broker) (err error) {
		all, err = b.Bindings(v.name)
		return err
	})
	return all
}

// records are what clients have published to each exchange of each virtual host.
type records struct {
	mu  sync.Mutex // guards all; a leaf
	all map[[2]string]*record
}

// of returns the record of an exchange.
func (r *records) of(vhost, exchange string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{vhost, exchange}
	if r.all == nil {
		r.all = map[[2]string]*record{}
	}
	if r.all[key] == nil {
		r.all[key] = &record{}
	}
	return r.all[key]
}

// recordLen is how many messages of an exchange are remembered.
const recordLen = 1000

// record is what clients have published to an exchange.
type record struct {
	mu   sync.Mutex // guards what follows; a leaf
	ever int
	last []published // a ring, once it is full
}

// published is a message as it came.
type published struct {
	method  *amqp.BasicPublish
	content amqp.Content
}

// note remembers a message, neither part of which changes.
func (r *record) note(p *amqp.BasicPublish, kept amqp.Content) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.last) < recordLen {
		r.last = append(r.last, published{p, kept})
	} else {
		r.last[r.ever%recordLen] = published{p, kept}
	}
	r.ever++
}

func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ever
}

// messages are the last ones.
func (r *record) messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Message, 0, len(r.last))
	for i := range r.last {
		if len(r.last) == recordLen {
			i = (r.ever + i) % recordLen
		}
		p := &r.last[i]
		all = append(all, message(p.method.Exchange, p.method.RoutingKey, p.content.Properties(), p.content.Body()))
	}
	return all
}
