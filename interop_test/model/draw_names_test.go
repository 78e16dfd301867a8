package model

import (
	"flag"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// prefix is that of all names, so that sequences that are played to a RabbitMQ
// by several processes do not meet.
var prefix = flag.String("prefix", "", "put this before all names, and leave the broker's own exchanges alone")

func (d drawer) newQueue() string { return *prefix + pick(d, "q1", "q2", "q3", "q4") }

func (d drawer) newExchange() string { return *prefix + pick(d, "x1", "x2", "x3", "x4") }

// own is an exchange of the broker's own.
func (d drawer) own() string {
	if *prefix != "" {
		return d.newExchange()
	}
	return pick(d, "amq.topic", "amq.direct", "amq.headers", "amq.fanout")
}

// queueName is mostly one that is there.
func (d drawer) queueName() string {
	if n := len(d.w.queues); n > 0 && !d.rarely(20) {
		q := d.w.queues[d.below(n)]
		if q.owner != nil && q.owner != d.c && !d.rarely(10) {
			q = d.w.queues[d.below(n)] // rather another one than one that is locked
		}
		return q.name
	}
	if d.rarely(4) {
		return pick(d, "", *prefix+"missing", "amq.none")
	}
	return d.newQueue()
}

// exchangeName is mostly one that is there.
func (d drawer) exchangeName() string {
	if d.rarely(20) {
		return pick(d, "", *prefix+"missing", "amq.none")
	}
	if ours := d.exchanges(); len(ours) > 0 && !d.rarely(8) {
		return ours[d.below(len(ours))].name
	}
	return d.own()
}

// exchanges are those that were declared.
func (d drawer) exchanges() []*exchange {
	return slices.DeleteFunc(slices.Clone(d.w.exchanges), func(x *exchange) bool { return x.name == "" || reserved(x.name) })
}

// source is mostly an exchange with bindings, to which may be published.
func (d drawer) source() string {
	if n := len(d.w.bindings); n > 0 && !d.rarely(4) {
		if x := d.w.bindings[d.below(n)].source; !x.internal || d.rarely(10) {
			return x.name
		}
	}
	if ours := d.exchanges(); len(ours) > 0 && !d.rarely(10) {
		if x := ours[d.below(len(ours))]; !x.internal || d.rarely(10) {
			return x.name
		}
	}
	if d.rarely(20) {
		return *prefix + "missing"
	}
	return pick(d, d.own(), "")
}

func (d drawer) key() string { return pick(d, "a", "a", "a.b", "b", "", "a.b.c") }

func (d drawer) bindingKey() string { return pick(d, "a", "a", "a.b", "#", "*", "a.#", "", "*.b.#") }

func (d drawer) bindingArgs() amqp.Table {
	if !d.rarely(4) {
		return nil
	}
	return pick(d,
		amqp.Table{{Key: "h", Value: int32(1)}},
		amqp.Table{{Key: "x-match", Value: "any"}, {Key: "h", Value: int32(2)}, {Key: "g", Value: "x"}},
		amqp.Table{{Key: "h", Value: int64(2)}, {Key: "g", Value: "x"}, {Key: "x-match", Value: "any"}},
		amqp.Table{{Key: "g", Value: nil}, {Key: "x-match", Value: "all"}},
		amqp.Table{{Key: "x-match", Value: "foo"}},
	)
}

// declare is what topology is about.
func (d drawer) declare() amqp.Method {
	switch d.below(22) {
	default:
		return d.declareQueue()
	case 5, 6, 7, 8:
		m := &amqp.QueueBind{Queue: d.queueName(), Exchange: d.exchangeName(), RoutingKey: d.bindingKey(), NoWait: d.rarely(5)}
		m.Arguments = d.bindingArgs()
		if m.RoutingKey == "" && d.bit() {
			m.Queue = ""
		}
		return m
	case 9:
		return d.unbind()
	case 10, 11, 12:
		return d.declareExchange()
	case 13, 14, 20, 21:
		return d.bindExchanges()
	case 15:
		return d.unbindExchanges()
	case 16:
		return &amqp.QueuePurge{Queue: d.queueName(), NoWait: d.rarely(5)}
	case 17, 18:
		return &amqp.QueueDelete{Queue: d.queueName(), IfUnused: d.rarely(3), IfEmpty: d.rarely(3), NoWait: d.rarely(5)}
	case 19:
		name := d.exchangeName()
		if reserved(name) && !d.rarely(6) {
			name = d.newExchange()
		}
		return &amqp.ExchangeDelete{Exchange: name, IfUnused: d.rarely(3), NoWait: d.rarely(5)}
	}
}

func (d drawer) declareQueue() amqp.Method {
	m := &amqp.QueueDeclare{Queue: d.newQueue(), NoWait: d.rarely(5)}
	switch {
	case d.rarely(8):
		m.Queue, m.NoWait = "", false // nobody could learn its name otherwise
	case d.rarely(15):
		m.Queue = d.queueName()
		m.NoWait = m.NoWait && m.Queue != ""
	}
	if q := d.w.queue(m.Queue); q != nil && !d.rarely(4) { // as it is
		m.Durable, m.AutoDelete, m.Exclusive, m.Arguments = q.durable, q.autoDelete, q.owner != nil, q.args
		m.Passive = d.bit()
		return m
	}
	m.Passive, m.Durable, m.AutoDelete, m.Exclusive = d.rarely(20), d.bit(), d.rarely(4), d.rarely(10)
	m.Arguments = d.queueArguments(m.Queue != "")
	if q := d.w.queue(m.Queue); d.w.features && d.rarely(4) && m.Queue != "" && (q == nil || q.quorum() || d.rarely(4)) {
		d.makeQuorum(m)
	}
	return m
}

// makeQuorum makes a declaration one of a quorum queue.
func (d drawer) makeQuorum(m *amqp.QueueDeclare) {
	quorum := amqp.Field{Key: "x-queue-type", Value: "quorum"}
	switch {
	case d.rarely(30):
		m.Arguments = amqp.Table{{Key: "x-max-priority", Value: int32(2)}}
	case d.rarely(30):
		m.Arguments = nil
	default:
		m.Durable, m.AutoDelete, m.Exclusive = true, false, false
		m.Arguments = without(without(m.Arguments, "x-max-priority"), "x-priority-aging")
	}
	m.Arguments = append(m.Arguments, quorum)
}

func (d drawer) declareExchange() amqp.Method {
	m := &amqp.ExchangeDeclare{
		Exchange: d.newExchange(), Type: pick(d, "direct", "fanout", "topic", "headers"), NoWait: d.rarely(5),
	}
	if d.rarely(15) {
		m.Exchange = d.exchangeName()
	}
	if x := d.w.exchange(m.Exchange); x != nil && !d.rarely(4) {
		m.Type, m.Durable, m.AutoDelete, m.Internal, m.Arguments = x.kind, x.durable, x.autoDelete, x.internal, x.args
		m.Passive = d.bit()
		return m
	}
	m.Passive, m.Durable, m.AutoDelete, m.Internal = d.rarely(20), d.bit(), d.rarely(3), d.rarely(8)
	if d.rarely(3) {
		m.Arguments = amqp.Table{{Key: "alternate-exchange", Value: d.alternate()}}
	}
	if d.w.features && d.rarely(3) {
		m.Arguments = append(m.Arguments, d.delayed(m)...)
	}
	if d.w.features && d.rarely(6) {
		m.Arguments = append(m.Arguments, d.deduplication()...)
	}
	if d.rarely(60) {
		m.Type = pick(d, "", "nosuch")
	}
	return m
}

// delayed makes the exchange a delayed one.
func (d drawer) delayed(m *amqp.ExchangeDeclare) amqp.Table {
	if d.rarely(4) {
		return amqp.Table{{Key: "x-delayed-exchange", Value: true}}
	}
	inner := m.Type
	m.Type = delayed
	if d.rarely(20) {
		return pick(d, nil, amqp.Table{{Key: "x-delayed-type", Value: pick[any](d, delayed, int32(1), "nosuch")}})
	}
	return amqp.Table{{Key: "x-delayed-type", Value: inner}}
}

func (d drawer) alternate() any {
	if d.rarely(30) {
		return int32(5)
	}
	return pick(d, d.newExchange(), d.own(), *prefix+"missing")
}

// unbind is mostly of a binding that is there.
func (d drawer) unbind() amqp.Method {
	m := &amqp.QueueUnbind{Queue: d.queueName(), Exchange: d.exchangeName(), RoutingKey: d.bindingKey(), Arguments: d.bindingArgs()}
	if b := d.binding(func(b binding) bool { return b.queue != nil }); b != nil {
		m.Queue, m.Exchange, m.RoutingKey, m.Arguments = b.queue.name, b.source.name, b.key, b.args
	}
	return m
}

func (d drawer) binding(kind func(binding) bool) *binding {
	var of []binding
	for _, b := range d.w.bindings {
		if kind(b) {
			of = append(of, b)
		}
	}
	if len(of) == 0 || d.rarely(8) {
		return nil
	}
	return &of[d.below(len(of))]
}

// bindExchanges leaves no binding among the broker's own exchanges, which
// would outlive the sequence.
func (d drawer) bindExchanges() amqp.Method {
	m := &amqp.ExchangeBind{
		Source: d.exchangeName(), Destination: d.exchangeName(), RoutingKey: d.bindingKey(), NoWait: d.rarely(5),
		Arguments: d.bindingArgs(),
	}
	if reserved(m.Source) && reserved(m.Destination) {
		m.Destination = d.newExchange()
	}
	return m
}

func (d drawer) unbindExchanges() amqp.Method {
	m := &amqp.ExchangeUnbind{
		Source: d.exchangeName(), Destination: d.exchangeName(), RoutingKey: d.bindingKey(), NoWait: d.rarely(5),
	}
	if b := d.binding(func(b binding) bool { return b.exchange != nil }); b != nil {
		m.Source, m.Destination, m.RoutingKey, m.Arguments = b.source.name, b.exchange.name, b.key, b.args
	}
	return m
}
