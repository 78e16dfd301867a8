package model

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// binding leads from an exchange to a queue, or to an exchange.
type binding struct {
	source   *exchange
	queue    *queue
	exchange *exchange
	key      string
	args     amqp.Table
}

// same is the identity of bindings: the order of the arguments is of no
// account (QOP-01, QOP-02, QOP-09).
func (b binding) same(other binding) bool {
	return b.source == other.source && b.queue == other.queue && b.exchange == other.exchange &&
		b.key == other.key && sorted(b.args) == sorted(other.args)
}

func sorted(args amqp.Table) string {
	var fields []string
	for _, f := range args {
		fields = append(fields, fmt.Sprintf("%s=%T:%v", f.Key, f.Value, f.Value))
	}
	slices.Sort(fields)
	return fmt.Sprint(fields)
}

func (w *world) bind(b binding) *refusal {
	if r := checkMatch(b.source.inner(), b.args); r != nil {
		return r
	}
	if !slices.ContainsFunc(w.bindings, b.same) {
		w.bindings = append(w.bindings, b)
	}
	return nil
}

// unbindAll removes bindings, then the auto-delete exchanges that have lost
// their last one with that (EXCH-30, EXCH-32), and so on (EXCH-31).
func (w *world) unbindAll(gone func(binding) bool) {
	var losers []*exchange
	for _, b := range w.bindings {
		if gone(b) && !slices.Contains(losers, b.source) {
			losers = append(losers, b.source)
		}
	}
	w.bindings = slices.DeleteFunc(w.bindings, gone)
	if w.wrong == "auto-delete exchanges stay" {
		return
	}
	for _, x := range losers {
		if x.autoDelete && !w.isSource(x) && slices.Contains(w.exchanges, x) {
			w.deleteExchange(x)
		}
	}
}

func (ch *channel) queueBind(m *amqp.QueueBind) *refusal {
	w := ch.conn.world
	name, key, r := ch.bindingEnds(m.Queue, m.RoutingKey)
	if r != nil {
		return r
	}
	if m.Exchange == "" {
		return defaultExchange()
	}
	x := w.exchange(m.Exchange)
	if x == nil { // QOP-04
		return noExchange(m.Exchange)
	}
	q, r := ch.conn.usable(name) // QOP-03, QDEC-14
	if r != nil {
		return r
	}
	if r := w.bind(binding{source: x, queue: q, key: key, args: m.Arguments}); r != nil {
		return r
	}
	if !m.NoWait {
		ch.emit(&amqp.QueueBindOk{})
	}
	return nil
}

// bindingEnds gives the current queue for an empty name, and its name for the
// key if that is empty, too (QOP-05, QOP-06).
func (ch *channel) bindingEnds(queue, key string) (string, string, *refusal) {
	name, r := ch.queueName(queue)
	if r == nil && queue == "" && key == "" {
		key = name
	}
	return name, key, r
}

func (ch *channel) queueUnbind(m *amqp.QueueUnbind) *refusal {
	w := ch.conn.world
	name, key, r := ch.bindingEnds(m.Queue, m.RoutingKey)
	if r != nil {
		return r
	}
	if m.Exchange == "" {
		return defaultExchange()
	}
	b := binding{source: w.exchange(m.Exchange), queue: w.queue(name), key: key, args: m.Arguments}
	if slices.ContainsFunc(w.bindings, b.same) { // else QOP-07, QDEC-16
		if _, r := ch.conn.usable(name); r != nil {
			return r
		}
		w.unbindAll(b.same)
	}
	ch.emit(&amqp.QueueUnbindOk{})
	return nil
}

func (ch *channel) exchangeBind(m *amqp.ExchangeBind) *refusal {
	w := ch.conn.world
	if m.Source == "" || m.Destination == "" {
		return defaultExchange()
	}
	source, destination := w.exchange(m.Source), w.exchange(m.Destination)
	switch { // EXCH-39
	case source == nil:
		return noExchange(m.Source)
	case destination == nil:
		return noExchange(m.Destination)
	}
	if r := w.bind(binding{source: source, exchange: destination, key: m.RoutingKey, args: m.Arguments}); r != nil {
		return r
	}
	if !m.NoWait {
		ch.emit(&amqp.ExchangeBindOk{})
	}
	return nil
}

func (ch *channel) exchangeUnbind(m *amqp.ExchangeUnbind) *refusal {
	w := ch.conn.world
	if m.Source == "" || m.Destination == "" {
		return defaultExchange()
	}
	b := binding{source: w.exchange(m.Source), exchange: w.exchange(m.Destination), key: m.RoutingKey, args: m.Arguments}
	w.unbindAll(b.same) // EXCH-40
	if !m.NoWait {
		ch.emit(&amqp.ExchangeUnbindOk{})
	}
	return nil
}
