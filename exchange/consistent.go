package exchange

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// consistent sends each message to one destination, by the hash of what hashed
// says. The binding keys are the weights of the destinations: the number of
// buckets that each has among those of all. Buckets are in the order of the
// bindings, so that one binding more takes messages only to its own destination.
type consistent[D comparable] struct {
	on     hashed
	shares []share[D] // of all bindings, in the order in which they came
	bound  lookup[D, int32]
}

// share is what a binding has of the buckets: those up to end from where the one
// before it ends. If its destination was bound before it has none (XTYP-31).
type share[D comparable] struct {
	dst       D
	key, args string
	weight    uint64
	counts    bool
	end       uint64
}

func (x *consistent[D]) Bind(key string, args amqp.Table, dst D) {
	n, _ := x.bound.get(dst)
	x.bound.put(dst, n+1)
	weight, _ := strconv.ParseUint(strings.TrimPrefix(key, "+"), 10, 64)
	x.shares = append(x.shares, share[D]{dst, key, args.Canonical(), weight, n == 0, 0})
	x.add(len(x.shares) - 1)
}

// Unbind makes the next binding of the destination count, if this one did.
//
// Deviates: in RabbitMQ a destination loses its buckets with any of its
// bindings, and gets nothing from then on, though others are left.
func (x *consistent[D]) Unbind(key string, args amqp.Table, dst D) {
	canonical := args.Canonical()
	i := slices.IndexFunc(x.shares, func(s share[D]) bool {
		return s.dst == dst && s.key == key && s.args == canonical
	})
	if i < 0 {
		return
	}
	n, _ := x.bound.get(dst)
	if n == 1 {
		x.bound.remove(dst)
	} else {
		x.bound.put(dst, n-1)
	}
	counted := x.shares[i].counts
	x.shares = remove(x.shares, i)
	if !counted {
		return
	}
	if n > 1 {
		next := i
		for x.shares[next].dst != dst {
			next++
		}
		x.shares[next].counts = true
	}
	for ; i < len(x.shares); i++ {
		x.add(i)
	}
}

// add gives the i-th binding its buckets, behind those before it.
func (x *consistent[D]) add(i int) {
	s := &x.shares[i]
	s.end = 0
	if i > 0 {
		s.end = x.shares[i-1].end
	}
	if s.counts {
		s.end += s.weight
	}
}

// Match implements Matcher (XTYP-29).
func (x *consistent[D]) Match(to []D, key string, p amqp.Properties) []D {
	n := len(x.shares)
	if n == 0 {
		return to
	}
	bucket := jump(x.on.hash(key, p), x.shares[n-1].end)
	i := sort.Search(n, func(i int) bool { return x.shares[i].end > bucket })
	return including(to, x.shares[i].dst)
}

// maxWeight bounds a weight, so that the buckets of all bindings can be counted.
const maxWeight = 1<<31 - 1

// checkWeight is XTYP-28.
//
// Deviates: RabbitMQ 3.10.8 has no upper bound, and keeps a record for every
// bucket; later ones say this of more than 10000.
func checkWeight(key string) error {
	digits := strings.TrimLeft(key, "+-")
	if len(key)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return amqp.PreconditionFailed.Errorf("The binding key must be an integer: %s", appendTerm(nil, key))
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" || key[0] == '-' {
		return amqp.PreconditionFailed.Errorf("The binding key must be greater than 0")
	}
	if weight, err := strconv.ParseUint(digits, 10, 64); err != nil || weight > maxWeight {
		return amqp.PreconditionFailed.Errorf("The binding key must not exceed %d", maxWeight)
	}
	return nil
}
