package broker

import (
	"encoding/json"
	"errors"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
	"github.com/leveretmq/leveret/storage"
)

// Why an entity makes no sense among the others.
var (
	errNoVhost = errors.New("its vhost is missing")
	errNoEnd   = errors.New("an end of the binding is missing, or not durable")
	errNoJSON  = errors.New("its value is no JSON")
	errTwice   = errors.New("there is another one of the same name")
)

// within is the vhost of an entity, unless that has it already.
func (r *recovery) within(vhost uint64, has func(*vhost) bool) (*vhost, error) {
	v := r.vhosts[vhost]
	switch {
	case v == nil:
		return nil, errNoVhost
	case has(v):
		return nil, errTwice
	}
	return v, nil
}

func (r *recovery) vhost(id uint64, e vhostEntity) error {
	if r.broker.vhosts.get(e.name) != nil {
		return errTwice
	}
	v := r.broker.vhosts.make(e.name)
	v.id = id
	r.vhosts[id] = v
	r.broker.vhosts.put(v)
	return nil
}

func (r *recovery) exchange(id uint64, e exchangeEntity) error {
	v, err := r.within(e.vhost, func(v *vhost) bool { return v.exchanges[e.name] != nil })
	if err != nil {
		return err
	}
	if err := checkKind(e.kind); err != nil {
		return err
	}
	if err := checkExchangeArguments(exchangeText(e.name, v), e.kind, e.arguments); err != nil {
		return err
	}
	if err := checkAlternate(e.name, v, e.arguments); err != nil {
		return err
	}
	x := &namedExchange{
		name: e.name, kind: e.kind, durable: true, autoDelete: e.autoDelete,
		internal: e.internal, arguments: e.arguments, id: id,
	}
	v.addExchange(x)
	if x.waiting != nil {
		r.queues[id] = x.waiting
		r.delayed = append(r.delayed, x.waiting)
	}
	return nil
}

func (r *recovery) queue(id uint64, e queueEntity) error {
	v, err := r.within(e.vhost, func(v *vhost) bool { return v.queues[e.name] != nil })
	if err != nil {
		return err
	}
	kind, err := queueTypeOf(queueText(e.name, v), e.arguments)
	if err != nil {
		return err
	}
	q := newQueue(v, e.name, kind, &amqp.QueueDeclare{Durable: true, AutoDelete: e.autoDelete, Arguments: e.arguments})
	q.stored = r.broker.store.Queue(id)
	v.addQueue(q)
	r.queues[id] = q
	return nil
}

func (r *recovery) binding(id uint64, e bindingEntity) error {
	v := r.vhosts[e.vhost]
	if v == nil {
		return errNoVhost
	}
	x, d := v.exchanges[e.source], v.lookup(e.to)
	if x == nil || d == nil || !x.durable || !d.lasts() {
		return errNoEnd
	}
	if err := exchange.CheckBinding(x.inner, e.key, e.arguments); err != nil {
		return err
	}
	k := bindingKey{x.name, d, e.key, e.arguments.Canonical()}
	if _, have := x.bindings[k]; have {
		return errTwice
	}
	v.addBinding(x, k, binding{e.arguments, id})
	r.bindings++
	return nil
}

func (r *recovery) policy(e storage.Entity, value policyEntity) error {
	v, err := r.within(value.vhost, func(v *vhost) bool { return v.policies[e.Kind][value.name] != nil })
	if err != nil {
		return err
	}
	p, err := newPolicy(e.Kind, value)
	if err != nil {
		return err
	}
	p.id = e.ID
	v.addPolicy(e.Kind, p)
	return nil
}

func (r *recovery) parameter(id uint64, e parameterEntity) error {
	v := r.vhosts[e.vhost]
	key := parameterName{v, e.component, e.name}
	ps := r.broker.parameters
	switch _, have := ps.all[key]; {
	case v == nil && e.vhost != 0:
		return errNoVhost
	case have:
		return errTwice
	case !json.Valid([]byte(e.value)):
		return errNoJSON
	}
	ps.put(key, parameter{e.value, id})
	return nil
}

func (r *recovery) vhostMetadata(id uint64, e vhostMetadataEntity) error {
	v, err := r.within(e.vhost, func(v *vhost) bool { return v.metadataID != 0 })
	if err != nil {
		return err
	}
	v.metadata, v.metadataID = e.VhostMetadata, id
	return checkDefaultType(e.DefaultQueueType)
}
