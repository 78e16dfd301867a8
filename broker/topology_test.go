package broker

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

type arguments = map[string]any

// refusedBecause is the text by which the broker refuses a method, empty if it does not.
func refusedBecause(t *testing.T, b *Broker, m amqp.Method) string {
	t.Helper()
	p := connect(t, b, 1)
	defer p.Close()
	p.SendMethods(1, m)
	_, answer := p.NextMethod()
	switch answer := answer.(type) {
	case *amqp.ChannelClose:
		return answer.ReplyText
	case *amqp.ConnectionClose:
		return answer.ReplyText
	}
	return ""
}

// What the API refuses, the wire refuses with the same words.
func TestTheTopologyAPIRefusesWhatTheWireRefuses(t *testing.T) {
	b := New(Options{})
	for _, x := range []Exchange{{Name: "x", Type: "topic"}, {Name: "ring", Type: "x-consistent-hash"}} {
		if err := b.DeclareExchange("/", x); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.DeclareQueue("/", Queue{Name: "q", Durable: true, Arguments: arguments{"x-max-length": 5}}); err != nil {
		t.Fatal(err)
	}
	deleteQueue := func(name string, ifUnused, ifEmpty bool) error {
		_, err := b.DeleteQueue("/", name, ifUnused, ifEmpty)
		return err
	}
	if err := b.DeclareQueue("/", Queue{Name: "quorum", Durable: true, Arguments: arguments{"x-queue-type": "quorum"}}); err != nil {
		t.Fatal(err)
	}
	typed := func(v any) amqp.Table { return amqp.Table{{Key: "x-max-length", Value: v}} }
	for name, tt := range map[string]struct {
		err  error
		wire amqp.Method
	}{
		"QDEC-04 reserved name": {
			b.DeclareQueue("/", Queue{Name: "amq.q"}), &amqp.QueueDeclare{Queue: "amq.q"},
		},
		"QDEC-22 other durability": {
			b.DeclareQueue("/", Queue{Name: "q", Arguments: arguments{"x-max-length": 5}}),
			&amqp.QueueDeclare{Queue: "q", Arguments: typed(int64(5))},
		},
		"QDEC-25 other argument": {
			b.DeclareQueue("/", Queue{Name: "q", Durable: true, Arguments: arguments{"x-max-length": 6}}),
			&amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: typed(int64(6))},
		},
		"QARG-05 bad argument": {
			b.DeclareQueue("/", Queue{Name: "new", Arguments: arguments{"x-max-length": "a"}}),
			&amqp.QueueDeclare{Queue: "new", Arguments: typed("a")},
		},
		"QARG-28 transient quorum queue": {
			b.DeclareQueue("/", Queue{Name: "new", Arguments: arguments{"x-queue-type": "quorum"}}),
			&amqp.QueueDeclare{Queue: "new", Arguments: amqp.Table{{Key: "x-queue-type", Value: "quorum"}}},
		},
		"EXCH-13 unknown type": {
			b.DeclareExchange("/", Exchange{Name: "new", Type: "x-none"}), &amqp.ExchangeDeclare{Exchange: "new", Type: "x-none"},
		},
		"EXCH-03 default exchange": {
			b.DeclareExchange("/", Exchange{Type: "direct"}), &amqp.ExchangeDeclare{Type: "direct"},
		},
		"EXCH-06 reserved name": {
			b.DeclareExchange("/", Exchange{Name: "amq.x", Type: "direct"}), &amqp.ExchangeDeclare{Exchange: "amq.x", Type: "direct"},
		},
		"EXCH-14 other type": {
			b.DeclareExchange("/", Exchange{Name: "x", Type: "direct"}), &amqp.ExchangeDeclare{Exchange: "x", Type: "direct"},
		},
		"EXCH-10 deletion of the broker's own": {
			b.DeleteExchange("/", "amq.topic", false), &amqp.ExchangeDelete{Exchange: "amq.topic"},
		},
		"EXCH-05 binding of the default exchange": {
			b.Bind("/", Binding{Destination: "q"}), &amqp.QueueBind{Queue: "q", RoutingKey: "k"},
		},
		"EXCH-05 binding to the default exchange": {
			b.Unbind("/", Binding{Source: "x", ToExchange: true}), &amqp.ExchangeUnbind{Source: "x"},
		},
		"QOP-03 no exchange": {
			b.Bind("/", Binding{Source: "none", Destination: "q"}), &amqp.QueueBind{Exchange: "none", Queue: "q", RoutingKey: "k"},
		},
		"QOP-04 no queue": {
			b.Bind("/", Binding{Source: "x", Destination: "none"}), &amqp.QueueBind{Exchange: "x", Queue: "none"},
		},
		"EXCH-39 no destination": {
			b.Bind("/", Binding{Source: "x", Destination: "none", ToExchange: true}),
			&amqp.ExchangeBind{Source: "x", Destination: "none"},
		},
		"bad binding": {
			b.Bind("/", Binding{Source: "ring", Destination: "q", RoutingKey: "a"}),
			&amqp.QueueBind{Exchange: "ring", Queue: "q", RoutingKey: "a"},
		},
		"QQ-03 condition that quorum queues do not know": {
			deleteQueue("quorum", true, false), &amqp.QueueDelete{Queue: "quorum", IfUnused: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := refusedBecause(t, b, tt.wire)
			var got *amqp.Error
			if !errors.As(tt.err, &got) || got.ReplyText() != want || want == "" {
				t.Errorf("the API says %v, the wire %q", tt.err, want)
			}
		})
	}
}

// What only the API refuses: over the wire it is in order, or cannot be said.
func TestTheTopologyAPIRefusesWhatHasNoConnection(t *testing.T) {
	b := New(Options{})
	_, errDelete := b.DeleteQueue("/", "q", false, false)
	_, errPurge := b.PurgeQueue("/", "q")
	_, errList := b.Queues("none")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"QDEC-34 long name":   {b.DeclareQueue("/", Queue{Name: strings.Repeat("q", 256)}), "PRECONDITION_FAILED - a name of 256 bytes is longer than 255"},
		"QDEC-34 no UTF-8":    {b.DeclareQueue("/", Queue{Name: "\xff"}), `PRECONDITION_FAILED - name "\xff" is not UTF-8`},
		"EXCH-24 long name":   {b.DeclareExchange("/", Exchange{Name: strings.Repeat("x", 256), Type: "direct"}), "PRECONDITION_FAILED - a name of 256 bytes is longer than 255"},
		"long routing key":    {b.Bind("/", Binding{Source: "amq.topic", Destination: "amq.fanout", ToExchange: true, RoutingKey: strings.Repeat("k", 256)}), "PRECONDITION_FAILED - a name of 256 bytes is longer than 255"},
		"no vhost":            {b.DeclareQueue("none", Queue{Name: "q"}), "vhost does not exist: 'none'"},
		"no vhost to list":    {errList, "vhost does not exist: 'none'"},
		"queue without name":  {b.DeclareQueue("/", Queue{}), "PRECONDITION_FAILED - a queue that no client declares needs a name"},
		"exclusive queue":     {b.DeclareQueue("/", Queue{Name: "q", Exclusive: true}), "PRECONDITION_FAILED - exclusive queue 'q' in vhost '/' needs a connection"},
		"no queue to delete":  {errDelete, "NOT_FOUND - no queue 'q' in vhost '/'"},
		"no queue to purge":   {errPurge, "NOT_FOUND - no queue 'q' in vhost '/'"},
		"no such exchange":    {b.DeleteExchange("/", "x", false), "NOT_FOUND - no exchange 'x' in vhost '/'"},
		"value without type":  {b.DeclareQueue("/", Queue{Name: "q", Arguments: arguments{"k": struct{}{}}}), "argument 'k': AMQP has no type for struct {} {}"},
		"number without type": {b.DeclareQueue("/", Queue{Name: "q", Arguments: arguments{"k": json.Number("9223372036854775808")}}), "argument 'k': AMQP has no type for json.Number 9223372036854775808"},
	} {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", name, tt.err, tt.want)
		}
	}
	if q, _ := b.Queues("/"); len(q) != 0 {
		t.Errorf("there are queues: %v", q)
	}
}

// DUR-01 to DUR-03: what is durable of what the API declares is there after a
// restart, and what it deletes is not.
func TestWhatTheTopologyAPIDeclaresIsListedAndDurable(t *testing.T) {
	b := openIn(t, t.TempDir())
	args := arguments{"x-max-length": int64(5), "list": []any{"a", 1.5}, "table": arguments{"k": true}, "none": nil}
	x := Exchange{Name: "x", Type: "topic", Durable: true, AutoDelete: true, Internal: true, Arguments: arguments{"alternate-exchange": "amq.fanout"}}
	gone := Exchange{Name: "gone", Type: "direct", Durable: true}
	q := Queue{Name: "q", Durable: true, Type: "classic", Arguments: args}
	transient := Queue{Name: "transient", AutoDelete: true, Type: "classic"}
	bindings := []Binding{
		{Source: "amq.topic", Destination: "x", ToExchange: true, RoutingKey: "#"},
		{Source: "x", Destination: "q", RoutingKey: "a", Arguments: arguments{"k": "v"}},
		{Source: "x", Destination: "transient", RoutingKey: "b"},
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.DeclareExchange("/", x))
	must(b.DeclareExchange("/", x))
	must(b.DeclareExchange("/", gone))
	must(b.DeclareQueue("/", q))
	must(b.DeclareQueue("/", q))
	must(b.DeclareQueue("/", transient))
	for _, d := range bindings {
		must(b.Bind("/", d))
		must(b.Bind("/", d))
	}
	must(b.Bind("/", Binding{Source: "gone", Destination: "q"}))
	must(b.Unbind("/", Binding{Source: "gone", Destination: "q"}))
	must(b.Unbind("/", Binding{Source: "gone", Destination: "q"}))
	must(b.DeleteExchange("/", "gone", true))

	wantDeclared(t, b, x, []Queue{q, transient}, bindings)
	b = restart(t, b)
	wantDeclared(t, b, x, []Queue{q}, bindings[:2])

	n, err := b.DeleteQueue("/", "q", true, true)
	must(err)
	if n != 0 {
		t.Errorf("%d messages were in the queue", n)
	}
	b = restart(t, b)
	if got, _ := b.Queues("/"); len(got) != 0 {
		t.Errorf("there are queues after all: %v", got)
	}
}

func wantDeclared(t *testing.T, b *Broker, x Exchange, queues []Queue, bindings []Binding) {
	t.Helper()
	gotX, _ := b.Exchanges("/")
	if n := len(gotX); n != 7 || !reflect.DeepEqual(gotX[n-1], x) {
		t.Errorf("exchanges: %+v, want 6 and %+v", gotX, x)
	}
	if got, _ := b.Queues("/"); !reflect.DeepEqual(got, queues) {
		t.Errorf("queues: %+v, want %+v", got, queues)
	}
	if got, _ := b.Bindings("/"); !reflect.DeepEqual(got, bindings) {
		t.Errorf("bindings: %+v, want %+v", got, bindings)
	}
}

// The operator may purge and delete what belongs to a connection.
func TestTheTopologyAPIHasExclusiveQueues(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Exclusive: true})
	p.publish("q", "1", "2")
	p.sync()
	if got, _ := b.Queues("/"); len(got) != 1 || !got[0].Exclusive {
		t.Errorf("queues: %+v", got)
	}
	if n, err := b.PurgeQueue("/", "q"); n != 2 || err != nil {
		t.Errorf("purged %d messages, %v", n, err)
	}
	p.publish("q", "3")
	p.sync()
	if n, err := b.DeleteQueue("/", "q", false, false); n != 1 || err != nil {
		t.Errorf("deleted %d messages, %v", n, err)
	}
	if got, _ := b.Queues("/"); len(got) != 0 {
		t.Errorf("queues: %+v", got)
	}
	p.Quit()
}
