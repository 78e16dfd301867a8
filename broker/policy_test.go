package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

type definition = map[string]any

func mustSet(t testing.TB, b *Broker, p Policy) {
	t.Helper()
	if err := b.SetPolicy("/", p); err != nil {
		t.Fatal(err)
	}
}

// ruleOf is what holds for a queue: the names of its policies, and its settings.
func ruleOf(t testing.TB, b *Broker, name string) (policy, operator string, s settings) {
	t.Helper()
	v := b.vhosts.get("/")
	v.mu.RLock()
	defer v.mu.RUnlock()
	q := v.queues[name]
	if q == nil {
		t.Fatalf("no queue %s", name)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rule.policy.called(), q.rule.operator.called(), *q.settings
}

func wantPolicy(t testing.TB, b *Broker, queue, policy string, maxLength int64) {
	t.Helper()
	if got, _, s := ruleOf(t, b, queue); got != policy || s.maxLength != maxLength {
		t.Errorf("queue %s has policy %q and maximum length %d, want %q and %d", queue, got, s.maxLength, policy, maxLength)
	}
}

// POL-05 POL-07 POL-08: what RabbitMQ says, but for the words about a pattern.
func TestInvalidPoliciesAreRefusedWhole(t *testing.T) {
	b := New(Options{})
	const unknown = "are not recognised policy settings"
	for _, tt := range []struct {
		definition any // or a whole policy
		want       string
	}{
		{definition{}, "no policy provided"},
		{definition(nil), "no policy provided"},
		{definition{"message-ttl": "a"}, `<<"a">> is not a valid message TTL`},
		{definition{"message-ttl": 1.0}, "1.0 is not a valid message TTL"},
		{definition{"message-ttl": json.Number("1.0")}, "1.0 is not a valid message TTL"},
		{definition{"message-ttl": json.Number("18446744073709551616")}, "18446744073709551616 is not a valid message TTL"},
		{definition{"message-ttl": uint64(math.MaxUint64)}, "18446744073709551615 is not a valid message TTL"},
		{definition{"message-ttl": true}, "true is not a valid message TTL"},
		{definition{"message-ttl": nil}, "null is not a valid message TTL"},
		{definition{"max-length": -1}, "-1 is not a valid maximum length"},
		{definition{"max-length-bytes": []any{"a"}}, `[<<"a">>] is not a valid maximum length in bytes`},
		{definition{"max-length-bytes": definition{"k": 1}}, `[{<<"k">>,1}] is not a valid maximum length in bytes`},
		{definition{"max-in-memory-length": -1}, "-1 is not a valid maximum memory in bytes"},
		{definition{"max-in-memory-bytes": ""}, "<<>> is not a valid maximum memory in bytes"},
		{definition{"expires": 0}, "0 is not a valid queue expiry"},
		{definition{"overflow": "x"}, `<<"x">> is not a valid overflow value`},
		{definition{"delivery-limit": -1}, "-1 is not a valid delivery limit"},
		{definition{"dead-letter-exchange": 1}, "1 is not a valid dead letter exchange name"},
		{definition{"dead-letter-routing-key": []string{}}, "[] is not a valid dead letter routing key"},
		{definition{"dead-letter-strategy": "a"}, `<<"a">> is not a valid dead letter strategy`},
		{definition{"alternate-exchange": 1}, "1 is not a valid alternate exchange name"},
		{definition{"queue-mode": "a"}, `<<"a">> is not a valid queue-mode value`},
		{definition{"queue-version": 3}, "3 is not a valid queue-version value"},
		{definition{"queue-leader-locator": "a"}, `<<"a">> is not a valid queue leader locator value`},
		{definition{"queue-master-locator": "a"}, `<<"a">> invalid queue-master-locator value`},
		{definition{"stream-max-segment-size-bytes": int64(4294967296)}, "4294967296 is not a valid segment size"},
		{definition{"consumer-timeout": -1}, "-1 is not a valid consumer timeout"},
		{definition{"ha-mode": struct{}{}}, "{} is not a valid value"},
		{definition{"max-length": -1, "message-ttl": -2}, "-1 is not a valid maximum length"},
		{definition{"aaa": 1, "max-length": -1, "zzz": -2}, "-1 is not a valid maximum length"},
		{definition{"zzz": "value", "max-length": 1, "aaa": 1}, `[{<<"aaa">>,1},{<<"zzz">>,<<"value">>}] ` + unknown},
		{definition{"x-message-ttl": 1}, `[{<<"x-message-ttl">>,1}] ` + unknown},
		{
			Policy{Pattern: "(", ApplyTo: "foo", Definition: definition{"max-length": -1}},
			"-1 is not a valid maximum length\n" +
				"apply-to 'foo' unrecognised; should be one of: 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges', or 'all'\n" +
				`pattern should be regular expression but is invalid: {"missing closing )","("}`,
		},
		{
			Policy{Pattern: "*", Definition: definition{"max-length": 1}},
			`pattern should be regular expression but is invalid: {"missing argument to repetition operator","*"}`,
		},
	} {
		p, ok := tt.definition.(Policy)
		if !ok {
			p = Policy{Pattern: "^a", Definition: tt.definition.(definition)}
		}
		p.Name = "p"
		err := b.SetPolicy("/", p)
		var refused *PolicyError
		if want := "Validation failed\n\n" + tt.want + "\n"; !errors.As(err, &refused) || err.Error() != want {
			t.Errorf("%+v: got %v, want %q", p, err, want)
		}
	}
	for _, key := range []string{"dead-letter-exchange", "alternate-exchange", "consumer-timeout", "queue-mode", "ha-mode"} {
		err := b.SetOperatorPolicy("/", Policy{Name: "p", Definition: definition{key: "x"}})
		if want := "Validation failed\n\n" + `[{<<"` + key + `">>,<<"x">>}] ` + unknown + "\n"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, all := range []func(string) ([]Policy, error){b.Policies, b.OperatorPolicies} {
		if ps, err := all("/"); len(ps) > 0 || err != nil {
			t.Errorf("there are %+v, %v", ps, err)
		}
	}
}

// POL-05 POL-06
func TestWhatPoliciesMayHave(t *testing.T) {
	b := New(Options{})
	numbers := definition{
		"expires": 1, "message-ttl": int8(0), "max-length": uint16(0), "max-length-bytes": json.Number("0"),
		"max-in-memory-length": 1, "max-in-memory-bytes": int64(math.MaxInt64), "delivery-limit": 0,
		"overflow": "reject-publish", "queue-version": 2,
	}
	if err := b.SetOperatorPolicy("/", Policy{Name: "o", Definition: numbers}); err != nil {
		t.Error(err)
	}
	all := definition{
		"alternate-exchange": "", "dead-letter-exchange": "x", "dead-letter-routing-key": "k",
		"dead-letter-strategy": "at-least-once", "max-age": "1D", "stream-max-segment-size-bytes": 3_000_000_000,
		"stream-filter-size-bytes": 16, "queue-mode": "lazy", "queue-leader-locator": "balanced",
		"queue-master-locator": "random", "initial-cluster-size": 3, "consumer-timeout": 0,
		"consumer-disconnected-timeout": 1, "federation-upstream-set": "all", "ha-mode": "exactly", "ha-params": 2,
		"ha-sync-mode": "automatic",
	}
	for k, v := range numbers {
		all[k] = v
	}
	for k, v := range all {
		mustSet(t, b, Policy{Name: "p", Definition: definition{k: v}})
	}
	mustSet(t, b, Policy{Name: "p", Priority: -3, Definition: all})
	mustSet(t, b, Policy{Name: "n", Pattern: "^nodes$", ApplyTo: "queues", Definition: definition{"ha-mode": "nodes", "ha-params": []string{"a", "b"}}})
	got, err := b.Policies("/")
	want := Policy{"n", "^nodes$", "queues", 0, definition{"ha-mode": "nodes", "ha-params": []any{"a", "b"}}}
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v, want %+v first", got, err, want)
	}
	if err == nil && (got[1].ApplyTo != "all" || got[1].Priority != -3 || got[1].Definition["max-length"] != int64(0)) {
		t.Errorf("got %+v", got[1])
	}
}

// POL-01 POL-02 POL-12
func TestOnePolicyHolds(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	for _, name := range []string{"orders", "other"} {
		p.declare(name)
	}
	ok, _ := p.do(1, &amqp.QueueDeclare{Exclusive: true}).(*amqp.QueueDeclareOk)
	p.do(1, &amqp.QueueDeclare{Queue: "replicated", Durable: true, Arguments: args("x-queue-type", "quorum")})
	length := func(n int) definition { return definition{"max-length": n} }

	mustSet(t, b, Policy{Name: "a", Pattern: "rd", Definition: length(1)})
	wantPolicy(t, b, "orders", "a", 1)
	wantPolicy(t, b, "other", "", unset)
	mustSet(t, b, Policy{Name: "b", Pattern: "^o", Priority: -1, Definition: length(2)})
	wantPolicy(t, b, "orders", "a", 1)
	wantPolicy(t, b, "other", "b", 2)
	mustSet(t, b, Policy{Name: "c", Pattern: "^o.*s$", Priority: 1, Definition: definition{"message-ttl": 100}})
	wantPolicy(t, b, "orders", "c", unset)
	if _, _, s := ruleOf(t, b, "orders"); s.ttl != 100 {
		t.Errorf("got %+v", s)
	}
	mustSet(t, b, Policy{Name: "c", Pattern: "^nothing$", Priority: 1, Definition: definition{"message-ttl": 100}})
	wantPolicy(t, b, "orders", "a", 1)
	mustSet(t, b, Policy{Name: "0", Priority: 7, ApplyTo: "quorum_queues", Definition: length(3)})
	mustSet(t, b, Policy{Name: "1", Priority: 7, Definition: length(4)})
	wantPolicy(t, b, "orders", "1", 4)
	wantPolicy(t, b, "replicated", "0", 3)
	wantPolicy(t, b, ok.Queue, "1", 4)
	mustSet(t, b, Policy{Name: "2", Priority: 8, ApplyTo: "classic_queues", Definition: length(5)})
	wantPolicy(t, b, "replicated", "0", 3)
	wantPolicy(t, b, "other", "2", 5)
	mustSet(t, b, Policy{Name: "3", Priority: 9, ApplyTo: "exchanges", Definition: length(6)})
	mustSet(t, b, Policy{Name: "4", Priority: 9, ApplyTo: "streams", Definition: length(6)})
	wantPolicy(t, b, "other", "2", 5)
	p.declare("o later")
	wantPolicy(t, b, "o later", "2", 5)

	for _, name := range []string{"2", "1", "0"} {
		if err := b.DeletePolicy("/", name); err != nil {
			t.Fatal(err)
		}
	}
	wantPolicy(t, b, "orders", "a", 1)
	wantPolicy(t, b, "replicated", "", unset)
	wantPolicy(t, b, "o later", "b", 2)
}

// POL-11: a queue has no policy at all that has a setting foreign to its type,
// as on RabbitMQ, but for delivery-limit.
func TestPoliciesForeignToAType(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declare("classic")
	p.do(1, &amqp.QueueDeclare{Queue: "quorum", Durable: true, Arguments: args("x-queue-type", "quorum")})
	for _, tt := range []struct {
		key             string
		value           any
		classic, quorum bool
	}{
		{"alternate-exchange", "x", true, true},
		{"delivery-limit", 3, true, true},
		{"ha-mode", "all", true, false},
		{"queue-mode", "lazy", true, false},
		{"dead-letter-strategy", "at-most-once", false, true},
		{"queue-leader-locator", "balanced", false, true},
		{"max-age", "1D", false, false},
	} {
		mustSet(t, b, Policy{Name: "p", Definition: definition{"max-length": 1, tt.key: tt.value}})
		for queue, holds := range map[string]bool{"classic": tt.classic, "quorum": tt.quorum} {
			if name, _, s := ruleOf(t, b, queue); (name == "p") != holds || (s.maxLength == 1) != holds {
				t.Errorf("%s: the policy of a queue of type %s is %q: %+v", tt.key, queue, name, s)
			}
		}
	}
}

// POL-04
func TestOperatorPoliciesHoldBesideOthers(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Arguments: args("x-max-length", int32(8))})
	mustSet(t, b, Policy{Name: "p", Definition: definition{"max-length": 4, "message-ttl": 9}})
	operate := func(n int) {
		t.Helper()
		if err := b.SetOperatorPolicy("/", Policy{Name: "p", Pattern: "^q$", Definition: definition{"max-length": n}}); err != nil {
			t.Fatal(err)
		}
	}
	operate(2)
	wantPolicy(t, b, "q", "p", 2)
	operate(6)
	wantPolicy(t, b, "q", "p", 4)
	if err := b.DeletePolicy("/", "p"); err != nil {
		t.Fatal(err)
	}
	if policy, operator, s := ruleOf(t, b, "q"); policy != "" || operator != "p" || s.maxLength != 6 || s.ttl != unset {
		t.Errorf("got %q, %q, %+v", policy, operator, s)
	}
	if err := b.DeleteOperatorPolicy("/", "p"); err != nil {
		t.Fatal(err)
	}
	wantPolicy(t, b, "q", "", 8)
}

// EXCH-37 POL-03 POL-10
func TestAlternateExchangesByPolicy(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	for _, name := range []string{"own", "ruled"} {
		p.declare(name)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "to " + name, Type: "fanout"})
		p.do(1, &amqp.QueueBind{Queue: name, Exchange: "to " + name})
	}
	p.do(1, &amqp.ExchangeDeclare{Exchange: "with", Type: "direct", Arguments: args("alternate-exchange", "to own")})
	p.do(1, &amqp.ExchangeDeclare{Exchange: "without", Type: "direct"})
	arrive := func(exchange string, want ...string) {
		t.Helper()
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: exchange, RoutingKey: "k"}, amqp.BasicProperties{}, []byte("m"), 4096))
		var got []string
		for _, queue := range []string{"own", "ruled"} {
			if body, _, _ := p.get(queue); body != "" {
				got = append(got, queue)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("what exchange %s cannot route comes to %q, want %q", exchange, got, want)
		}
	}
	arrive("without")
	mustSet(t, b, Policy{Name: "p", Pattern: "^with", Definition: definition{"alternate-exchange": "to ruled"}})
	arrive("without", "ruled")
	arrive("with", "own")
	p.do(1, &amqp.ExchangeDeclare{Exchange: "within", Type: "direct"})
	arrive("within", "ruled")
	p.do(1, &amqp.ExchangeDeclare{Exchange: "without", Type: "direct"}) // POL-15
	mustSet(t, b, Policy{Name: "p", Pattern: "^with", ApplyTo: "queues", Definition: definition{"alternate-exchange": "to ruled"}})
	arrive("without")
	mustSet(t, b, Policy{Name: "p", Pattern: "^with", Definition: definition{"alternate-exchange": "to ruled"}})
	arrive("without", "ruled")
	if err := b.DeletePolicy("/", "p"); err != nil {
		t.Fatal(err)
	}
	arrive("without")
	arrive("with", "own")
}

// POL-15
func TestAPolicyIsNoInequivalence(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	declare := &amqp.QueueDeclare{Queue: "q", Arguments: args("x-max-length", int32(8))}
	p.do(1, declare)
	mustSet(t, b, Policy{Name: "p", Definition: definition{"max-length": 4}})
	p.do(1, declare)
	if m, ok := p.call(1, &amqp.QueueDeclare{Queue: "q", Arguments: args("x-max-length", int32(4))}).(*amqp.ChannelClose); !ok {
		t.Errorf("got %+v", m)
	}
}

func TestPoliciesAreOfAVhost(t *testing.T) {
	b := New(Options{Vhosts: []string{"/", "v"}})
	connect(t, b, 1).declare("q")
	some := Policy{Name: "p", Definition: definition{"max-length": 1}}
	if err := b.SetPolicy("v", some); err != nil {
		t.Fatal(err)
	}
	wantPolicy(t, b, "q", "", unset)
	if ps, err := b.Policies("/"); len(ps) != 0 || err != nil {
		t.Errorf("got %+v, %v", ps, err)
	}
	_, listed := b.Policies("w")
	_, operators := b.OperatorPolicies("w")
	for _, err := range []error{
		b.SetPolicy("w", some), b.SetOperatorPolicy("w", some), b.DeletePolicy("w", "p"), b.DeleteOperatorPolicy("w", "p"), listed, operators,
	} {
		if !errors.Is(err, ErrVhostNotFound) {
			t.Errorf("got %v", err)
		}
	}
	for _, err := range []error{b.DeletePolicy("/", "p"), b.DeleteOperatorPolicy("v", "p"), b.DeletePolicy("v", "q")} {
		if !errors.Is(err, ErrPolicyNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func TestPoliciesAreDurable(t *testing.T) {
	k := keep(t)
	if err := k.CreateVhost("gone"); err != nil {
		t.Fatal(err)
	}
	lengths := Policy{"p", "^q", "queues", -2, definition{"max-length": int64(4), "dead-letter-exchange": "x"}}
	alternate := Policy{"a", "^e$", "exchanges", 0, definition{"alternate-exchange": "amq.fanout"}}
	operator := Policy{"p", "", "all", 1, definition{"max-length": int64(2)}}
	for _, p := range []Policy{{Name: "p", Definition: definition{"max-length": 9}}, lengths, alternate, {Name: "dropped", Priority: 9, Definition: definition{"max-length": 0}}} {
		mustSet(t, k.Broker, p)
	}
	for _, err := range []error{
		k.SetOperatorPolicy("/", operator), k.DeletePolicy("/", "dropped"), k.SetPolicy("gone", lengths), k.DeleteVhost("gone"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
	p.do(1, &amqp.ExchangeDeclare{Exchange: "e", Type: "direct", Durable: true})
	p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.fanout"})
	p.Quit()
	check := func() {
		t.Helper()
		if ps, err := k.Policies("/"); err != nil || !reflect.DeepEqual(ps, []Policy{alternate, lengths}) {
			t.Errorf("got %+v, %v", ps, err)
		}
		if ps, err := k.OperatorPolicies("/"); err != nil || !reflect.DeepEqual(ps, []Policy{operator}) {
			t.Errorf("got %+v, %v", ps, err)
		}
		wantPolicy(t, k.Broker, "q", "p", 2)
		c := connect(t, k.Broker, 1)
		c.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "e", RoutingKey: "k"}, amqp.BasicProperties{}, []byte("m"), 4096))
		if body, _, _ := c.get("q"); body != "m" {
			t.Errorf("got %q", body)
		}
		c.Quit()
	}
	k.crash()
	check()
	k.restart()
	check()
	k.stop()
	i, err := Inspect(k.options.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if q := i.Vhosts[0].Queues[0]; q.Policy != "p" || q.OperatorPolicy != "p" {
		t.Errorf("the inspection shows %+v", q)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	k.open()
	if err := k.CreateVhost("gone"); err != nil {
		t.Fatal(err)
	}
	if ps, err := k.Policies("gone"); len(ps) > 0 || err != nil {
		t.Errorf("got %+v, %v", ps, err)
	}
}

// POL-03 POL-13 LEN-11 LEN-10 TTL-07 DLX-25 DLX-26: what settings do when they
// change.
func TestPoliciesActAtOnce(t *testing.T) {
	for place, b := range map[string]*Broker{"in memory": New(Options{}), "on disk": keep(t).Broker} {
		t.Run(place, func(t *testing.T) {
			p := connect(t, b, 1)
			p.do(1, &amqp.QueueDeclare{Queue: "letters", Durable: true})
			p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-max-length", int32(5))})
			count := func(queue string, want int) {
				t.Helper()
				p.sync()
				if got, _ := waiting(b, queue); got != want {
					t.Errorf("queue %s has %d messages, want %d", queue, got, want)
				}
			}
			rule := func(d definition) {
				t.Helper()
				mustSet(t, b, Policy{Name: "p", Pattern: "^q$", Definition: d})
			}
			p.publish("q", numbered(1, 7)...)
			count("q", 5)
			rule(definition{"max-length": 2, "dead-letter-routing-key": "letters"}) // a key alone does nothing
			count("q", 2)
			if body, _, _ := p.get("q"); body != "6" {
				t.Errorf("got %q: the newest are not kept", body)
			}
			count("letters", 0)
			rule(definition{"dead-letter-exchange": "", "dead-letter-routing-key": "letters", "max-length": 1})
			p.publish("q", numbered(8, 4)...)
			count("q", 1)
			b.vhosts.undertaker.await()
			count("letters", 4)
			rule(definition{"overflow": "reject-publish", "max-length": 1})
			p.publish("q", numbered(12, 4)...)
			count("q", 1)
			if err := b.DeletePolicy("/", "p"); err != nil {
				t.Fatal(err)
			}
			p.publish("q", numbered(16, 9)...)
			count("q", 5)
			count("letters", 4)
		})
	}
}

// TTL-07 POL-13
func TestATimeToLiveByPolicyIsForWhatComesLater(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.publish("q", "old")
		mustSet(t, b, Policy{Name: "p", Definition: definition{"message-ttl": 1000}})
		p.publish("q", "new")
		after(2 * time.Second)
		if n, _ := waiting(b, "q"); n != 2 {
			t.Errorf("%d messages wait: the old one does not shield the new one", n)
		}
		if body, _, _ := p.get("q"); body != "old" {
			t.Errorf("got %q", body)
		}
		if body, _, _ := p.get("q"); body != "" {
			t.Errorf("got %q", body)
		}
	})
}

// EXP-07 POL-14
func TestAnExpiryByPolicy(t *testing.T) {
	fakeTime(t, func(t *testing.T, b *Broker, p *peer) {
		p.do(1, &amqp.QueueDeclare{Queue: "r", Arguments: args("x-expires", int32(10_000))})
		after(3 * time.Second)
		mustSet(t, b, Policy{Name: "p", Definition: definition{"expires": 5000}})
		after(4 * time.Second)
		mustSet(t, b, Policy{Name: "other", Pattern: "^other$", Definition: definition{"expires": 5000}}) // is no use
		for _, name := range []string{"q", "r"} {
			if queueOf(b, name) == nil {
				t.Errorf("queue %s has gone too early", name)
			}
		}
		after(2 * time.Second)
		for _, name := range []string{"q", "r"} {
			if queueOf(b, name) != nil {
				t.Errorf("queue %s is still there", name)
			}
		}
	})
}

// What waits in an exchange that delays messages is no queue to policies, and
// neither is it after a restart.
func TestDelayedMessagesHaveNoPolicy(t *testing.T) {
	k := keep(t)
	mustSet(t, k.Broker, Policy{Name: "p", Definition: definition{"max-length": 0, "expires": 1}})
	connect(t, k.Broker, 1).do(1, &amqp.ExchangeDeclare{
		Exchange: "x", Type: "x-delayed-message", Durable: true, Arguments: args("x-delayed-type", "fanout"),
	})
	k.restart()
	v := k.vhosts.get("/")
	v.mu.RLock()
	defer v.mu.RUnlock()
	if q := v.exchanges["x"].waiting; q.rule != (rule{}) || q.settings.maxLength != unset || q.settings.expires != unset {
		t.Errorf("%+v holds for it: %+v", q.rule, q.settings)
	}
}

// However policies change while queues come, go and are used, each queue has in
// the end what holds in the end.
func TestPoliciesChangeWhileQueuesAreUsed(t *testing.T) {
	for place, b := range map[string]*Broker{"in memory": New(Options{}), "on disk": keep(t).Broker} {
		t.Run(place, func(t *testing.T) {
			var running sync.WaitGroup
			for i := range 3 {
				p := connect(t, b, 1)
				running.Go(func() {
					for n := range 60 {
						name := fmt.Sprint("q", i, n)
						p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true})
						p.consume(1, name, name, false)
						p.publish(name, numbered(0, 5)...)
						p.SendMethods(1, &amqp.BasicNack{Multiple: true, Requeue: n%2 == 0})
						if n%4 == 0 {
							p.do(1, &amqp.QueueDelete{Queue: name})
						}
					}
				})
			}
			for i := range 2 {
				running.Go(func() {
					name := fmt.Sprint("p", i)
					for n := range 30 {
						p := Policy{Name: name, Pattern: fmt.Sprint("[", n%10, "-9]$"), Priority: n % 3, Definition: definition{
							"max-length": n % 4, "message-ttl": n, "dead-letter-exchange": "", "consumer-timeout": 60_000 + n,
						}}
						if err := b.SetPolicy("/", p); err != nil {
							t.Error(err)
						}
						if n%3 == 0 && b.DeletePolicy("/", name) != nil {
							t.Errorf("policy %s is not there", name)
						}
					}
				})
			}
			running.Wait()
			v := b.vhosts.get("/")
			v.mu.RLock()
			defer v.mu.RUnlock()
			for name, q := range v.queues {
				q.mu.Lock()
				if want := v.rule(name, q.kind); q.rule != want || !q.settings.equal(settingsOf(q.kind, q.arguments, want)) {
					t.Errorf("%s is under %v, want %v", name, q.rule, want)
				}
				q.mu.Unlock()
			}
			if len(v.queues) != 3*45 {
				t.Errorf("%d queues", len(v.queues))
			}
		})
	}
}
