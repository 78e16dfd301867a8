package exchange

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// places are destinations in an order that does not depend on when they were
// bound. One that is bound several times has several places, as in RabbitMQ.
type places[D comparable] struct {
	order func(a, b D) int
	list  []D
}

// Bind implements Matcher.
func (x *places[D]) Bind(_ string, _ amqp.Table, dst D) {
	i, _ := slices.BinarySearchFunc(x.list, dst, x.order)
	x.list = slices.Insert(x.list, i, dst)
}

// Unbind implements Matcher.
func (x *places[D]) Unbind(_ string, _ amqp.Table, dst D) {
	if i, ok := slices.BinarySearchFunc(x.list, dst, x.order); ok {
		x.list = remove(x.list, i)
	}
}

// modulus sends a message to the place that the hash of its routing keys modulo
// the number of places says (XTYP-33).
type modulus[D comparable] struct{ places[D] }

func (x *modulus[D]) Match(to []D, key string, _ amqp.Properties) []D {
	if len(x.list) == 0 {
		return to
	}
	return including(to, x.list[hash(key)%uint64(len(x.list))])
}

// random sends each message to some place (XTYP-34).
type random[D comparable] struct {
	places[D]
	pick func(n int) int
}

func (x *random[D]) Match(to []D, _ string, _ amqp.Properties) []D {
	if len(x.list) == 0 {
		return to
	}
	return including(to, x.list[x.pick(len(x.list))])
}

// including adds a destination, unless it is there.
func including[D comparable](to []D, dst D) []D {
	if slices.Contains(to, dst) {
		return to
	}
	return append(to, dst)
}
