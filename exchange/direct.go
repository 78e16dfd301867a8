package exchange

import "github.com/leveretmq/leveret/amqp"

// direct matches a routing key with equal binding keys, byte by byte (XTYP-01).
type direct[D comparable] struct {
	keys lookup[string, *members[D]]
}

func (x *direct[D]) Bind(key string, _ amqp.Table, dst D) {
	m, ok := x.keys.get(key)
	if !ok {
		m = new(members[D])
		x.keys.put(key, m)
	}
	m.add(dst)
}

func (x *direct[D]) Unbind(key string, _ amqp.Table, dst D) {
	if m, ok := x.keys.get(key); ok && m.remove(dst) {
		x.keys.remove(key)
	}
}

func (x *direct[D]) Match(to []D, key string, _ amqp.Properties) []D {
	m, ok := x.keys.get(key)
	if !ok {
		return to
	}
	found := set[D]{list: to}
	found.addAll(m.list)
	return found.list
}
