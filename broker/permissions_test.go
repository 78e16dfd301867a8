package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// needs is what a method needs on which thing, in the order in which it is looked
// at (PERM-04 to PERM-15).
type needs []struct {
	need need
	what string
}

// matrix has every method that clients send on channels.
var matrix = []struct {
	method amqp.Method
	needs  needs
}{
	{&amqp.QueueDeclare{Queue: "q"}, needs{{configure, "queue 'q'"}}},
	{&amqp.QueueDeclare{Queue: "new"}, needs{{configure, "queue 'new'"}}},
	{&amqp.QueueDeclare{Queue: "dlx", Arguments: amqp.Table{{Key: "x-dead-letter-exchange", Value: "x"}}}, needs{{configure, "queue 'dlx'"}, {read, "queue 'dlx'"}, {write, "exchange 'x'"}}},
	{&amqp.QueueDeclare{}, needs{{configure, "queue 'amq.gen-"}}},
	{&amqp.QueueDeclare{Queue: "q", Passive: true}, nil},
	{&amqp.QueueBind{Queue: "q", Exchange: "t"}, needs{{write, "queue 'q'"}, {read, "exchange 't'"}}},
	{&amqp.QueueUnbind{Queue: "q", Exchange: "t"}, needs{{write, "queue 'q'"}, {read, "exchange 't'"}}},
	{&amqp.QueueBind{Queue: "none", Exchange: "nowhere"}, needs{{write, "queue 'none'"}, {read, "exchange 'nowhere'"}}},
	{&amqp.QueuePurge{Queue: "q"}, needs{{read, "queue 'q'"}}},
	{&amqp.QueuePurge{Queue: "none"}, needs{{read, "queue 'none'"}}},
	{&amqp.QueueDelete{Queue: "q", IfUnused: true, IfEmpty: true}, needs{{configure, "queue 'q'"}}},
	{&amqp.QueueDelete{Queue: "none"}, needs{{configure, "queue 'none'"}}},
	{&amqp.ExchangeDeclare{Exchange: "x", Type: "direct"}, needs{{configure, "exchange 'x'"}}},
	{&amqp.ExchangeDeclare{Exchange: "ae", Type: "direct", Arguments: amqp.Table{{Key: "alternate-exchange", Value: "x"}}}, needs{{configure, "exchange 'ae'"}, {read, "exchange 'ae'"}, {write, "exchange 'x'"}}},
	{&amqp.ExchangeDeclare{Exchange: "x", Type: "nonsense", Passive: true}, nil},
	{&amqp.ExchangeBind{Destination: "x", Source: "t"}, needs{{write, "exchange 'x'"}, {read, "exchange 't'"}}},
	{&amqp.ExchangeUnbind{Destination: "x", Source: "t"}, needs{{write, "exchange 'x'"}, {read, "exchange 't'"}}},
	{&amqp.ExchangeDelete{Exchange: "x"}, needs{{configure, "exchange 'x'"}}},
	{&amqp.ExchangeDelete{Exchange: "nowhere"}, needs{{configure, "exchange 'nowhere'"}}},
	{&amqp.BasicConsume{Queue: "q", ConsumerTag: "c"}, needs{{read, "queue 'q'"}}},
	{&amqp.BasicConsume{Queue: "none"}, needs{{read, "queue 'none'"}}},
	{&amqp.BasicConsume{Queue: "amq.rabbitmq.reply-to", NoAck: true}, nil},
	{&amqp.BasicGet{Queue: "q"}, needs{{read, "queue 'q'"}}},
	{&amqp.BasicGet{Queue: "none"}, needs{{read, "queue 'none'"}}},
	{&amqp.BasicPublish{Exchange: "x"}, needs{{write, "exchange 'x'"}}},
	{&amqp.BasicPublish{RoutingKey: "q"}, needs{{write, "exchange 'amq.default'"}}},
	{&amqp.BasicPublish{Exchange: "nowhere"}, needs{{write, "exchange 'nowhere'"}}},
	{&amqp.BasicPublish{Exchange: "amq.rabbitmq.trace"}, needs{{write, "exchange 'amq.rabbitmq.trace'"}}},
	{&amqp.BasicCancel{ConsumerTag: "c"}, nil}, // PERM-13, from here on
	{&amqp.BasicQos{PrefetchCount: 1}, nil},
	{&amqp.BasicRecover{Requeue: true}, nil},
	{&amqp.ConfirmSelect{}, nil},
	{&amqp.TxSelect{}, nil},
	{&amqp.ChannelFlow{Active: true}, nil},
	{&amqp.AccessRequest{}, nil},
}

// what is none of a user's business, with its own answer.
var lawful = []string{"NOT_FOUND - ", "ACCESS_REFUSED - cannot publish to internal "}

// PERM-01 to PERM-15: every method, with every choice of the three permissions.
func TestThePermissionMatrix(t *testing.T) {
	for granted := range 8 {
		b := New(Options{Vhosts: []string{"v"}})
		admin := connectAs(t, b, amqptest.Login{Vhost: "v"}, 1)
		must(t, b.AddUser("u", "secret"), b.SetPermission(permissionOf(granted)))
		user := connectAs(t, b, amqptest.Login{Vhost: "v", Response: "\x00u\x00secret"}, 0)
		for i, tt := range matrix {
			for _, m := range []amqp.Method{&amqp.ExchangeDeclare{Exchange: "x", Type: "direct"}, &amqp.ExchangeDeclare{Exchange: "t", Type: "topic"}, &amqp.QueueDeclare{Queue: "q"}, &amqp.QueueDelete{Queue: "dlx"}, &amqp.ExchangeDelete{Exchange: "ae"}} {
				admin.do(1, m)
			}
			channel := uint16(i + 1)
			user.OpenChannel(channel)
			got := refusalOf(user, channel, tt.method)
			want := ""
			for _, n := range tt.needs {
				if granted&(1<<n.need) == 0 {
					want = "ACCESS_REFUSED - access to " + n.what
					break
				}
			}
			fine := got == want
			for _, text := range lawful {
				fine = fine || want == "" && strings.HasPrefix(got, text)
			}
			if want != "" {
				fine = strings.HasPrefix(got, want) && strings.HasSuffix(got, " in vhost 'v' refused for user 'u'")
			}
			if !fine {
				t.Errorf("with %+v, %s %+v: got %q, want %q", permissionOf(granted), tt.method.ID(), tt.method, got, want)
			}
		}
		user.Close()
	}
}

// permissionOf grants what has its bit.
func permissionOf(granted int) Permission {
	grant := func(n need) string {
		if granted&(1<<n) != 0 {
			return ".*"
		}
		return ""
	}
	return Permission{"u", "v", grant(configure), grant(write), grant(read)}
}

// refusalOf is the text by which a method is refused, empty if it is not.
func refusalOf(p *peer, channel uint16, m amqp.Method) string {
	if publish, ok := m.(*amqp.BasicPublish); ok {
		p.Send(amqptest.Publish(channel, publish, amqp.BasicProperties{}, nil, 131072))
		m = &amqp.ChannelFlow{Active: true}
	}
	if answer, ok := p.call(channel, m).(*amqp.ChannelClose); ok {
		return answer.ReplyText
	}
	return ""
}

// PERM-15 to PERM-19: what a topic permission is looked at for, and what not.
func TestTopicPermissions(t *testing.T) {
	b := New(Options{Vhosts: []string{"v"}})
	admin := connectAs(t, b, amqptest.Login{Vhost: "v"}, 1)
	for name, kind := range map[string]string{"t": "topic", "free": "topic", "d": "direct"} {
		admin.do(1, &amqp.ExchangeDeclare{Exchange: name, Type: kind})
	}
	admin.declare("q")
	mustAdd(t, b, "u", "v")
	for _, x := range []string{"t", "d", ""} {
		must(t, b.SetTopicPermission(TopicPermission{"u", "v", x, `^w\.{username}\.{vhost}\.`, "^r"}))
	}
	user := connectAs(t, b, amqptest.Login{Vhost: "v", Response: "\x00u\x00secret"}, 0)
	refused := func(key string) string {
		return "ACCESS_REFUSED - access to topic '" + key + "' in exchange 't' in vhost 'v' refused for user 'u'"
	}
	for i, tt := range []struct {
		method amqp.Method
		want   string
	}{
		{&amqp.BasicPublish{Exchange: "t", RoutingKey: "w.u.v.a"}, ""},
		{&amqp.BasicPublish{Exchange: "t", RoutingKey: "w.{username}.{vhost}.a"}, refused("w.{username}.{vhost}.a")},
		{&amqp.BasicPublish{Exchange: "t", RoutingKey: "r"}, refused("r")},
		{&amqp.BasicPublish{Exchange: "free", RoutingKey: "a"}, ""},
		{&amqp.BasicPublish{Exchange: "d", RoutingKey: "a"}, ""},
		{&amqp.BasicPublish{RoutingKey: "a"}, ""},
		{&amqp.QueueBind{Queue: "q", Exchange: "t", RoutingKey: "r.#"}, ""},
		{&amqp.QueueBind{Queue: "q", Exchange: "t", RoutingKey: "a.#"}, refused("a.#")},
		{&amqp.QueueBind{Queue: "none", Exchange: "t", RoutingKey: "a.#"}, refused("a.#")},
		{&amqp.QueueBind{Queue: "q", Exchange: "d", RoutingKey: "a"}, ""},
		{&amqp.QueueUnbind{Queue: "q", Exchange: "t", RoutingKey: "a.#"}, refused("a.#")},
		{&amqp.ExchangeBind{Destination: "d", Source: "t", RoutingKey: "a.#"}, refused("a.#")},
		{&amqp.ExchangeUnbind{Destination: "d", Source: "t", RoutingKey: "a.#"}, refused("a.#")},
		{&amqp.ExchangeBind{Destination: "t", Source: "d", RoutingKey: "a.#"}, ""},
	} {
		user.OpenChannel(uint16(i + 1))
		if got := refusalOf(user, uint16(i+1), tt.method); got != tt.want {
			t.Errorf("%s %+v: got %q, want %q", tt.method.ID(), tt.method, got, tt.want)
		}
	}
	user.OpenChannel(100)
	must(t, b.ClearTopicPermission("u", "v", "t"))
	if got := refusalOf(user, 100, &amqp.BasicPublish{Exchange: "t", RoutingKey: "r"}); got != "" {
		t.Errorf("got %q without a topic permission", got)
	}
	user.Close()
}

// PERM-21: what changes counts for connections that are open, and for publishes
// whose way is remembered.
func TestPermissionsChangeUnderConnections(t *testing.T) {
	b := New(Options{})
	mustAdd(t, b, "u", "/")
	p := connectAs(t, b, as("u"), 6)
	p.declare("q")
	publish := &amqp.BasicPublish{RoutingKey: "q"}
	if got := refusalOf(p, 1, publish); got != "" {
		t.Errorf("got %q", got)
	}
	must(t, b.SetPermission(Permission{"u", "/", "", "amq.default", ""}))
	if got := refusalOf(p, 1, publish); got != "" {
		t.Errorf("got %q", got)
	}
	const want = "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'"
	must(t, b.SetPermission(Permission{"u", "/", ".*", "^q", ".*"}))
	if got := refusalOf(p, 1, publish); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	must(t, b.SetPermission(Permission{"u", "/", ".*", ".*", ".*"}))
	for range 2 {
		if got := refusalOf(p, 2, publish); got != "" {
			t.Errorf("got %q", got)
		}
	}
	must(t, b.ClearPermission("u", "/"))
	if got := refusalOf(p, 2, publish); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := refusalOf(p, 3, &amqp.BasicQos{}); got != "" {
		t.Errorf("got %q for what needs no permission", got)
	}
	p.Close()
}

// PERM-01
func TestExpressionsOfPermissions(t *testing.T) {
	for _, tt := range []struct {
		text, name string
		want       bool
	}{
		{"", "q", false},
		{"", "", true},
		{".*", "", true},
		{"joe", "xjoe1", true},
		{"^joe", "joe1", true},
		{"^joe", "xjoe", false},
		{"^joe$", "joe1", false},
		{"(?i)JOE", "joe", true},
		{"^(a|b)-[0-9]+$", "b-12", true},
	} {
		p, err := newPattern(tt.text)
		if err != nil || p.fits(tt.name) != tt.want {
			t.Errorf("%+v: %v, %v", tt, p.fits(tt.name), err)
		}
	}
	if _, err := newPattern("*"); err == nil || err.Error() != "invalid regexp '*': error parsing regexp: missing argument to repetition operator: `*`" {
		t.Errorf("got %v", err)
	}
}

// LIM-01, LIM-03, LIM-05, LIM-07, CONN-26, CONN-27
func TestWhoMayOpenAVhost(t *testing.T) {
	const user = "for user 'u'"
	for _, tt := range []struct {
		name        string
		permission  bool
		vhost, user int // limits; negative: none
		node        int
		want        string
	}{
		{"any permission", true, -1, -1, 0, ""},
		{"no permission", false, -1, -1, 0, "access to vhost '/' refused " + user},
		{"vhost limit", true, 1, -1, 0, "access to vhost '/' refused " + user + ": connection limit (1) is reached"},
		{"vhost limit 0", true, 0, -1, 0, "access to vhost '/' refused " + user + ": connection limit (0) is reached"},
		{"user limit", true, -1, 1, 0, "connection refused " + user + ": user connection limit (1) is reached"},
		{"user limit 0", false, -1, 0, 0, "connection refused " + user + ": user connection limit (0) is reached"},
		{"vhost before user", false, 1, 1, 0, "access to vhost '/' refused " + user + ": connection limit (1) is reached"},
		{"user before permission", false, 2, 0, 0, "connection refused " + user + ": user connection limit (0) is reached"},
		{"node before all", false, 0, 0, 1, "connection refused: node connection limit (1) is reached"},
		{"room for it", true, 2, 2, 2, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := New(Options{ConnectionMax: tt.node, DefaultUser: "u", DefaultPass: "secret", DefaultPermissions: Permission{Read: "x"}})
			first := connectAs(t, b, as("u"), 0)
			must(t, b.SetVhostLimits("/", map[string]int{"max-connections": tt.vhost}), b.SetUserLimits("u", map[string]int{"max-connections": tt.user}))
			if !tt.permission {
				must(t, b.ClearPermission("u", "/"))
			}
			for range 2 { // who is refused takes no room
				c := dial(t, b)
				c.Reach(amqptest.TuneOked, as("u"))
				c.SendMethods(0, &amqp.ConnectionOpen{VirtualHost: "/"})
				if tt.want == "" {
					c.Expect(0, &amqp.ConnectionOpenOk{})
				} else {
					c.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - "+tt.want, (&amqp.ConnectionOpen{}).ID())
					c.SendMethods(0, &amqp.ConnectionCloseOk{})
					c.ExpectEnd()
					continue
				}
				c.Quit()
			}
			first.Quit()
			if n := b.access.connections; n != 0 {
				t.Errorf("%d connections are counted", n)
			}
		})
	}
}

// LIM-02
func TestMaxQueues(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 5)
	p.declare("q")
	must(t, b.SetVhostLimits("/", map[string]int{"max-queues": 1}))
	p.declare("q")
	const want = "PRECONDITION_FAILED - cannot declare queue '%s': queue limit in vhost '/' (1) is reached"
	wrong := amqp.Table{{Key: "x-dead-letter-exchange", Value: int32(5)}}
	if got := refusalOf(p, 2, &amqp.QueueDeclare{Queue: "other", Arguments: wrong}); got != fmt.Sprintf(want, "other") {
		t.Errorf("got %q", got)
	}
	if got := refusalOf(p, 3, &amqp.QueueDeclare{Exclusive: true}); !strings.HasPrefix(got, "PRECONDITION_FAILED - cannot declare queue 'amq.gen-") {
		t.Errorf("got %q", got)
	}
	p.do(1, &amqp.QueueDelete{Queue: "q"})
	p.declare("other")
	must(t, b.ClearVhostLimits("/", "max-queues"))
	p.declare("third")
	p.Quit()
}

// CHAN-06, LIM-04: of all connections of a user; a channel that has ended counts no
// more, however it did.
func TestMaxChannelsOfAUser(t *testing.T) {
	b := New(Options{})
	mustAdd(t, b, "u", "/")
	first, second := connectAs(t, b, as("u"), 3), connectAs(t, b, as("u"), 2)
	first.do(1, &amqp.ChannelClose{})
	refusalOf(first, 2, &amqp.QueueDeclare{Queue: "none", Passive: true})
	must(t, b.SetUserLimits("u", map[string]int{"max-channels": 4}))
	first.OpenChannel(1)
	second.SendMethods(3, &amqp.ChannelOpen{})
	second.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum "+
		"allowed user limit of (4)", 0)
	second.SendMethods(0, &amqp.ConnectionCloseOk{})
	second.ExpectEnd()
	first.OpenChannel(7, 8)
	connect(t, b, 5).Quit()
	first.Quit()
	if n := b.access.users["u"].channels; n != 0 {
		t.Errorf("%d channels are counted", n)
	}
}

// PUB-07: the tag counts that the user had when the connection was opened.
func TestImpersonators(t *testing.T) {
	b := New(Options{})
	for name, tag := range map[string]string{"u": "administrator", "i": "impersonator"} {
		mustAdd(t, b, name, "/")
		must(t, b.SetUserTags(name, tag))
	}
	send := func(p *peer, claimed string) string {
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{}, amqp.BasicProperties{UserID: claimed}, nil, 131072))
		if answer, ok := p.call(1, &amqp.ChannelFlow{Active: true}).(*amqp.ChannelClose); ok {
			return answer.ReplyText
		}
		return ""
	}
	user, impersonator := connectAs(t, b, as("u"), 1), connectAs(t, b, as("i"), 1)
	must(t, b.SetUserTags("u", "impersonator"), b.SetUserTags("i"))
	if got := send(impersonator, "u"); got != "" {
		t.Errorf("got %q", got)
	}
	if got := send(user, "u"); got != "" {
		t.Errorf("got %q", got)
	}
	const want = "PRECONDITION_FAILED - user_id property set to 'i' but authenticated user was 'u'"
	if got := send(user, "i"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	user.Close()
	impersonator.Close()
}
