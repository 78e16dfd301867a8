package exchange

import (
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// FuzzTopic takes one pattern a line, each bound to a destination of its own.
func FuzzTopic(f *testing.F) {
	f.Add("a.*\na.#\n#\n", "a.b")
	f.Add("#.a.#.b.#\n*.#.*\n\n..\n.", "a..b")
	f.Add("*.a\n*.*\n#.#.#\n*foo\na#", "a#")
	f.Add("#.a.#.a\n#.a\n#.*.a", "a.a.a.a")
	f.Fuzz(func(t *testing.T, patterns, key string) {
		var fast topic[int]
		slow := naive{kind: Topic}
		for i, p := range strings.Split(patterns, "\n") {
			fast.Bind(p, nil, i)
			slow.bindings = append(slow.bindings, naiveBinding{key: p, dst: i})
		}
		got, want := fast.Match(nil, key, nil), slow.match(nil, key, &amqp.BasicProperties{})
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q goes to %v, want %v, of %q", key, got, want, patterns)
		}
		for _, b := range slow.bindings {
			fast.Unbind(b.key, nil, b.dst)
		}
		if !fast.root.isLeaf() || fast.root.here != nil {
			t.Errorf("nodes are left over of %q", patterns)
		}
	})
}
