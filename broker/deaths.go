package broker

import (
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// certificate is what x-death has on the first death of a message in a queue for
// a reason (DLX-08, DLX-11).
func (d *death) certificate(o *origin, headers amqp.Table, p amqp.Properties) amqp.Table {
	keys := amqp.Array{o.key}
	for _, key := range keysIn(headers, "CC") {
		keys = append(keys, key)
	}
	t := amqp.Table{
		{Key: "count", Value: int64(1)},
		{Key: "reason", Value: string(d.why)},
		{Key: "queue", Value: d.queue},
		{Key: "time", Value: d.at},
		{Key: "exchange", Value: o.exchange},
		{Key: "routing-keys", Value: keys},
	}
	if expiration, ok := p.Expiration(); ok {
		t = append(t, amqp.Field{Key: "original-expiration", Value: expiration})
	}
	return t
}

// note returns headers with a death noted, sorted by key as RabbitMQ does. An
// array that a client has sent counts as if it was of the broker (DLX-21).
func (d *death) note(headers, certificate amqp.Table) amqp.Table {
	v, before := headers.Get("x-death")
	if !before { // DLX-12
		headers = withField(headers, "x-first-death-exchange", field(certificate, "exchange"))
		headers = withField(headers, "x-first-death-queue", d.queue)
		headers = withField(headers, "x-first-death-reason", string(d.why))
	}
	deaths := amqp.Array{certificate}
	if earlier, ok := v.(amqp.Array); ok {
		deaths = d.among(earlier, sorted(certificate))
	}
	return withField(headers, "x-death", deaths)
}

// among returns the deaths with one more, most recent first: one for each queue
// and reason, with the time of the first of them and how many there were
// (DLX-09, DLX-10).
func (d *death) among(earlier amqp.Array, certificate amqp.Table) amqp.Array {
	all := amqp.Array{certificate}
	again := false
	for _, v := range earlier {
		t, ok := v.(amqp.Table)
		switch {
		case !ok || field(t, "queue") != d.queue || field(t, "reason") != string(d.why):
			all = append(all, v)
		case !again:
			count, _ := t.Get("count")
			n, _ := integer(count)
			all[0], again = withField(t, "count", n+1), true
		}
	}
	return all
}

// withField returns a sorted table in which a field has a value.
func withField(t amqp.Table, key string, value any) amqp.Table {
	t = slices.Clone(t)
	i := slices.IndexFunc(t, func(f amqp.Field) bool { return f.Key == key })
	if i < 0 {
		i, t = len(t), append(t, amqp.Field{})
	}
	t[i] = amqp.Field{Key: key, Value: value}
	return sorted(t)
}

func sorted(t amqp.Table) amqp.Table {
	t = slices.Clone(t)
	slices.SortStableFunc(t, func(a, b amqp.Field) int { return strings.Compare(a.Key, b.Key) })
	return t
}

// field is a field that should be a string, empty if it is not.
func field(t amqp.Table, key string) string {
	v, _ := t.Get(key)
	s, _ := v.(string)
	return s
}
