package exchange

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// spread counts where messages with so many different keys go.
func spread(t *testing.T, m Matcher[int], messages int) map[int]int {
	t.Helper()
	got := map[int]int{}
	for i := range messages {
		to := m.Match(nil, "key"+strconv.Itoa(i), nil)
		if len(to) != 1 {
			t.Fatalf("a message goes to %v", to)
		}
		got[to[0]]++
	}
	return got
}

// about checks a count of messages that are expected so often, by five standard
// deviations.
func about(t *testing.T, what string, got int, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 5*math.Sqrt(want) {
		t.Errorf("%s: %d messages, not about %.0f", what, got, want)
	}
}

func TestMessagesAreSpreadByWeight(t *testing.T) { // XTYP-29
	const messages = 60_000
	m := newMatcher(ConsistentHash)
	for dst, weight := range []string{"1", "2", "007", "+10"} {
		m.Bind(weight, nil, dst)
	}
	got := spread(t, m, messages)
	for dst, weight := range []float64{1, 2, 7, 10} {
		about(t, fmt.Sprintf("weight %.0f", weight), got[dst], messages*weight/20)
	}
}

func TestGreatWeightsCountExactly(t *testing.T) {
	const messages = 60_000
	m := newMatcher(ConsistentHash)
	for dst := range 300 {
		m.Bind(strconv.Itoa(maxWeight), nil, dst)
	}
	m.Bind("1", nil, -1)
	for dst, n := range spread(t, m, messages) {
		about(t, strconv.Itoa(dst), n, messages/300)
	}
}

func TestPlainKindsSpreadByBindings(t *testing.T) { // XTYP-33, XTYP-34
	const messages = 60_000
	for _, kind := range []string{ModulusHash, Random} {
		m := newMatcher(kind)
		for i, dst := range []int{1, 2, 2, 3, 3, 3} {
			m.Bind(strconv.Itoa(i), nil, dst)
		}
		got := spread(t, m, messages)
		for dst := 1; dst <= 3; dst++ {
			about(t, fmt.Sprintf("%s: %d", kind, dst), got[dst], messages*float64(dst)/6)
		}
	}
}

// A binding more takes messages to its own destination only, and the order in
// which the others were made does not change.
func TestAnotherBindingMovesOnlyItsShare(t *testing.T) { // XTYP-29
	const keys = 10_000
	m, before := newMatcher(ConsistentHash), map[string]int{}
	for dst := range 9 {
		m.Bind("3", nil, dst)
	}
	for i := range keys {
		key := strconv.Itoa(i)
		before[key] = m.Match(nil, key, nil)[0]
	}
	m.Bind("3", nil, 9)
	moved := 0
	for key, dst := range before {
		switch m.Match(nil, key, nil)[0] {
		case dst:
		case 9:
			moved++
		default:
			t.Fatalf("%s moved from %d to another one that was there", key, dst)
		}
	}
	about(t, "moved", moved, keys/10)
	m.Unbind("3", nil, 9)
	for key, dst := range before {
		if got := m.Match(nil, key, nil)[0]; got != dst {
			t.Fatalf("%s did not come back to %d", key, dst)
		}
	}
}

func TestTheFirstWeightOfADestinationCounts(t *testing.T) { // XTYP-31
	const messages = 20_000
	m := newMatcher(ConsistentHash)
	m.Bind("1", nil, 1)
	m.Bind("1", nil, 2)
	m.Bind("9", nil, 1)
	about(t, "with another weight", spread(t, m, messages)[1], messages/2)
	m.Unbind("1", nil, 1)
	about(t, "with the other weight alone", spread(t, m, messages)[1], messages*0.9)
	m.Bind("1", nil, 1)
	m.Unbind("1", nil, 1)
	about(t, "with the other weight again", spread(t, m, messages)[1], messages*0.9)
}

func TestBindingsOfOneKeyDifferByArguments(t *testing.T) {
	m := newMatcher(ConsistentHash)
	args := amqp.Table{{Key: "a", Value: true}}
	m.Bind("1", nil, 1)
	m.Bind("1", nil, 2)
	m.Bind("1", args, 1) // behind that of 2
	m.Unbind("1", nil, 1)
	other := newMatcher(ConsistentHash)
	other.Bind("1", nil, 2)
	other.Bind("1", args, 1)
	for i := range 100 {
		key := strconv.Itoa(i)
		if got, want := m.Match(nil, key, nil), other.Match(nil, key, nil); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, not %v", key, got, want)
		}
	}
}

// What is bound in another order, as after some unbinding, is found all the
// same.
func TestTheOrderOfBindingsDoesNotMatterToAModulus(t *testing.T) { // XTYP-33
	a, b := newMatcher(ModulusHash), newMatcher(ModulusHash)
	for i := range 10 {
		a.Bind("", nil, i)
		b.Bind("", nil, 9-i)
	}
	for i := range 100 {
		key := strconv.Itoa(i)
		if got, want := a.Match(nil, key, nil), b.Match(nil, key, nil); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, not %v", key, got, want)
		}
	}
}

// TestHashesStay holds where some keys go, since durable exchanges find the
// same after an upgrade.
func TestHashesStay(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0xefd01f60ba992926, "a": 0x82a2a958a9bece5b, "key": 0xcf8c79838f3b3030,
	} {
		if got := hash(text); got != want {
			t.Errorf("hash(%q) is %#x", text, got)
		}
	}
	for i, want := range []uint64{190, 439, 42, 755, 933} {
		if got := jump(hash(strconv.Itoa(i)), 1000); got != want {
			t.Errorf("jump(hash(%d), 1000) is %d", i, got)
		}
	}
}

func TestWhatIsHashed(t *testing.T) { // XTYP-30, XTYP-32
	type message struct {
		key string
		p   amqp.BasicProperties
	}
	header := func(v any) amqp.BasicProperties {
		return amqp.BasicProperties{Headers: amqp.Table{{Key: "z"}, {Key: "h", Value: v}}}
	}
	stamp := func(t uint64) amqp.BasicProperties { return amqp.BasicProperties{Timestamp: t} }
	for _, c := range []struct {
		name        string
		args        amqp.Table
		same, apart []message // goes together; goes elsewhere
	}{
		{
			"the routing key", nil,
			[]message{{key: "a"}, {key: "a", p: header("b")}},
			[]message{{key: "b"}, {key: ""}},
		},
		{
			"a header",
			amqp.Table{{Key: "hash-header", Value: "h"}},
			[]message{{key: "a", p: header("v")}, {key: "b", p: header("v")}},
			[]message{{key: "a", p: header("w")}, {key: "a", p: header(int32(5))}, {key: "a"}},
		},
		{
			"a header that is missing",
			amqp.Table{{Key: "hash-header", Value: "h"}},
			[]message{{key: "a"}, {key: "b"}, {p: amqp.BasicProperties{Headers: amqp.Table{{Key: "other", Value: "v"}}}}},
			[]message{{p: header("w")}},
		},
		{
			"a header that is no string",
			amqp.Table{{Key: "hash-header", Value: "h"}},
			[]message{{key: "a", p: header(amqp.Table{{Key: "k", Value: int32(5)}})}, {key: "b", p: header(amqp.Table{{Key: "k", Value: int32(5)}})}},
			[]message{{p: header(amqp.Table{{Key: "k", Value: int32(6)}})}, {p: header(nil)}},
		},
		{
			"message_id",
			amqp.Table{{Key: "hash-property", Value: "message_id"}},
			[]message{{key: "a", p: amqp.BasicProperties{MessageID: "m"}}, {key: "b", p: amqp.BasicProperties{MessageID: "m", CorrelationID: "c"}}},
			[]message{{key: "a", p: amqp.BasicProperties{MessageID: "n"}}, {key: "m"}},
		},
		{
			"correlation_id",
			amqp.Table{{Key: "hash-property", Value: "correlation_id"}},
			[]message{{key: "a", p: amqp.BasicProperties{CorrelationID: "m"}}, {key: "b", p: amqp.BasicProperties{CorrelationID: "m"}}},
			[]message{{key: "a", p: amqp.BasicProperties{CorrelationID: "n"}}, {key: "m"}},
		},
		{
			"timestamp",
			amqp.Table{{Key: "hash-property", Value: "timestamp"}},
			[]message{{key: "a", p: stamp(17)}, {key: "b", p: stamp(17)}},
			[]message{{key: "a", p: stamp(18)}, {key: "17"}},
		},
		{"x-hash-on", amqp.Table{{Key: "x-hash-on", Value: "h"}}, // LAV-16
			[]message{{key: "a", p: header("v")}, {key: "b", p: header("v")}}, []message{{key: "a", p: header("w")}}},
		{
			"x-hash-on besides a property",
			amqp.Table{{Key: "x-hash-on", Value: "h"}, {Key: "hash-property", Value: "message_id"}},
			[]message{{key: "a", p: header("v")}, {key: "b", p: header("w")}},
			[]message{{p: amqp.BasicProperties{MessageID: "n"}}},
		},
	} {
		on := hashedOf(c.args)
		want := on.hash(c.same[0].key, c.same[0].p.Append(nil))
		for _, x := range c.same {
			if got := on.hash(x.key, x.p.Append(nil)); got != want {
				t.Errorf("%s: %v does not go with the first", c.name, x)
			}
		}
		for _, x := range c.apart {
			if got := on.hash(x.key, x.p.Append(nil)); got == want {
				t.Errorf("%s: %v goes with the first", c.name, x)
			}
		}
	}
}

func TestArgumentsAndKeysOfFurtherTypesAreChecked(t *testing.T) {
	const refused = "PRECONDITION_FAILED - "
	text := func(err error) string { return strings.TrimPrefix(replyText(err), refused) }
	for key, want := range map[string]string{ // XTYP-28
		"1": "", "+2": "", "007": "", "2147483647": "",
		"abc":                      `The binding key must be an integer: <<"abc">>`,
		"":                         "The binding key must be an integer: <<>>",
		" 1":                       `The binding key must be an integer: <<" 1">>`,
		"1.0":                      `The binding key must be an integer: <<"1.0">>`,
		"+":                        `The binding key must be an integer: <<"+">>`,
		"--1":                      `The binding key must be an integer: <<"--1">>`,
		"0":                        "The binding key must be greater than 0",
		"-0":                       "The binding key must be greater than 0",
		"-1":                       "The binding key must be greater than 0",
		"-99999999999999999999999": "The binding key must be greater than 0",
		"2147483648":               "The binding key must not exceed 2147483647",
		"99999999999999999999999":  "The binding key must not exceed 2147483647",
	} {
		if got := text(CheckBinding(ConsistentHash, key, nil)); got != want {
			t.Errorf("binding key %q: %q", key, got)
		}
	}
	field := func(key string, value any) amqp.Field { return amqp.Field{Key: key, Value: value} }
	const internal = "INTERNAL_ERROR"
	for _, c := range []struct {
		kind string
		args amqp.Table
		want string
	}{
		{ConsistentHash, nil, ""}, // XTYP-30
		{ConsistentHash, amqp.Table{field("hash-header", "")}, ""},
		{ConsistentHash, amqp.Table{field("hash-property", "message_id")}, ""},
		{ConsistentHash, amqp.Table{field("hash-property", "correlation_id")}, ""},
		{ConsistentHash, amqp.Table{field("hash-property", "timestamp")}, ""},
		{ConsistentHash, amqp.Table{field("hash-property", "foo")}, "Unsupported property: foo"},
		{ConsistentHash, amqp.Table{field("hash-property", "")}, "Unsupported property: "},
		{
			ConsistentHash,
			amqp.Table{field("hash-header", "a"), field("hash-property", "foo")},
			"hash-header and hash-property are mutually exclusive",
		},
		{ConsistentHash, amqp.Table{field("hash-header", int32(5))}, internal},
		{ConsistentHash, amqp.Table{field("hash-header", "a"), field("hash-property", nil)}, internal},
		{RecentHistory, nil, ""}, // XTYP-37
		{RecentHistory, amqp.Table{field("x-recent-history-length", int64(1))}, ""},
		{RecentHistory, amqp.Table{field("x-recent-history-length", int8(127))}, ""},
		{
			RecentHistory,
			amqp.Table{field("x-recent-history-length", int32(0))},
			"Invalid argument 0, 'x-recent-history-length' must be a positive integer",
		},
		{
			RecentHistory,
			amqp.Table{field("x-recent-history-length", int16(-1))},
			"Invalid argument -1, 'x-recent-history-length' must be a positive integer",
		},
		{
			RecentHistory,
			amqp.Table{field("x-recent-history-length", "a")},
			`Invalid argument <<"a">>, 'x-recent-history-length' must be a positive integer`,
		},
		{
			RecentHistory,
			amqp.Table{field("x-recent-history-length", uint8(5))},
			"Invalid argument 5, 'x-recent-history-length' must be a positive integer",
		},
		{
			RecentHistory,
			amqp.Table{field("x-recent-history-length", nil)},
			"Invalid argument undefined, 'x-recent-history-length' must be a positive integer",
		},
		{Fanout, amqp.Table{field("x-recent-history-length", "a"), field("hash-header", nil)}, ""},
	} {
		if got := text(CheckArguments(c.kind, c.args)); got != c.want {
			t.Errorf("%s %v: %q", c.kind, c.args, got)
		}
	}
}

func TestHistoryLengths(t *testing.T) { // XTYP-36
	for _, c := range []struct {
		kind string
		args amqp.Table
		want int64
	}{
		{RecentHistory, nil, 20},
		{RecentHistory, amqp.Table{{Key: "x-recent-history-length", Value: int16(3)}}, 3},
		{RecentHistory, amqp.Table{{Key: "x-recent-history-length", Value: int64(1 << 40)}}, 1 << 40},
		{Fanout, amqp.Table{{Key: "x-recent-history-length", Value: int16(3)}}, 0},
	} {
		if got := HistoryLength(c.kind, c.args); got != c.want {
			t.Errorf("%s %v: %d", c.kind, c.args, got)
		}
	}
}

// FuzzConsistentHash takes one binding a line, of a weight and a destination.
func FuzzConsistentHash(f *testing.F) {
	f.Add("1 a\n2 b\n1 a\n3 a", "k", uint8(0))
	f.Add("+7 a\n007 a\n2147483647 b\n\n- a", "", uint8(3))
	f.Fuzz(func(t *testing.T, bindings, key string, gone uint8) {
		fast, _ := New(ConsistentHash, nil, cmp.Compare[string], rand.IntN)
		bound := map[[2]string]bool{}
		total := uint64(0)
		for _, line := range strings.Split(bindings, "\n") {
			weight, dst, _ := strings.Cut(line, " ")
			id := [2]string{weight, dst}
			if bound[id] || CheckBinding(ConsistentHash, weight, nil) != nil {
				continue
			}
			fast.Bind(weight, nil, dst)
			bound[id] = true
		}
		for id := range bound {
			if gone > 0 {
				gone--
				fast.Unbind(id[0], nil, id[1])
				delete(bound, id)
			}
		}
		got := fast.Match(nil, key, nil)
		if len(got) != min(1, len(bound)) {
			t.Fatalf("%d bindings, found %q", len(bound), got)
		}
		ok := len(bound) == 0
		for id := range bound {
			ok = ok || id[1] == got[0]
		}
		if !ok {
			t.Errorf("%q is not bound", got)
		}
		seen := map[string]bool{}
		for _, s := range fast.(*consistent[string]).shares {
			switch width := s.end - total; {
			case s.counts == seen[s.dst], s.counts != (width > 0):
				t.Fatalf("share %+v after %d", s, total)
			}
			total, seen[s.dst] = s.end, true
		}
	})
}
