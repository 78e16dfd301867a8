package broker

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// appHash is RabbitMQ's, of the password foobarbaz.
const appHash = "27cx5+wEi8R8uwTeTr3hk5azuV3yYxxAtwPPhCyrbdsxVhqq"

func someDefinitions() Definitions {
	return Definitions{
		Users: []User{
			{Name: "app", Tags: []string{"monitoring"}, PasswordHash: appHash, HashingAlgorithm: HashingSHA256, Limits: map[string]int{"max-channels": 5}},
		},
		Permissions:      []Permission{{"app", "v", "^app", ".*", ""}},
		TopicPermissions: []TopicPermission{{"app", "v", "amq.topic", "^a", ".*"}},
		GlobalParameters: []Parameter{{Name: "cluster_name", Value: json.RawMessage(`"here"`)}},
		Vhosts: []VhostDefinitions{{
			Name: "v", Make: true, Metadata: &VhostMetadata{"described", []string{"t"}, "quorum"},
			Policies: []Policy{{"p", "^q", "queues", 1, definition{"max-length": int64(5)}}},
			Parameters: []Parameter{
				{"operator_policy", "op", json.RawMessage(`{"apply-to":"queues","definition":{"expires":100000},"pattern":".","priority":0}`)},
				{"shovel", "s", json.RawMessage(`{"src-uri":"amqp://"}`)},
				{"vhost-limits", "limits", json.RawMessage(`{"max-queues":3}`)},
			},
			Exchanges: []Exchange{{Name: "x", Type: "x-consistent-hash", Durable: true, Arguments: arguments{"hash-header": "h"}}},
			Queues: []Queue{
				{Name: "classic", Durable: true, Type: "classic", Arguments: arguments{"x-queue-type": "classic"}},
				{Name: "quorum", Durable: true, Type: "quorum", Arguments: arguments{"x-queue-type": "quorum"}},
			},
			Bindings: []Binding{
				{Source: "amq.topic", Destination: "x", ToExchange: true, RoutingKey: "a"},
				{Source: "x", Destination: "quorum", RoutingKey: "10", Arguments: arguments{"k": int64(1)}},
			},
		}},
	}
}

func mustImport(t *testing.T, b *Broker, d Definitions) (passedOver []string) {
	t.Helper()
	passedOver, err := b.Import(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return passedOver
}

func definitionsOf(t *testing.T, b *Broker) Definitions {
	t.Helper()
	d, err := b.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDefinitionsAreWhatWasImportedAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(Options{DataDir: dir, Vhosts: []string{"v"}, NoDefaultUser: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if over := mustImport(t, b, someDefinitions()); len(over) > 0 {
			t.Errorf("passed over %q", over)
		}
		if got, want := definitionsOf(t, b), someDefinitions(); !reflect.DeepEqual(got, want) {
			t.Errorf("got\n\t%+v, want\n\t%+v", got, want)
		}
		b.options.Vhosts = []string{"v"}
		b = restart(t, b)
		if err := b.DeleteVhost("/"); err != nil && !errors.Is(err, ErrVhostNotFound) {
			t.Fatal(err)
		}
	}
	if err := b.Authenticate("app", "foobarbaz"); err != nil {
		t.Error(err)
	}
}

// What is there is not declared anew, but set anew.
func TestAnImportLeavesWhatIsDeclared(t *testing.T) {
	b := New(Options{})
	mustImport(t, b, someDefinitions())
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "own", Exclusive: true})
	p.do(1, &amqp.QueueBind{Queue: "own", Exchange: "amq.topic", RoutingKey: "own"})

	d := someDefinitions()
	v := &d.Vhosts[0]
	v.Exchanges[0].Type, v.Exchanges[0].Arguments = "fanout", nil
	v.Queues[0].Durable, v.Queues[1].Type = false, "classic"
	d.Users[0].Tags, d.Users[0].Limits = []string{"other"}, nil
	v.Policies[0].Pattern, v.Metadata = "other", nil
	v.Parameters[1].Value = json.RawMessage(`"other"`)
	mustImport(t, b, d)

	want := someDefinitions()
	want.Users[0].Tags = []string{"other"}
	want.Vhosts[0].Policies[0].Pattern = "other"
	want.Vhosts[0].Parameters[1].Value = json.RawMessage(`"other"`)
	got, err := b.Definitions("v")
	got.Users = slices.DeleteFunc(got.Users, func(u User) bool { return u.Name == "guest" })
	got.Permissions = slices.DeleteFunc(got.Permissions, func(p Permission) bool { return p.User == "guest" })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\n\t%+v, want\n\t%+v", err, got, want)
	}
	if root := definitionsOf(t, b).Vhosts[0]; len(root.Queues)+len(root.Bindings) > 0 {
		t.Errorf("what is exclusive is defined: %+v", root)
	}
	p.Quit()
}

// As RabbitMQ does it.
func TestAnImportPassesOverWhatCannotBe(t *testing.T) {
	b := New(Options{})
	got := mustImport(t, b, Definitions{Vhosts: []VhostDefinitions{{
		Name:      "/",
		Exchanges: []Exchange{{Type: "direct"}, {Name: "amq.x", Type: "direct"}},
		Queues:    []Queue{{Name: "amq.gen-q"}, {Name: "q"}},
		Bindings: []Binding{
			{Destination: "q", RoutingKey: "q"},
			{Source: "amq.fanout", Destination: "amq.gen-q"},
			{Source: "none", Destination: "amq.fanout", ToExchange: true, RoutingKey: "k"},
		},
	}}})
	want := []string{
		"exchange '' in vhost '/': its name is reserved",
		"exchange 'amq.x' in vhost '/': its name is reserved",
		"queue 'amq.gen-q' in vhost '/': its name is reserved",
		"binding of exchange '' to queue 'q' with key 'q' in vhost '/': operation not permitted on the default exchange",
		"binding of exchange 'amq.fanout' to queue 'amq.gen-q' with key '' in vhost '/': no queue 'amq.gen-q' in vhost '/'",
		"binding of exchange 'none' to exchange 'amq.fanout' with key 'k' in vhost '/': no exchange 'none' in vhost '/'",
	}
	if !slices.Equal(got, want) {
		t.Errorf("passed over\n\t%s, want\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// LIM-02: queues that are in no definitions count, too.
func TestAnImportIsNothingIfALimitIsReachedHalfWay(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "own", Exclusive: true})
	if err := b.SetVhostLimits("/", map[string]int{"max-queues": 3}); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{"", "amq.gen"} {
		if taken != "" { // one more, and one less to be imported
			p.do(1, &amqp.QueueDelete{Queue: "own"})
			p.do(1, &amqp.QueueDeclare{})
		}
		_, err := b.Import(Definitions{Vhosts: []VhostDefinitions{{Name: "/", Queues: []Queue{{Name: "a"}, {Name: "b"}, {Name: "c"}}}}}, nil)
		var e *DefinitionError
		if !errors.As(err, &e) || e.Done != 0 || e.Object != "queue 'c' in vhost '/'" {
			t.Errorf("got %v", err)
		}
		if q, _ := b.Queues("/"); len(q) != 1 {
			t.Errorf("there are %+v", q)
		}
	}
	p.declare("a")
	p.declare("b")
	if err := b.SetVhostLimits("/", map[string]int{"max-queues": 1}); err != nil {
		t.Fatal(err)
	}
	mustImport(t, b, definitionsOf(t, b)) // there are more, and no new ones
	p.Quit()
}

// Whatever is wrong, nothing is imported, and the object is named.
func TestAnImportIsAllOrNothing(t *testing.T) {
	b := New(Options{})
	mustImport(t, b, Definitions{Vhosts: []VhostDefinitions{{Name: "/", Queues: []Queue{{Name: "q"}}}}})
	before := definitionsOf(t, b)
	for want, spoil := range map[string]func(*Definitions){
		"user 'app': the password hash is not one of rabbit_password_hashing_sha256": func(d *Definitions) { d.Users[0].PasswordHash = "a" },
		"user 'app': unknown hashing algorithm 'own'":                                func(d *Definitions) { d.Users[0].HashingAlgorithm = "own" },
		"user 'app': unknown limit 'max-x'":                                          func(d *Definitions) { d.Users[0].Limits = map[string]int{"max-x": 1} },
		"vhost 'v': vhost does not exist: 'v'":                                       func(d *Definitions) { d.Vhosts[0].Make, d.Vhosts[0].Metadata = false, nil },
		"vhost 'v': PRECONDITION_FAILED - unknown default queue type 'none'":         func(d *Definitions) { d.Vhosts[0].Metadata.DefaultQueueType = "none" },
		"permission of user 'none' in vhost 'v': user does not exist: 'none'":        func(d *Definitions) { d.Permissions[0].User = "none" },
		"permission of user 'app' in vhost 'none': vhost does not exist: 'none'":     func(d *Definitions) { d.Permissions[0].Vhost = "none" },
		"exchange 'x' in vhost 'v': COMMAND_INVALID - unknown exchange type 'none'":  func(d *Definitions) { d.Vhosts[0].Exchanges[0].Type = "none" },
		"topic permission of user 'app' for exchange 'amq.topic' in vhost 'none': vhost does not exist: 'none'": func(d *Definitions) {
			d.TopicPermissions[0].Vhost = "none"
		},
		"policy 'p' in vhost 'v': Validation failed\n\n<<\"a\">> is not a valid maximum length\n": func(d *Definitions) {
			d.Vhosts[0].Policies[0].Definition = definition{"max-length": "a"}
		},
		"parameter 'op' of component 'operator_policy' in vhost 'v': Validation failed\n\nno policy provided\n": func(d *Definitions) {
			d.Vhosts[0].Parameters[0].Value = json.RawMessage(`{}`)
		},
		"queue 'quorum' in vhost 'v': PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'quorum' in vhost 'v': \"expected integer, got longstr\"": func(d *Definitions) {
			d.Vhosts[0].Queues[1].Arguments["x-max-length"] = "a"
		},
		"binding of exchange 'x' to queue 'quorum' with key 'a' in vhost 'v': PRECONDITION_FAILED - ": func(d *Definitions) {
			d.Vhosts[0].Bindings[1].RoutingKey = "a"
		},
	} {
		d := someDefinitions()
		spoil(&d)
		_, err := b.Import(d, nil)
		var e *DefinitionError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) || e.Done != 0 {
			t.Errorf("got %v\n\twant %s", err, want)
		}
		if after := definitionsOf(t, b); !reflect.DeepEqual(after, before) {
			t.Fatalf("after %s: got\n\t%+v, want\n\t%+v", want, after, before)
		}
	}
}

// Who watches a broker, or wraps its backend, learns nothing of the rehearsal.
func TestARehearsalIsNobodysBusiness(t *testing.T) {
	var changes, backends int
	b := New(Options{
		Changed: func() { changes++ },
		Backend: func(own amqp.Backend) amqp.Backend { backends++; return own },
	})
	changes = 0
	_, err := b.Import(Definitions{Vhosts: []VhostDefinitions{{
		Name: "/", Exchanges: []Exchange{{Name: "x", Type: "direct"}, {Name: "y", Type: "none"}},
	}}}, nil)
	if err == nil || changes > 0 || backends != 1 {
		t.Errorf("error %v, %d changes are told, the backend was wrapped %d times", err, changes, backends)
	}
}

func TestImportTellsHowFarItHasCome(t *testing.T) {
	b := New(Options{})
	var told [][2]int
	_, err := b.Import(Definitions{Vhosts: []VhostDefinitions{{Name: "/", Queues: []Queue{{Name: "a"}, {Name: "b"}}}}}, func(done, of int) {
		told = append(told, [2]int{done, of})
	})
	must(t, err)
	if len(told) != 3 || told[0] != [2]int{1, 3} || told[2] != [2]int{3, 3} {
		t.Errorf("told %v", told)
	}
}
