package broker

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// importStep imports one object, and may say why it passes it over.
type importStep struct {
	object string
	do     func(*Broker) (passedOver string, err error)
}

// importSteps are in RabbitMQ's order: each finds what it needs.
type importSteps []importStep

func (s *importSteps) add(do func(*Broker) (string, error), object string, names ...any) {
	*s = append(*s, importStep{fmt.Sprintf(object, names...), do})
}

// set adds a step that passes nothing over.
func (s *importSteps) set(do func(*Broker) error, object string, names ...any) {
	s.add(func(b *Broker) (string, error) { return "", do(b) }, object, names...)
}

func (d Definitions) steps() importSteps {
	var s importSteps
	for _, u := range d.Users {
		s.set(func(b *Broker) error { return b.importUser(u) }, "user '%s'", u.Name)
	}
	for _, v := range d.Vhosts {
		s.set(v.importVhost, "vhost '%s'", v.Name)
	}
	for _, p := range d.Permissions {
		s.set(func(b *Broker) error { return b.SetPermission(p) }, "permission of user '%s' in vhost '%s'", p.User, p.Vhost)
	}
	for _, v := range d.Vhosts {
		for _, x := range v.Exchanges {
			s.add(func(b *Broker) (string, error) { return b.importExchange(v.Name, x) }, "exchange '%s' in vhost '%s'", x.Name, v.Name)
		}
	}
	for _, p := range d.TopicPermissions {
		s.set(func(b *Broker) error { return b.SetTopicPermission(p) },
			"topic permission of user '%s' for exchange '%s' in vhost '%s'", p.User, p.Exchange, p.Vhost)
	}
	for _, p := range d.GlobalParameters {
		s.set(func(b *Broker) error { return b.SetGlobalParameter(p.Name, p.Value) }, "global parameter '%s'", p.Name)
	}
	for _, v := range d.Vhosts {
		s.settings(v)
	}
	for _, v := range d.Vhosts {
		s.queues(v)
	}
	return s
}

func (s *importSteps) settings(v VhostDefinitions) {
	for _, p := range v.Policies {
		s.set(func(b *Broker) error { return b.importPolicy(v.Name, p) }, "policy '%s' in vhost '%s'", p.Name, v.Name)
	}
	for _, p := range v.Parameters {
		s.set(func(b *Broker) error { return b.importParameter(v.Name, p) },
			"parameter '%s' of component '%s' in vhost '%s'", p.Name, p.Component, v.Name)
	}
}

func (s *importSteps) queues(v VhostDefinitions) {
	for _, q := range v.Queues {
		s.add(func(b *Broker) (string, error) { return b.importQueue(v.Name, q) }, "queue '%s' in vhost '%s'", q.Name, v.Name)
	}
	for _, d := range v.Bindings {
		to := "queue"
		if d.ToExchange {
			to = "exchange"
		}
		s.add(func(b *Broker) (string, error) { return b.importBinding(v.Name, d) },
			"binding of exchange '%s' to %s '%s' with key '%s' in vhost '%s'", d.Source, to, d.Destination, d.RoutingKey, v.Name)
	}
}

// importUser leaves the limits that a user has unless there are others.
func (b *Broker) importUser(u User) error {
	if u.Limits == nil {
		u.Limits, _ = b.UserLimits(u.Name)
	}
	return b.SetUser(u)
}

func (v VhostDefinitions) importVhost(b *Broker) error {
	if v.Make {
		if err := b.CreateVhost(v.Name); err != nil && !errors.Is(err, ErrVhostExists) {
			return err
		}
	}
	if v.Metadata == nil {
		_, err := b.vhost(v.Name)
		return err
	}
	return b.SetVhostMetadata(v.Name, *v.Metadata)
}

// importPolicy spares queues a policy that they have.
func (b *Broker) importPolicy(vhost string, p Policy) error {
	made, err := newPolicy(policyKind, p.entity())
	if err != nil {
		return err
	}
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	v.mu.RLock()
	old := v.policies[policyKind][p.Name]
	v.mu.RUnlock()
	if old != nil {
		made.vhost = old.vhost
		if reflect.DeepEqual(old.policyEntity, made.policyEntity) {
			return nil
		}
	}
	return b.SetPolicy(vhost, p)
}

// importParameter likewise: it may be an operator policy.
func (b *Broker) importParameter(vhost string, p Parameter) error {
	all, err := b.Parameters(vhost)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(old Parameter) bool {
		return old.Component == p.Component && old.Name == p.Name && bytes.Equal(old.Value, p.Value)
	}) {
		return nil
	}
	return b.SetParameter(vhost, p)
}

func (b *Broker) importExchange(vhost string, x Exchange) (passedOver string, err error) {
	v, m, err := b.exchangeFor(vhost, x)
	switch {
	case err != nil:
		return "", err
	case m.Exchange == "" || reserved(m.Exchange):
		return "its name is reserved", nil
	case v.exchangeExists(m.Exchange) == nil:
		return "", nil
	}
	return "", v.declareExchange(m.Exchange, m, nil)
}

func (b *Broker) importQueue(vhost string, q Queue) (passedOver string, err error) {
	v, m, err := b.queueFor(vhost, q)
	switch {
	case err != nil:
		return "", err
	case reserved(m.Queue):
		return "its name is reserved", nil
	}
	if _, err := v.queue(m.Queue, nil); err == nil {
		return "", nil
	}
	_, err = v.declareQueue(m.Queue, m, nil)
	return "", err
}

func (b *Broker) importBinding(vhost string, d Binding) (passedOver string, err error) {
	v, n, err := b.binding(vhost, d)
	if err == nil {
		err = v.bind(nil, n)
	}
	var refusal *amqp.Error
	if errors.As(err, &refusal) && (refusal.Code == amqp.NotFound || n.source == "") {
		return refusal.Text, nil
	}
	return "", err
}
