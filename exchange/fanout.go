package exchange

import "github.com/leveretmq/leveret/amqp"

// fanout matches everything (XTYP-03).
type fanout[D comparable] struct {
	bound members[D]
}

func (x *fanout[D]) Bind(_ string, _ amqp.Table, dst D) { x.bound.add(dst) }

func (x *fanout[D]) Unbind(_ string, _ amqp.Table, dst D) { x.bound.remove(dst) }

func (x *fanout[D]) Match(to []D, _ string, _ amqp.Properties) []D {
	found := set[D]{list: to}
	found.addAll(x.bound.list)
	return found.list
}
