package exchange

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// naive is what the matchers are compared with: it goes through a list of
// bindings, and each step is written as the rule reads.
type naive struct {
	kind     string
	args     amqp.Table
	bindings []naiveBinding
}

type naiveBinding struct {
	key  string
	args amqp.Table
	dst  int
}

func (b naiveBinding) equal(c naiveBinding) bool {
	return b.key == c.key && b.dst == c.dst && b.args.Canonical() == c.args.Canonical()
}

func (n *naive) find(b naiveBinding) int { return slices.IndexFunc(n.bindings, b.equal) }

func (n *naive) match(to []int, key string, p *amqp.BasicProperties) []int {
	switch n.kind {
	case ModulusHash:
		return n.one(to, n.places(), func(places uint64) uint64 { return hash(key) % places })
	case ConsistentHash:
		h := hash(naiveHashed(n.args, key, p))
		return n.one(to, n.buckets(), func(buckets uint64) uint64 { return jump(h, buckets) })
	}
	for _, b := range n.bindings {
		if !slices.Contains(to, b.dst) && n.fits(b, key, p.Headers) {
			to = append(to, b.dst)
		}
	}
	return to
}

// one adds the one of a list that is picked.
func (n *naive) one(to, list []int, pick func(uint64) uint64) []int {
	if len(list) == 0 {
		return to
	}
	if dst := list[pick(uint64(len(list)))]; !slices.Contains(to, dst) {
		to = append(to, dst)
	}
	return to
}

// places are the destinations of all bindings.
func (n *naive) places() (list []int) {
	for _, b := range n.bindings {
		list = append(list, b.dst)
	}
	slices.Sort(list)
	return list
}

// buckets are the destinations, each as often as its first binding says.
func (n *naive) buckets() (list []int) {
	for i, b := range n.bindings {
		if slices.ContainsFunc(n.bindings[:i], func(before naiveBinding) bool { return before.dst == b.dst }) {
			continue
		}
		weight, _ := strconv.Atoi(b.key)
		list = append(list, slices.Repeat([]int{b.dst}, weight)...)
	}
	return list
}

func naiveHashed(args amqp.Table, key string, p *amqp.BasicProperties) string {
	switch {
	case len(args) == 0:
		return key
	case args[0].Key == "hash-property":
		return p.MessageID
	}
	v, ok := p.Headers.Get(args[0].Value.(string))
	if s, isString := v.(string); isString || !ok {
		return s
	}
	return amqp.Table{{Key: "", Value: v}}.Canonical()
}

func (n *naive) fits(b naiveBinding, key string, headers amqp.Table) bool {
	switch n.kind {
	case Direct:
		return b.key == key
	case Topic:
		return naiveTopic(naiveWords(b.key), naiveWords(key))
	case Headers:
		return naiveHeaders(b.args, headers)
	}
	return true
}

func naiveWords(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

// naiveTopic fills a table: whether the first i words of the pattern match the
// first j words of the key.
func naiveTopic(pattern, key []string) bool {
	row := make([]bool, len(key)+1)
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(key)+1)
		for j := range next {
			switch {
			case p == "#":
				next[j] = row[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = row[j-1] && (p == "*" || p == key[j-1])
			}
		}
		row = next
	}
	return row[len(key)]
}

func naiveHeaders(args, headers amqp.Table) bool {
	mode, _ := args.Get("x-match")
	some, every := false, true
	seen := map[string]int{}
	for _, a := range args {
		withX := mode == "all-with-x" || mode == "any-with-x"
		if a.Key == "x-match" || strings.HasPrefix(a.Key, "x-") && !withX {
			continue
		}
		ok := naiveHas(headers, a, seen[a.Key])
		seen[a.Key]++
		some, every = some || ok, every && ok
	}
	if mode == "any" || mode == "any-with-x" {
		return some
	}
	return every
}

// naiveHas tells whether the nth header of that key has the value.
func naiveHas(headers amqp.Table, want amqp.Field, nth int) bool {
	for _, h := range headers {
		if h.Key != want.Key {
			continue
		}
		if nth == 0 {
			return want.Value == nil || amqp.Equal(want.Value, h.Value)
		}
		nth--
	}
	return false
}
