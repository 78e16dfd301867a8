package interop

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// bound declares an exchange of a type and one queue per binding.
func bound(t *testing.T, ch *amqp.Channel, kind string, bindings []binding) (exchangeName string, queues []string) {
	t.Helper()
	x := exchange(t, ch, kind)
	for _, b := range bindings {
		q := private(t, ch)
		must(t, ch.QueueBind(q, b.key, x, false, b.args))
		queues = append(queues, q)
	}
	return x, queues
}

type binding struct {
	key  string
	args amqp.Table
	want []string // bodies of the messages that it brings
}

// XTYP-01
func TestDirectComparesKeys(t *testing.T) {
	ch := publisher(t, dial(t))
	bindings := []binding{
		{key: "k", want: []string{"k"}},
		{key: "K", want: []string{"K"}},
		{key: "", want: []string{""}},
		{key: "a.b", want: []string{"a.b"}},
		{key: "a.*", want: nil},
		{key: "#", want: nil},
		{key: "ключ", want: []string{"ключ"}},
	}
	x, queues := bound(t, ch, "direct", bindings)
	for _, key := range []string{"k", "K", "", "a.b", "a", "ключ"} {
		put(t, ch, x, key, key)
	}
	for i, b := range bindings {
		same(t, "binding "+b.key, drain(t, ch, queues[i]), b.want)
	}
}

// XTYP-03
func TestFanoutIgnoresKeys(t *testing.T) {
	ch := publisher(t, dial(t))
	x, queues := bound(t, ch, "fanout", []binding{{key: ""}, {key: "k"}, {key: "#", args: amqp.Table{"a": "b"}}})
	put(t, ch, x, "", "0")
	put(t, ch, x, "anything", "1")
	for _, q := range queues {
		same(t, "messages", drain(t, ch, q), []string{"0", "1"})
	}
}

// XTYP-04 to XTYP-13
func TestTopicMatchesWords(t *testing.T) {
	ch := publisher(t, dial(t))
	keys := []string{
		"", ".", "a", "b", "ab", "a.", ".a", "a.b", "b.a", "a.b.c", "b.c.a", "a..b", "a.x.b", "a.x.y.b",
		"a.b.b", "*foo", "xfoo", "a#", "*.x", "q.w.e.r",
	}
	bindings := []binding{
		{key: "#", want: keys},
		{key: "", want: []string{""}},
		{key: "*", want: []string{"a", "b", "ab", "*foo", "xfoo", "a#"}},
		{key: "*.*", want: []string{".", "a.", ".a", "a.b", "b.a", "*.x"}},
		{key: "a.*", want: []string{"a.", "a.b"}},
		{key: "a.*.b", want: []string{"a..b", "a.x.b", "a.b.b"}},
		{key: "a..b", want: []string{"a..b"}},
		{key: "a.#", want: []string{"a", "a.", "a.b", "a.b.c", "a..b", "a.x.b", "a.x.y.b", "a.b.b"}},
		{key: "#.a", want: []string{"a", ".a", "b.a", "b.c.a"}},
		{key: "a.#.b", want: []string{"a.b", "a..b", "a.x.b", "a.x.y.b", "a.b.b"}},
		{key: "*.#", want: keys[1:]},
		{key: "#.*", want: keys[1:]},
		{key: "#.#", want: keys},
		{key: "*foo", want: []string{"*foo"}},
		{key: "a#", want: []string{"a#"}},
		{key: "*.x", want: []string{"*.x"}},
		{key: "#.#.#.r", want: []string{"q.w.e.r"}},
		{key: "*.#.e.*", want: []string{"q.w.e.r"}},
	}
	x, queues := bound(t, ch, "topic", bindings)
	for _, key := range keys {
		put(t, ch, x, key, key)
	}
	for i, b := range bindings {
		same(t, "binding "+b.key, drain(t, ch, queues[i]), b.want)
	}
}

// XTYP-16 to XTYP-24
func TestHeadersComparesTables(t *testing.T) {
	ch := publisher(t, dial(t))
	when := time.Unix(1700000000, 0)
	messages := []amqp.Publishing{
		{Body: []byte("none")},
		{Body: []byte("a1"), Headers: amqp.Table{"a": int32(1)}},
		{Body: []byte("a1 b2"), Headers: amqp.Table{"a": int64(1), "b": "2"}},
		{Body: []byte("a float"), Headers: amqp.Table{"a": float64(1)}},
		{Body: []byte("a string"), Headers: amqp.Table{"a": "1"}},
		{Body: []byte("a void"), Headers: amqp.Table{"a": nil}},
		{Body: []byte("a true"), Headers: amqp.Table{"a": true}},
		{Body: []byte("x-a1"), Headers: amqp.Table{"x-a": int16(1)}},
		{Body: []byte("table"), Headers: amqp.Table{"t": amqp.Table{"k": int32(1)}}},
		{Body: []byte("array"), Headers: amqp.Table{"t": []any{int32(1), "two"}}},
		{Body: []byte("bytes"), Headers: amqp.Table{"s": []byte("ab")}},
		{Body: []byte("time"), Headers: amqp.Table{"w": when}},
	}
	every := make([]string, len(messages))
	for i, m := range messages {
		every[i] = string(m.Body)
	}
	bindings := []binding{
		{key: "empty", args: nil, want: every},
		{key: "all only", args: amqp.Table{"x-match": "all"}, want: every},
		{key: "any only", args: amqp.Table{"x-match": "any"}, want: nil},
		{key: "default is all", args: amqp.Table{"a": int32(1), "b": "2"}, want: []string{"a1 b2"}},
		{key: "all", args: amqp.Table{"x-match": "all", "a": int8(1)}, want: []string{"a1", "a1 b2", "a float"}},
		{key: "any", args: amqp.Table{"x-match": "any", "a": int32(7), "b": "2"}, want: []string{"a1 b2"}},
		{
			key: "presence", args: amqp.Table{"a": nil},
			want: []string{"a1", "a1 b2", "a float", "a string", "a void", "a true"},
		},
		{key: "bool", args: amqp.Table{"a": true}, want: []string{"a true"}},
		{key: "string", args: amqp.Table{"a": "1"}, want: []string{"a string"}},
		{key: "x- ignored by all", args: amqp.Table{"x-a": int32(9), "b": "2"}, want: []string{"a1 b2"}},
		{key: "x- ignored by any", args: amqp.Table{"x-match": "any", "x-a": int32(1)}, want: nil},
		{key: "all-with-x", args: amqp.Table{"x-match": "all-with-x", "x-a": int32(1)}, want: []string{"x-a1"}},
		{
			key: "any-with-x", args: amqp.Table{"x-match": "any-with-x", "x-a": int32(1), "b": "2"},
			want: []string{"a1 b2", "x-a1"},
		},
		{key: "table", args: amqp.Table{"t": amqp.Table{"k": int32(1)}}, want: []string{"table"}},
		{key: "table differs", args: amqp.Table{"t": amqp.Table{"k": int32(2)}}, want: nil},
		{key: "array", args: amqp.Table{"t": []any{int32(1), "two"}}, want: []string{"array"}},
		{key: "array differs", args: amqp.Table{"t": []any{"two", int32(1)}}, want: nil},
		{key: "longstr equals bytes", args: amqp.Table{"s": "ab"}, want: []string{"bytes"}},
		{key: "timestamp", args: amqp.Table{"w": when}, want: []string{"time"}},
	}
	x, queues := bound(t, ch, "headers", bindings)
	for _, m := range messages {
		putMessage(t, ch, x, "ignored", m)
	}
	for i, b := range bindings {
		same(t, b.key, drain(t, ch, queues[i]), b.want)
	}
}

// XTYP-02, XTYP-14
func TestSeveralMatchesBringOneCopy(t *testing.T) {
	ch := publisher(t, dial(t))
	for _, tt := range []struct {
		kind     string
		bindings []binding
	}{
		{"direct", []binding{{key: "a.b"}, {key: "a.b", args: amqp.Table{"n": int32(1)}}}},
		{"fanout", []binding{{key: "a"}, {key: "b"}, {key: "c", args: amqp.Table{"n": int32(1)}}}},
		{"topic", []binding{{key: "#"}, {key: "a.*"}, {key: "a.b"}, {key: "*.b"}, {key: "a.#"}}},
		{"headers", []binding{{key: ""}, {key: "k"}, {key: "", args: amqp.Table{"h": nil}}}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			x := exchange(t, ch, tt.kind)
			q := private(t, ch)
			for _, b := range tt.bindings {
				must(t, ch.QueueBind(q, b.key, x, false, b.args))
			}
			putMessage(t, ch, x, "a.b", amqp.Publishing{Body: []byte("once"), Headers: amqp.Table{"h": int32(1)}})
			same(t, "messages", drain(t, ch, q), []string{"once"})
		})
	}
}

// EXCH-02, QDEC-35, CONS-30
func TestDefaultExchangeRoutesToTheQueueOfThatName(t *testing.T) {
	ch := publisher(t, dial(t))
	q, other := private(t, ch), private(t, ch)
	put(t, ch, "", q, "mine")
	d := get(t, ch, q)
	equal(t, "body", string(d.Body), "mine")
	equal(t, "exchange", d.Exchange, "")
	equal(t, "routing key", d.RoutingKey, q)
	same(t, "the other queue", drain(t, ch, other), nil)
}

// EXCH-01, XTYP-01, XTYP-03
func TestPredeclaredExchangesRoute(t *testing.T) {
	ch := publisher(t, dial(t))
	for _, name := range []string{"amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"} {
		q, key := private(t, ch), unique()
		must(t, ch.QueueBind(q, key, name, false, nil))
		put(t, ch, name, key, "through "+name)
		d := get(t, ch, q)
		equal(t, "body", string(d.Body), "through "+name)
		equal(t, "exchange", d.Exchange, name)
		equal(t, "routing key", d.RoutingKey, key)
	}
	must(t, ch.ExchangeDeclarePassive("amq.rabbitmq.trace", "topic", true, false, true, false, nil))
}
