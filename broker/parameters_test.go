package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

func wantParameters(t *testing.T, b *Broker, want ...string) {
	t.Helper()
	all, err := b.Parameters("/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range append(all, b.GlobalParameters()...) {
		got = append(got, fmt.Sprintf("%s/%s=%s", p.Component, p.Name, p.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got parameters\n\t%s, want\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestParametersAreKept(t *testing.T) {
	b := openIn(t, t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.CreateVhost("v"))
	for _, p := range []Parameter{
		{"shovel", "b", json.RawMessage(`{"a": [1, 2.50, null]}`)},
		{"shovel", "b", json.RawMessage(` {"a": [1, 2.5, null, 12345678901234567890]} `)},
		{"shovel", "a", json.RawMessage(`true`)},
		{"federation-upstream", "gone", json.RawMessage(`1`)},
	} {
		must(b.SetParameter("/", p))
		must(b.SetParameter("v", p))
	}
	must(b.SetGlobalParameter("cluster_name", json.RawMessage(`"here"`)))
	must(b.SetGlobalParameter("gone", json.RawMessage(`"here"`)))
	must(b.ClearParameter("/", "federation-upstream", "gone"))
	must(b.ClearGlobalParameter("gone"))
	must(b.SetOperatorPolicy("/", Policy{Name: "op", Pattern: "^q", Priority: 3, Definition: definition{"max-length": 5}}))
	must(b.SetParameter("/", Parameter{"vhost-limits", "limits", json.RawMessage(`{"max-queues": 8}`)})) // LIM-02
	must(b.DeleteVhost("v"))
	want := []string{
		`operator_policy/op={"apply-to":"all","definition":{"max-length":5},"pattern":"^q","priority":3}`,
		`shovel/a=true`, `shovel/b={"a":[1,2.5,null,12345678901234567890]}`,
		`vhost-limits/limits={"max-queues":8}`, `/cluster_name="here"`,
	}
	wantParameters(t, b, want...)
	b = restart(t, b)
	wantParameters(t, b, want...)
	if _, err := b.Parameters("v"); !errors.Is(err, ErrVhostNotFound) {
		t.Errorf("parameters of a vhost that is not there: %v", err)
	}
	must(b.ClearParameter("/", "vhost-limits", "limits"))
	wantParameters(t, b, append(want[:3:3], want[4])...)
	must(b.CreateVhost("v"))
	if got, _ := b.Parameters("v"); len(got) != 0 {
		t.Errorf("a new vhost has parameters: %v", got)
	}
}

// POL-04: they are the same, seen from two sides.
func TestOperatorPoliciesAreParameters(t *testing.T) {
	b := New(Options{})
	p := Parameter{"operator_policy", "op", json.RawMessage(`{"pattern":"^q","apply-to":"queues","definition":{"max-length":7},"priority":2}`)}
	if err := b.SetParameter("/", p); err != nil {
		t.Fatal(err)
	}
	want := []Policy{{Name: "op", Pattern: "^q", ApplyTo: "queues", Priority: 2, Definition: definition{"max-length": int64(7)}}}
	if got, _ := b.OperatorPolicies("/"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := b.ClearParameter("/", "operator_policy", "op"); err != nil {
		t.Fatal(err)
	}
	wantParameters(t, b)
}

func TestWhatIsNoParameterIsRefused(t *testing.T) {
	b := New(Options{})
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{b.SetParameter("none", Parameter{"c", "n", raw("1")}), "vhost does not exist: 'none'"},
		{b.SetParameter("/", Parameter{"c", "n", raw("{")}), "the value of parameter 'n' is no JSON"},
		{b.SetGlobalParameter("n", raw("")), "the value of parameter 'n' is no JSON"},
		{b.SetParameter("/", Parameter{"operator_policy", "n", raw("[]")}), "the value of parameter 'n' of component 'operator_policy': json: cannot unmarshal array"},
		{b.SetParameter("/", Parameter{"operator_policy", "n", raw(`{"definition":{"ha-mode":"all"}}`)}), "are not recognised policy settings"},
		{b.SetParameter("/", Parameter{"vhost-limits", "limits", raw(`{"max-x": 1}`)}), "unknown limit 'max-x'"},
		{b.ClearParameter("/", "c", "n"), "parameter does not exist: 'n'"},
		{b.ClearParameter("/", "vhost-limits", "limits"), "parameter does not exist: 'limits'"},
		{b.ClearParameter("/", "operator_policy", "n"), "policy does not exist: 'n'"},
		{b.ClearGlobalParameter("n"), "parameter does not exist: 'n'"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("got %v, want %s", tt.err, tt.want)
		}
	}
	wantParameters(t, b)
}

func TestVhostMetadataAreKept(t *testing.T) {
	b := openIn(t, t.TempDir())
	for _, m := range []VhostMetadata{{"described", []string{"a", "b"}, "quorum"}, {Tags: []string{"c"}}, {}} {
		if err := b.SetVhostMetadata("/", m); err != nil {
			t.Fatal(err)
		}
		b = restart(t, b)
		if got, err := b.VhostMetadata("/"); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
	if err := b.SetVhostMetadata("/", VhostMetadata{DefaultQueueType: "none"}); err == nil {
		t.Error("there is no such type of queue")
	}
	if err := b.SetVhostMetadata("none", VhostMetadata{}); !errors.Is(err, ErrVhostNotFound) {
		t.Errorf("there is no such vhost: %v", err)
	}
}

// A queue is of the default type if it can be, and does not name another one.
func TestVhostsHaveADefaultTypeOfQueues(t *testing.T) {
	b := New(Options{DefaultQueueType: "quorum", Vhosts: []string{"/", "classic"}})
	if err := b.SetVhostMetadata("classic", VhostMetadata{DefaultQueueType: "classic"}); err != nil {
		t.Fatal(err)
	}
	classic := amqp.Table{{Key: "x-queue-type", Value: "classic"}}
	for name, tt := range map[string]struct {
		m    amqp.QueueDeclare
		want *queueType
	}{
		"durable":     {amqp.QueueDeclare{Durable: true}, quorumQueue},
		"transient":   {amqp.QueueDeclare{}, classicQueue},
		"exclusive":   {amqp.QueueDeclare{Durable: true, Exclusive: true}, classicQueue},
		"auto-delete": {amqp.QueueDeclare{Durable: true, AutoDelete: true}, classicQueue},
		"named":       {amqp.QueueDeclare{Durable: true, Arguments: classic}, classicQueue},
	} {
		p := connect(t, b, 1)
		tt.m.Queue = "q"
		p.do(1, &tt.m)
		p.do(1, &tt.m) // it is the same
		if got := queueOf(b, "q").kind; got != tt.want {
			t.Errorf("a %s queue is a %s", name, got.module)
		}
		p.do(1, &amqp.QueueDelete{Queue: "q"})
		p.Quit()
	}
	for vhost, want := range map[string]int{"/": 1, "classic": 0} {
		if err := b.DeclareQueue(vhost, Queue{Name: "q", Durable: true}); err != nil {
			t.Fatal(err)
		}
		if q, _ := b.Queues(vhost); len(q[0].Arguments) != want {
			t.Errorf("in %s the arguments are %v", vhost, q[0].Arguments)
		}
	}
	const want = "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue"
	if got := refusedBecause(t, b, &amqp.QueueDeclare{Durable: true}); got != want { // QDEC-03
		t.Errorf("got %q, want %q", got, want)
	}
}
