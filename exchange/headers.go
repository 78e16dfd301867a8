package exchange

import (
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// headers matches a message's headers with the arguments of the bindings.
// Bindings with the same arguments share a rule.
type headers[D comparable] struct {
	rules  []*rule[D]
	byArgs lookup[string, *rule[D]] // by [amqp.Table.Canonical]
}

func (x *headers[D]) Bind(_ string, args amqp.Table, dst D) {
	name := args.Canonical()
	r, ok := x.byArgs.get(name)
	if !ok {
		r = newRule[D](args)
		r.place = len(x.rules)
		x.rules = append(x.rules, r)
		x.byArgs.put(name, r)
	}
	r.bound.add(dst)
}

func (x *headers[D]) Unbind(_ string, args amqp.Table, dst D) {
	name := args.Canonical()
	r, ok := x.byArgs.get(name)
	if !ok || !r.bound.remove(dst) {
		return
	}
	x.byArgs.remove(name)
	last := len(x.rules) - 1
	x.rules[r.place] = x.rules[last]
	x.rules[r.place].place = r.place
	x.rules = cut(x.rules)
}

// Match takes headers that cannot be decoded for none: [amqp.Properties.Check]
// has refused such a message before.
func (x *headers[D]) Match(to []D, _ string, p amqp.Properties) []D {
	if len(x.rules) == 0 {
		return to
	}
	table, _, err := p.Headers()
	if err != nil {
		table = nil
	}
	sortByKey(table)
	found := set[D]{list: to}
	for _, r := range x.rules {
		if r.matches(table) {
			found.addAll(r.bound.list)
		}
	}
	return found.list
}

// rule is what the arguments of a binding ask of a message.
type rule[D comparable] struct {
	any    bool // one of wanted suffices (XTYP-17); otherwise all are needed
	wanted []want
	bound  members[D]
	place  int // in headers.rules
}

// want is a header that the message should have. A key may come several times
// on both sides; then the nth of one side is compared with the nth of the
// other, as RabbitMQ does it.
type want struct {
	key   string
	nth   int
	value any // nil if the key's presence is enough (XTYP-20)
}

// The argument that says how to match, its values, and the prefix of keys that
// take part only if it says so (XTYP-16 to XTYP-24).
const (
	matchKey     = "x-match"
	matchAll     = "all"
	matchAny     = "any"
	matchAllX    = "all-with-x"
	matchAnyX    = "any-with-x"
	hiddenPrefix = "x-"
)

func newRule[D comparable](args amqp.Table) *rule[D] {
	mode, _ := args.Get(matchKey)
	r := &rule[D]{any: mode == matchAny || mode == matchAnyX}
	withX := mode == matchAllX || mode == matchAnyX
	sorted := slices.Clone(args)
	sortByKey(sorted)
	for _, f := range sorted {
		if f.Key == matchKey || !withX && strings.HasPrefix(f.Key, hiddenPrefix) {
			continue
		}
		w := want{key: f.Key, value: f.Value}
		if n := len(r.wanted); n > 0 && r.wanted[n-1].key == f.Key {
			w.nth = r.wanted[n-1].nth + 1
		}
		r.wanted = append(r.wanted, w)
	}
	return r
}

func sortByKey(t amqp.Table) {
	slices.SortStableFunc(t, func(a, b amqp.Field) int { return strings.Compare(a.Key, b.Key) })
}

// matches wants the headers sorted by key.
func (r *rule[D]) matches(sorted amqp.Table) bool {
	for i := range r.wanted {
		if r.wanted[i].in(sorted) == r.any {
			return r.any
		}
	}
	return !r.any
}

// in tells whether the message has what is wanted.
func (w *want) in(sorted amqp.Table) bool {
	i := firstOf(sorted, w.key) + w.nth
	if i >= len(sorted) || sorted[i].Key != w.key {
		return false
	}
	return w.value == nil || amqp.Equal(w.value, sorted[i].Value)
}

// firstOf returns the place of the first field of that key; if there is none,
// that of some other field or the length of the table.
func firstOf(sorted amqp.Table, key string) int {
	low, high := 0, len(sorted)
	for high-low > shortList {
		mid := int(uint(low+high) / 2)
		if sorted[mid].Key < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for low < high && sorted[low].Key != key {
		low++
	}
	return low
}

func checkHeaders(args amqp.Table) error {
	mode, ok := args.Get(matchKey)
	if !ok {
		return nil
	}
	switch mode {
	case matchAll, matchAny, matchAllX, matchAnyX:
		return nil
	}
	if text, ok := mode.(string); ok {
		return amqp.PreconditionFailed.Errorf("Invalid x-match field value %s; "+
			"expected all, any, all-with-x, or any-with-x", amqp.FormatBinary([]byte(text)))
	}
	return amqp.PreconditionFailed.Errorf("Invalid x-match field type %s (value %s); expected longstr",
		amqp.TypeName(mode), appendTerm(nil, mode))
}
