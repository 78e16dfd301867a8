package exchange

import (
	"slices"
	"strings"
	"testing"
)

// hostile are routing keys and patterns that a careless matcher takes for ever
// to compare: each '#' can stand for any number of the same words.
var hostile = []struct{ name, key, pattern string }{
	{"dots", strings.Repeat(".", 255), strings.Repeat("#.", 127) + "x"},
	{"letters", strings.Repeat("a.", 127) + "a", strings.Repeat("#.a.", 63) + "b"},
	{"stars", strings.Repeat("a.", 127) + "a", strings.Repeat("#.*.", 63) + "b"},
	{"late", strings.Repeat("a.", 127) + "a", "#." + strings.Repeat("a.*.", 31) + "#.b"},
	{"two", strings.Repeat("a.", 127) + "a", strings.Repeat("#.a.a.", 42) + "b"},
}

func TestHostileKeysEnd(t *testing.T) {
	for _, h := range hostile {
		var x topic[int]
		for i := range 20 {
			x.Bind(h.pattern+strings.Repeat("b", i), nil, i)
			x.Bind(h.pattern+".#."+strings.Repeat("b", i), nil, i)
		}
		matching := "#." + strings.TrimRight(h.pattern, "bx") + "#"
		x.Bind(matching, nil, 100)
		if got := x.Match(nil, h.key, nil); !slices.Equal(got, []int{100}) {
			t.Errorf("%s: got %v", h.name, got)
		}
	}
}

// From each '#' on, one way leads to the next '#' and one is never found, so
// that no '#' can be done with early.
func TestHostilePatternsEnd(t *testing.T) {
	var x topic[int]
	for i := range 63 {
		x.Bind(strings.Repeat("#.a.", i)+"#.b", nil, i)
	}
	key := strings.Repeat("a.", 127)
	if got := x.Match(nil, key+"a", nil); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if got := x.Match(nil, key+"b", nil); len(got) != 63 {
		t.Errorf("got %v", got)
	}
}

func TestPatternsShareTheirFirstWords(t *testing.T) {
	var x topic[int]
	x.Bind("a.b.c", nil, 1)
	x.Bind("a.b.d", nil, 2)
	x.Bind("a.*.#", nil, 3)
	a := x.root.only
	if a == nil || a.literal("b") == nil || a.one == nil || a.one.many == nil {
		t.Fatal("unexpected shape of the trie")
	}
	x.Unbind("a.b.c", nil, 1)
	if b := a.literal("b"); b.several != nil || b.only.word != "d" {
		t.Error("a single child is kept in a map")
	}
	x.Unbind("a.b.d", nil, 2)
	x.Unbind("a.*.#", nil, 3)
	if !x.root.isLeaf() {
		t.Error("nodes are left over")
	}
}
