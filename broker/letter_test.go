package broker

import (
	"reflect"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// array makes an array of strings.
func array(values ...string) (a amqp.Array) {
	for _, v := range values {
		a = append(a, v)
	}
	return a
}

// firstDeath are headers after a death in queue q, of a message that was
// published to exchange x with key k.
func firstDeath(why string, more ...amqp.Field) amqp.Table {
	entry := amqp.Table{
		{Key: "count", Value: int64(1)},
		{Key: "reason", Value: why},
		{Key: "queue", Value: "q"},
		{Key: "time", Value: amqp.Timestamp(7)},
		{Key: "exchange", Value: "x"},
		{Key: "routing-keys", Value: array("k")},
	}
	return amqp.Table{
		{Key: "x-death", Value: amqp.Array{append(entry, more...)}},
		{Key: "x-first-death-exchange", Value: "x"},
		{Key: "x-first-death-queue", Value: "q"},
		{Key: "x-first-death-reason", Value: why},
	}
}

// message makes one that was published to exchange x with key k.
func published(p amqp.BasicProperties, bcc ...string) *message {
	return &message{
		origin: &origin{exchange: "x", key: "k", hidden: hide(bcc)}, content: amqp.NewContent(p.Append(nil), []byte("b")),
	}
}

// DLX-08, DLX-11, DLX-12, DLX-14, DLX-15, DLX-16, DLX-21: as RabbitMQ 3.10.8
// has been seen to do.
func TestHeadersOfALetter(t *testing.T) {
	entry := func(fields ...amqp.Field) amqp.Table { return fields }
	count := func(n any) amqp.Field { return amqp.Field{Key: "count", Value: n} }
	of := func(queue, why string) []amqp.Field {
		return []amqp.Field{{Key: "queue", Value: queue}, {Key: "reason", Value: why}}
	}
	deaths := func(a ...any) amqp.Table { return amqp.Table{{Key: "x-death", Value: amqp.Array(a)}} }
	certificate := amqp.Table{
		count(int64(1)),
		{Key: "exchange", Value: "x"},
		{Key: "queue", Value: "q"},
		{Key: "reason", Value: "rejected"},
		{Key: "routing-keys", Value: array("k")},
		{Key: "time", Value: amqp.Timestamp(7)},
	}
	for name, c := range map[string]struct {
		headers, want amqp.Table
		keyed         bool
	}{
		"DLX-08 none before": {nil, firstDeath("rejected"), false},
		"sorted with others": {
			amqp.Table{{Key: "z", Value: int32(1)}, {Key: "a", Value: int32(2)}},
			slices.Concat(amqp.Table{{Key: "a", Value: int32(2)}}, firstDeath("rejected"), amqp.Table{{Key: "z", Value: int32(1)}}),
			false,
		},
		"DLX-09 again, time and keys of the first": {
			deaths(entry(append(of("o", "expired"), count(int64(3)))...), entry(slices.Concat(of("q", "rejected"), entry(count(int64(5)), amqp.Field{Key: "time", Value: amqp.Timestamp(1)}))...)),
			deaths(entry(slices.Concat(entry(count(int64(6))), of("q", "rejected"), entry(amqp.Field{Key: "time", Value: amqp.Timestamp(1)}))...), entry(append(of("o", "expired"), count(int64(3)))...)),
			false,
		},
		"DLX-09 for another reason": {
			deaths(entry(append(of("q", "expired"), count(int64(3)))...)),
			deaths(certificate, entry(append(of("q", "expired"), count(int64(3)))...)), false,
		},
		"DLX-21 a count of another type": {
			deaths(entry(append(of("q", "rejected"), count(int32(5)))...)),
			deaths(entry(append([]amqp.Field{count(int64(6))}, of("q", "rejected")...)...)), false,
		},
		"DLX-21 twice the same": {
			deaths(entry(append(of("q", "rejected"), count(int64(5)))...), entry(append(of("o", "rejected"), count(int64(1)))...), entry(append(of("q", "rejected"), count(int64(2)))...)),
			deaths(entry(append([]amqp.Field{count(int64(6))}, of("q", "rejected")...)...), entry(append(of("o", "rejected"), count(int64(1)))...)), false,
		},
		"DLX-21 no count": {
			deaths(entry(of("q", "rejected")...)),
			deaths(entry(append([]amqp.Field{count(int64(1))}, of("q", "rejected")...)...)), false,
		},
		"DLX-21 no array": {
			amqp.Table{{Key: "x-death", Value: "of a client"}},
			firstDeath("rejected")[:1], false,
		},
		"DLX-15 CC stays": {
			amqp.Table{{Key: "a", Value: int32(1)}, {Key: "CC", Value: array("c", "b")}},
			slices.Concat(amqp.Table{{Key: "CC", Value: array("c", "b")}, {Key: "a", Value: int32(1)}}, withKeys(firstDeath("rejected"), "k", "c", "b")),
			false,
		},
		"DLX-15 CC goes": {
			amqp.Table{{Key: "a", Value: int32(1)}, {Key: "CC", Value: array("c", "b")}},
			slices.Concat(amqp.Table{{Key: "a", Value: int32(1)}}, withKeys(firstDeath("rejected"), "k", "c", "b")), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := death{queue: "q", why: rejected, at: 7, to: &deadLettering{exchange: "y", key: "z", keyed: c.keyed}}
			m := published(amqp.BasicProperties{Headers: c.headers, DeliveryMode: 2, Priority: 3, UserID: "u"}, "hidden")
			before := slices.Clone(m.content.Properties())
			l := d.letter(m)
			got, err := l.properties.Decode()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Headers, c.want) {
				t.Errorf("got  %v\nwant %v", got.Headers, c.want)
			}
			if got.DeliveryMode != 2 || got.Priority != 3 || got.UserID != "u" || !l.traits.persistent || l.traits.priority != 3 {
				t.Errorf("the others are %+v, with %+v", got, l.traits)
			}
			if !slices.Equal(before, m.content.Properties()) {
				t.Error("the message has changed")
			}
		})
	}
}

// withKeys returns headers of a first death with other routing keys.
func withKeys(headers amqp.Table, keys ...string) amqp.Table {
	headers[0].Value.(amqp.Array)[0].(amqp.Table)[5].Value = array(keys...)
	return headers
}

// DLX-14
func TestALetterDoesNotExpireAgain(t *testing.T) {
	d := death{queue: "q", why: expired, at: 7, to: &deadLettering{exchange: "y"}}
	l := d.letter(published(amqp.BasicProperties{Expiration: "60000"}))
	got, err := l.properties.Decode()
	if want := firstDeath("expired", amqp.Field{Key: "original-expiration", Value: "60000"}); err != nil ||
		got.Expiration != "" || l.traits.mortal || !reflect.DeepEqual(got.Headers, want) {
		t.Errorf("got %+v, %v, with %+v", got, err, l.traits)
	}
}

// DLX-02, DLX-05
func TestRoutingKeysOfALetter(t *testing.T) {
	m := published(amqp.BasicProperties{Headers: amqp.Table{{Key: "CC", Value: array("c", "k", "b")}}}, "h", "c")
	same := (&death{queue: "q", to: &deadLettering{exchange: "y"}}).letter(m)
	if *same.origin != (origin{"y", "k", m.hidden}) || !slices.Equal(same.more, []string{"b", "c", "h"}) {
		t.Errorf("by its own keys it goes by %v and %v", *same.origin, same.more)
	}
	other := (&death{queue: "q", to: &deadLettering{exchange: "y", key: "z", keyed: true}}).letter(m)
	if *other.origin != (origin{exchange: "y", key: "z"}) || len(other.more) > 0 {
		t.Errorf("by the key of its queue it goes by %v and %v", *other.origin, other.more)
	}
}

// DLX-17, DLX-18, DLX-21
func TestALetterDoesNotGoRoundByItself(t *testing.T) {
	entry := func(queue, why string) amqp.Table {
		return amqp.Table{{Key: "queue", Value: queue}, {Key: "reason", Value: why}}
	}
	for name, c := range map[string]struct {
		deaths amqp.Array // before
		why    reason
		stays  bool // in none of the queues q, a
	}{
		"by itself":                {amqp.Array{entry("a", "expired")}, expired, true},
		"rejected now":             {amqp.Array{entry("a", "expired")}, rejected, false},
		"rejected in between":      {amqp.Array{entry("b", "rejected"), entry("a", "expired")}, maxlen, false},
		"rejected there":           {amqp.Array{entry("a", "rejected")}, maxlen, false},
		"rejected before":          {amqp.Array{entry("a", "expired"), entry("b", "rejected")}, maxlen, true},
		"something unknown":        {amqp.Array{"by a client", entry("a", "expired")}, deliveryLimit, false},
		"something unknown before": {amqp.Array{entry("a", "maxlen"), "by a client"}, deliveryLimit, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := death{queue: "q", why: c.why, to: &deadLettering{}}
			l := d.letter(published(amqp.BasicProperties{Headers: amqp.Table{{Key: "x-death", Value: c.deaths}}}))
			if l.returnsTo("a") != c.stays || l.returnsTo("q") != (c.why != rejected) || l.returnsTo("another") {
				t.Errorf("returns to a: %v, to q: %v, to another: %v", l.returnsTo("a"), l.returnsTo("q"), l.returnsTo("another"))
			}
		})
	}
}

func TestHiddenKeysComeBackAsTheyWere(t *testing.T) {
	long := make([]byte, 300)
	for _, keys := range [][]string{nil, {""}, {"a", "", "b"}, {string(long)}} {
		if got := hiddenKeys(hide(keys)); !slices.Equal(got, keys) {
			t.Errorf("got %q, want %q", got, keys)
		}
	}
	for _, damaged := range []string{"\x05abc", "\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"} {
		if got := hiddenKeys(damaged); len(got) > 0 {
			t.Errorf("%q has keys %q", damaged, got)
		}
	}
	for n := range 8 {
		if _, _, ok := cutHidden(appendHidden(nil, "abc")[:n]); ok && n > 0 {
			t.Errorf("%d octets of a piece are taken for one", n)
		}
	}
}
