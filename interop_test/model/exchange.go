package model

import (
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

type exchange struct {
	name, kind                    string
	durable, autoDelete, internal bool
	args                          amqp.Table
}

var kinds = []string{"direct", "fanout", "topic", "headers", delayed}

func reserved(name string) bool { return strings.HasPrefix(name, "amq.") }

func defaultExchange() *refusal { // EXCH-03 to EXCH-05
	return refuse(403, "operation not permitted on the default exchange")
}

func noExchange(name string) *refusal { return refuse(404, "no exchange '%s' in vhost '/'", name) }

func (ch *channel) exchangeDeclare(m *amqp.ExchangeDeclare) *refusal {
	var r *refusal
	if m.Passive {
		r = ch.conn.world.lookUpExchange(m.Exchange)
	} else {
		r = ch.conn.world.declareExchange(m)
	}
	if r == nil && !m.NoWait {
		ch.emit(&amqp.ExchangeDeclareOk{})
	}
	return r
}

func (w *world) lookUpExchange(name string) *refusal {
	if name == "" {
		return defaultExchange()
	}
	if w.exchange(name) == nil { // EXCH-08
		return noExchange(name)
	}
	return nil // EXCH-09
}

func (w *world) declareExchange(m *amqp.ExchangeDeclare) *refusal {
	switch {
	case m.Type == "": // EXCH-13
		return refuse(503, "invalid exchange type ''")
	case !slices.Contains(kinds, m.Type): // EXCH-12
		return refuse(503, "unknown exchange type '%s'", m.Type)
	case m.Exchange == "":
		return defaultExchange()
	}
	if x := w.exchange(m.Exchange); x != nil {
		return x.equivalent(m)
	}
	if reserved(m.Exchange) { // EXCH-06
		return refuse(403, "exchange name '%s' contains reserved prefix 'amq.*'", m.Exchange)
	}
	if v, ok := m.Arguments.Get("alternate-exchange"); ok {
		if _, ok := v.(string); !ok { // EXCH-23
			return refuse(406, "invalid type '%s' for arg 'alternate-exchange' in exchange '%s' in vhost '/'", typeName(v), m.Exchange)
		}
	}
	if r := checkDelayed(m); r != nil {
		return r
	}
	w.exchanges = append(w.exchanges, &exchange{
		name: m.Exchange, kind: m.Type, durable: m.Durable, autoDelete: m.AutoDelete, internal: m.Internal, args: m.Arguments,
	})
	return nil
}

// equivalent compares in the order of EXCH-18.
func (x *exchange) equivalent(m *amqp.ExchangeDeclare) *refusal {
	what := "exchange '" + x.name + "'"
	switch {
	case m.Type != x.kind:
		return inequivalent("type", what, m.Type, x.kind)
	case m.Durable != x.durable:
		return inequivalent("durable", what, m.Durable, x.durable)
	case m.AutoDelete != x.autoDelete:
		return inequivalent("auto_delete", what, m.AutoDelete, x.autoDelete)
	case m.Internal != x.internal:
		return inequivalent("internal", what, m.Internal, x.internal)
	}
	for _, arg := range append([]string{"alternate-exchange"}, deduplication...) {
		if r := sameArgument(arg, what, m.Arguments, x.args); r != nil {
			return r
		}
	}
	return nil
}

func (ch *channel) exchangeDelete(m *amqp.ExchangeDelete) *refusal {
	w := ch.conn.world
	switch {
	case m.Exchange == "":
		return defaultExchange()
	case reserved(m.Exchange): // EXCH-10
		return refuse(403, "deletion of system exchange '%s' in vhost '/' not allowed", m.Exchange)
	}
	if x := w.exchange(m.Exchange); x != nil { // else EXCH-11
		if m.IfUnused && w.isSource(x) { // EXCH-25, EXCH-26
			return refuse(406, "exchange '%s' in vhost '/' in use", x.name)
		}
		w.deleteExchange(x)
	}
	if !m.NoWait {
		ch.emit(&amqp.ExchangeDeleteOk{})
	}
	return nil
}

func (w *world) isSource(x *exchange) bool {
	return slices.ContainsFunc(w.bindings, func(b binding) bool { return b.source == x })
}

// deleteExchange removes an exchange with its bindings (EXCH-27).
func (w *world) deleteExchange(x *exchange) {
	w.exchanges = slices.DeleteFunc(w.exchanges, func(other *exchange) bool { return other == x })
	w.known = slices.DeleteFunc(slices.Clone(w.known), func(k known) bool { return k.exchange == x.name })
	w.forget(func(l late) bool { return l.exchange == x })
	w.unbindAll(func(b binding) bool { return b.source == x || b.exchange == x })
}
