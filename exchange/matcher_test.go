package exchange

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

var kinds = []string{Direct, Fanout, Topic, Headers, ConsistentHash, ModulusHash, Random, RecentHistory}

// toAll are the kinds of which one key can lead to any number of destinations.
var toAll = []string{Direct, Fanout, Topic, Headers, RecentHistory}

func newMatcher(kind string) Matcher[int] {
	m, _ := New(kind, nil, cmp.Compare[int], rand.IntN)
	return m
}

func TestUnknownTypesHaveNoMatcher(t *testing.T) {
	for _, kind := range []string{"", "nosuch", "Direct", "x-jms-topic", "x-event"} {
		if _, ok := New(kind, nil, cmp.Compare[int], rand.IntN); ok {
			t.Errorf("%q has one", kind)
		}
	}
}

func TestWhatIsNotByTheKeyAloneIsNotRemembered(t *testing.T) {
	for _, c := range []struct {
		kind string
		args amqp.Table
		want bool
	}{
		{Direct, nil, true},
		{Fanout, nil, true},
		{Topic, nil, true},
		{Headers, nil, false},
		{ModulusHash, nil, true},
		{Random, nil, false},
		{RecentHistory, nil, true},
		{ConsistentHash, nil, true},
		{ConsistentHash, amqp.Table{{Key: "hash-header", Value: ""}}, false},
		{ConsistentHash, amqp.Table{{Key: "hash-property", Value: "timestamp"}}, false},
		{ConsistentHash, amqp.Table{{Key: "x-hash-on", Value: "a"}}, false},
		{ConsistentHash, amqp.Table{{Key: "x-hash-on", Value: int32(5)}}, true},
	} {
		if ByKey(c.kind, c.args) != c.want {
			t.Errorf("%s %v: %t", c.kind, c.args, !c.want)
		}
	}
}

func TestKeysOfAMessageThatHasSeveral(t *testing.T) {
	more := []string{"b", "c"}
	for kind, want := range map[string][]string{
		Direct: {"a", "b", "c"}, Topic: {"a", "b", "c"}, Fanout: {"a"}, Headers: {"a"}, ConsistentHash: {"a"},
		Random: {"a"}, RecentHistory: {"a"}, ModulusHash: {"a\x00b\x00c"},
	} {
		first, rest := Keys(kind, "a", more)
		if got := append([]string{first}, rest...); !slices.Equal(got, want) {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

// A caller collects over the keys of a message and over exchanges (XTYP-02).
func TestMatchLeavesOutWhatIsFoundAlready(t *testing.T) {
	for _, kind := range toAll {
		for _, bound := range []int{3, 1000} {
			t.Run(kind+" with "+strconv.Itoa(bound)+" queues", func(t *testing.T) {
				m := newMatcher(kind)
				for i := range bound {
					m.Bind("k", nil, i)
				}
				for _, before := range [][]int{nil, {-1}, {2, -1, 1}, upTo(-500, 500)} {
					got := m.Match(slices.Clone(before), "k", nil)
					again := m.Match(slices.Clone(got), "k", nil)
					if !slices.Equal(again, got) {
						t.Fatalf("found again, after %d", len(before))
					}
					slices.Sort(got)
					want := slices.Compact(slices.Sorted(slices.Values(append(upTo(0, bound), before...))))
					if !slices.Equal(got, want) {
						t.Fatalf("after %v: got %v", before, got)
					}
				}
			})
		}
	}
}

func upTo(from, to int) []int {
	var s []int
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

// Run with -race, this shows that Match changes nothing.
func TestMatchMayRunManyTimesAtOnce(t *testing.T) {
	headers := amqp.BasicProperties{Headers: amqp.Table{{Key: "b", Value: "1"}, {Key: "a", Value: "1"}}}
	props := amqp.Properties(headers.Append(nil))
	for _, kind := range toAll {
		m := newMatcher(kind)
		for i := range 100 {
			m.Bind("#.a.#."+strconv.Itoa(i%10)+".#", nil, i)
			m.Bind("a.0", amqp.Table{{Key: "b", Value: "1"}}, i)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					if got := m.Match(nil, "a.0", props); len(got) != 100 {
						t.Errorf("%s: %d found", kind, len(got))
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestMatchOfFewDestinationsDoesNotAllocate(t *testing.T) {
	type wiring struct {
		kind, key string
		bindings  []string
		want      int
	}
	for _, w := range []wiring{
		{Direct, "k", []string{"k", "l"}, 1},
		{Fanout, "k", []string{"", "a", "b"}, 3},
		{Topic, "a.b.c", []string{"a.b.c", "a.*.c", "a.#", "#", "#.c", "#.b.#", "*.b.#", "x.y"}, 7},
		{Headers, "k", []string{"a", "b"}, 2},
		{ConsistentHash, "k", []string{"1", "2"}, 1},
		{ModulusHash, "k", []string{"a", "b"}, 1},
		{Random, "k", []string{"a", "b"}, 1},
	} {
		m := newMatcher(w.kind)
		for i, key := range w.bindings {
			m.Bind(key, nil, i)
		}
		to := make([]int, 0, 16)
		allocs := testing.AllocsPerRun(100, func() { to = m.Match(to[:0], w.key, nil) })
		if allocs != 0 || len(to) != w.want {
			t.Errorf("%s: %v allocations, %d found", w.kind, allocs, len(to))
		}
	}
}

// TestUnbindingGivesMemoryBack binds a lot, unbinds all but one and measures.
func TestUnbindingGivesMemoryBack(t *testing.T) {
	const bindings = 20_000
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m := newMatcher(kind)
			m.Bind("1", nil, -1)
			before := heap()
			for _, undo := range []bool{false, true} {
				for i := range bindings {
					key, args := "key"+strconv.Itoa(i)+".*.of.#", amqp.Table{{Key: "n", Value: int32(i)}}
					if kind == ConsistentHash {
						key = strconv.Itoa(i + 1)
					}
					if undo {
						m.Unbind(key, args, i)
					} else {
						m.Bind(key, args, i)
					}
				}
			}
			if left := heap() - before; left > 64<<10 {
				t.Errorf("%d bytes are left of %d bindings", left, bindings)
			}
			runtime.KeepAlive(m)
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
