package exchange

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// TestMatchersAgreeWithTheNaiveOne binds and unbinds at random and compares
// what is found in between.
func TestMatchersAgreeWithTheNaiveOne(t *testing.T) {
	for _, kind := range kinds {
		for _, destinations := range []int{6, 400} {
			t.Run(fmt.Sprintf("%s with %d destinations", kind, destinations), func(t *testing.T) {
				for seed := range uint64(8) {
					newTrial(t, kind, hashArguments[seed%uint64(len(hashArguments))], destinations, seed).run(1000)
				}
			})
		}
	}
}

// hashArguments are of consistent hash exchanges; others ignore them.
var hashArguments = []amqp.Table{
	nil, {{Key: "hash-header", Value: "a"}}, {{Key: "hash-property", Value: "message_id"}}, {{Key: "x-hash-on", Value: "b"}},
}

type trial struct {
	*testing.T
	*rand.Rand
	destinations int
	fast         Matcher[int]
	slow         naive
}

func newTrial(t *testing.T, kind string, args amqp.Table, destinations int, seed uint64) *trial {
	m, ok := New(kind, args, cmp.Compare[int], rand.IntN)
	if !ok {
		t.Fatal("no such type")
	}
	return &trial{
		T: t, Rand: rand.New(rand.NewPCG(seed, 1)),
		destinations: destinations, fast: m, slow: naive{kind: kind, args: args},
	}
}

// run takes steps: first the bindings become many, then none are left.
func (r *trial) run(steps int) {
	for i := range steps {
		switch {
		case r.IntN(3) == 0:
			r.match()
		case r.IntN(steps) > i:
			r.bind()
		default:
			r.unbind()
		}
	}
	for len(r.slow.bindings) > 0 {
		r.unbind()
	}
	r.match()
	if x, ok := r.fast.(*topic[int]); ok && !(x.root.isLeaf() && x.root.here == nil) {
		r.Fatal("the trie has nodes but no patterns")
	}
}

func (r *trial) bind() {
	b := naiveBinding{r.bindingKey(), r.args(), r.IntN(r.destinations)}
	if r.slow.find(b) < 0 {
		r.slow.bindings = append(r.slow.bindings, b)
		r.fast.Bind(b.key, b.args, b.dst)
	}
}

func (r *trial) unbind() {
	if len(r.slow.bindings) == 0 || r.IntN(10) == 0 {
		b := naiveBinding{r.key(), r.args(), r.IntN(r.destinations)}
		if r.slow.find(b) < 0 && !r.bound(b) {
			r.fast.Unbind(b.key, b.args, b.dst)
		}
		return
	}
	i := r.IntN(len(r.slow.bindings))
	b := r.slow.bindings[i]
	r.slow.bindings = slices.Delete(r.slow.bindings, i, i+1)
	r.fast.Unbind(b.key, b.args, b.dst)
}

// bound tells whether a matcher that ignores some of b could take it for
// another binding: then the caller must not unbind it.
func (r *trial) bound(b naiveBinding) bool {
	return slices.ContainsFunc(r.slow.bindings, func(c naiveBinding) bool { return c.dst == b.dst })
}

func (r *trial) match() {
	r.Helper()
	key, headers := r.key(), r.headers()
	to := r.Perm(r.destinations)[:r.IntN(r.destinations)]
	if r.IntN(2) == 0 {
		to = nil
	}
	props := amqp.BasicProperties{Headers: headers, MessageID: r.key()}
	got := r.fast.Match(slices.Clone(to), key, props.Append(nil))
	if r.slow.kind == Random {
		r.some(to, got)
		return
	}
	want := r.slow.match(slices.Clone(to), key, &props)
	if len(got) < len(to) || !slices.Equal(got[:len(to)], to) {
		r.Fatalf("match %q: what was in to has changed: %v, was %v", key, got, to)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.Fatalf("match %q %v: got %v, want %v; bindings %v", key, headers, got, want, r.slow.bindings)
	}
}

// some checks that one of what is bound is found.
func (r *trial) some(to, got []int) {
	r.Helper()
	if !slices.Equal(got[:len(to)], to) || len(got) > len(to)+1 {
		r.Fatalf("%v became %v", to, got)
	}
	found := func(b naiveBinding) bool { return b.dst == got[len(got)-1] }
	had := func(b naiveBinding) bool { return slices.Contains(to, b.dst) }
	switch {
	case len(got) > len(to) && !slices.ContainsFunc(r.slow.bindings, found):
		r.Fatalf("%d is not bound", got[len(got)-1])
	case len(got) == len(to) && len(r.slow.bindings) > 0 && !slices.ContainsFunc(r.slow.bindings, had):
		r.Fatal("nothing is found")
	}
}

// bindingKey is a weight where the key is one.
func (r *trial) bindingKey() string {
	if r.slow.kind == ConsistentHash {
		return []string{"1", "2", "+3", "007"}[r.IntN(4)]
	}
	return r.key()
}

func (r *trial) key() string {
	words := make([]string, r.IntN(6))
	for i := range words {
		words[i] = []string{"a", "b", "c", "", "*", "#", "#"}[r.IntN(7)]
	}
	return strings.Join(words, ".")
}

func (r *trial) args() amqp.Table {
	t := r.headers()
	if r.IntN(3) > 0 {
		mode := []string{"all", "any", "all-with-x", "any-with-x"}[r.IntN(4)]
		t = append(t, amqp.Field{Key: "x-match", Value: mode})
	}
	r.Shuffle(len(t), func(i, j int) { t[i], t[j] = t[j], t[i] })
	return t
}

func (r *trial) headers() amqp.Table {
	if r.IntN(8) == 0 {
		return nil
	}
	t := make(amqp.Table, r.IntN(5))
	if r.IntN(20) == 0 {
		t = make(amqp.Table, 60)
	}
	for i := range t {
		t[i] = amqp.Field{
			Key:   []string{"a", "b", "c", "x-a", "", "d", "e", "f"}[r.IntN(min(8, len(t)+3))],
			Value: []any{int32(1), int64(1), 1.0, "1", []byte("1"), true, nil, int8(2)}[r.IntN(8)],
		}
	}
	return t
}
