package exchange

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// queue stands for what a broker routes to: pointers.
type queue struct{ id int }

// bench matches the keys in turn. Each benchmark reports the time of one match.
func bench(b *testing.B, m Matcher[*queue], keys []string, p amqp.Properties, want int) {
	b.Helper()
	to := m.Match(nil, keys[0], p)
	if len(to) != want {
		b.Fatalf("%d destinations, not %d", len(to), want)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		to = m.Match(to[:0], keys[i], p)
		if i++; i == len(keys) {
			i = 0
		}
	}
}

func newBench(kind string) Matcher[*queue] {
	m, _ := New(kind, nil, func(a, b *queue) int { return a.id - b.id }, rand.IntN)
	return m
}

func numbered(format string, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf(format, i)
	}
	return s
}

func BenchmarkDirect(b *testing.B) {
	for _, bindings := range []int{10, 100_000} {
		b.Run(strconv.Itoa(bindings), func(b *testing.B) {
			m, keys := newBench(Direct), numbered("key%d", bindings)
			for _, key := range keys {
				m.Bind(key, nil, new(queue))
			}
			bench(b, m, keys[:min(1000, bindings)], nil, 1)
		})
	}
}

func BenchmarkFanout(b *testing.B) {
	for _, bindings := range []int{10, 1000} {
		b.Run(strconv.Itoa(bindings), func(b *testing.B) {
			m := newBench(Fanout)
			for range bindings {
				m.Bind("", nil, new(queue))
			}
			bench(b, m, []string{"key"}, nil, bindings)
		})
	}
}

// BenchmarkFanoutTwice finds everything again that to has already.
func BenchmarkFanoutTwice(b *testing.B) {
	for _, bindings := range []int{10, 1000, 10_000} {
		b.Run(strconv.Itoa(bindings), func(b *testing.B) {
			m := newBench(Fanout)
			for range bindings {
				m.Bind("", nil, new(queue))
			}
			to := m.Match(nil, "", nil)
			b.ReportAllocs()
			for b.Loop() {
				to = m.Match(to, "", nil)
			}
		})
	}
}

func BenchmarkTopic(b *testing.B) {
	for _, bindings := range []int{1000, 100_000} {
		m := newBench(Topic)
		for _, pattern := range numbered("other%d.*.of.#", bindings) {
			m.Bind(pattern, nil, new(queue))
		}
		m.Bind("orders.#", nil, new(queue))
		hits := numbered("other%d.kind.of.message.text", bindings)
		misses := numbered("another%d.kind.of.message.text", bindings)
		for _, c := range []struct {
			name string
			keys []string
			want int
		}{
			{"repeated", hits[:1], 1},
			{"new", hits, 1},
			{"unroutable", misses, 0},
		} {
			b.Run(fmt.Sprintf("%d/%s", bindings, c.name), func(b *testing.B) {
				bench(b, m, c.keys, nil, c.want)
			})
		}
	}
}

// BenchmarkTopicMany binds many queues by different patterns that all match.
func BenchmarkTopicMany(b *testing.B) {
	for _, queues := range []int{10, 100, 1000} {
		b.Run(strconv.Itoa(queues), func(b *testing.B) {
			m := newBench(Topic)
			pattern := []string{"a.b.c", "a.*.c", "a.#", "#", "#.c", "*.b.#", "#.b.#", "*.*.*"}
			for i := range queues {
				m.Bind(pattern[i%len(pattern)], nil, new(queue))
			}
			bench(b, m, []string{"a.b.c"}, nil, queues)
		})
	}
}

// BenchmarkTopicHostile binds twenty patterns of one kind that share nothing
// but their first word.
func BenchmarkTopicHostile(b *testing.B) {
	for _, h := range hostile {
		b.Run(h.name, func(b *testing.B) {
			m := newBench(Topic)
			for i := range 20 {
				pattern := strings.Replace(h.pattern, ".#", strings.Repeat(".#.*", i)+".#", 1)
				m.Bind(pattern[:min(len(pattern), 253)]+".b", nil, new(queue))
			}
			bench(b, m, []string{h.key}, nil, 0)
		})
	}
}

// BenchmarkTopicHostilePatterns is about patterns that share much, by 63
// bindings.
func BenchmarkTopicHostilePatterns(b *testing.B) {
	m := newBench(Topic)
	for i := range 63 {
		m.Bind(strings.Repeat("#.a.", i)+"#.b", nil, new(queue))
	}
	bench(b, m, []string{strings.Repeat("a.", 127) + "a"}, nil, 0)
}

func BenchmarkTopicBind(b *testing.B) {
	m, patterns, q := newBench(Topic), numbered("other%d.*.of.#", 100_000), new(queue)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		m.Bind(patterns[i%len(patterns)], nil, q)
		i++
	}
}

func BenchmarkHeaders(b *testing.B) {
	props := amqp.BasicProperties{Headers: amqp.Table{
		{Key: "format", Value: "pdf"},
		{Key: "type", Value: "report"},
		{Key: "number", Value: int32(7)},
		{Key: "trace", Value: "0123456789abcdef"},
	}}
	for _, bindings := range []int{1, 100} {
		for _, mode := range []string{matchAll, matchAny} {
			b.Run(fmt.Sprintf("%d/%s", bindings, mode), func(b *testing.B) {
				m := newBench(Headers)
				for i := range bindings {
					m.Bind("", amqp.Table{
						{Key: "x-match", Value: mode},
						{Key: "number", Value: int32(7 + i)},
						{Key: "absent", Value: int32(i)},
					}, new(queue))
				}
				want := 0
				if mode == matchAny {
					want = 1
				}
				bench(b, m, []string{""}, props.Append(nil), want)
			})
		}
	}
}

func BenchmarkOneOf(b *testing.B) {
	for _, kind := range []string{ConsistentHash, ModulusHash, Random} {
		for _, bindings := range []int{10, 1000} {
			b.Run(fmt.Sprintf("%s/%d", kind, bindings), func(b *testing.B) {
				m := newBench(kind)
				for i := range bindings {
					m.Bind("10", nil, &queue{i})
				}
				bench(b, m, numbered("key%d", 1000), nil, 1)
			})
		}
	}
}

func BenchmarkConsistentHashOfAHeader(b *testing.B) {
	m, _ := New(ConsistentHash, amqp.Table{{Key: "hash-header", Value: "number"}}, func(a, b *queue) int { return a.id - b.id }, rand.IntN)
	for i := range 10 {
		m.Bind("10", nil, &queue{i})
	}
	props := amqp.BasicProperties{Headers: amqp.Table{{Key: "type", Value: "report"}, {Key: "number", Value: "7"}}}
	bench(b, m, []string{""}, props.Append(nil), 1)
}

// BenchmarkRebind takes back the oldest of many bindings and makes it again.
func BenchmarkRebind(b *testing.B) {
	for _, kind := range []string{ConsistentHash, ModulusHash} {
		b.Run(kind, func(b *testing.B) {
			m, queues := newBench(kind), make([]*queue, 1000)
			for i := range queues {
				queues[i] = &queue{i}
				m.Bind("10", nil, queues[i])
			}
			i := 0
			for b.Loop() {
				m.Unbind("10", nil, queues[i])
				m.Bind("10", nil, queues[i])
				i = (i + 1) % len(queues)
			}
		})
	}
}

func BenchmarkCache(b *testing.B) {
	for _, keys := range []int{1, maxRoutes} {
		names, c := numbered("other%d.kind.of.message", keys), Cache[[]*queue]{}
		for _, key := range names {
			c.Put(1, "exchange", strings.Clone(key), nil)
		}
		b.Run(fmt.Sprintf("Get/%d", keys), func(b *testing.B) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Get(1, "exchange", names[i%keys]); !ok {
					b.Fatal("missed")
				}
				i++
			}
		})
	}
	b.Run("Put of ever new keys", func(b *testing.B) {
		c, names, i := Cache[[]*queue]{}, numbered("key%d", 10*maxRoutes), 0
		b.ReportAllocs()
		for b.Loop() {
			c.Put(1, "exchange", names[i%len(names)], nil)
			i++
		}
	})
}
