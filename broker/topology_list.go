package broker

import (
	"cmp"
	"maps"
	"slices"
)

// Vhosts are the names of all virtual hosts, in order.
func (b *Broker) Vhosts() []string { return b.vhosts.names() }

// Exchanges are those of a vhost, ordered by name, with those that are always
// there but for the default exchange.
func (b *Broker) Exchanges(vhost string) ([]Exchange, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	exchanges := slices.Collect(maps.Values(v.exchanges))
	v.mu.RUnlock()
	slices.SortFunc(exchanges, func(a, b *namedExchange) int { return cmp.Compare(a.name, b.name) })
	all := make([]Exchange, len(exchanges))
	for i, x := range exchanges {
		all[i] = Exchange{x.name, x.kind, x.durable, x.autoDelete, x.internal, x.arguments.Map()}
	}
	return all, nil
}

// Queues are those of a vhost, ordered by name.
func (b *Broker) Queues(vhost string) ([]Queue, error) {
	queues, err := b.queues(vhost)
	if err != nil {
		return nil, err
	}
	all := make([]Queue, len(queues))
	for i, q := range queues {
		all[i] = Queue{q.name, q.durable, q.autoDelete, q.owner != nil, q.kind.name(), q.arguments.Map()}
	}
	return all, nil
}

// Bindings are those of a vhost, ordered by source, destination and routing key.
// Those of the default exchange, which every queue has, are not among them.
func (b *Broker) Bindings(vhost string) ([]Binding, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	bindings := v.allBindings()
	keys := slices.SortedFunc(maps.Keys(bindings), func(a, b bindingKey) int {
		return cmp.Or(cmp.Compare(a.source, b.source), byEnd(a.to, b.to), cmp.Compare(a.key, b.key),
			cmp.Compare(a.arguments, b.arguments))
	})
	all := make([]Binding, len(keys))
	for i, k := range keys {
		to := k.to.end()
		all[i] = Binding{k.source, to.name, to.exchange, k.key, bindings[k].arguments.Map()}
	}
	return all, nil
}

// allBindings are those of all exchanges.
func (v *vhost) allBindings() map[bindingKey]binding {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := map[bindingKey]binding{}
	for _, x := range v.exchanges {
		maps.Copy(all, x.bindings)
	}
	return all
}
