package broker

import (
	"errors"
	"net"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// who is a user with a password as an API shows him.
func who(t testing.TB, b *Broker, name string) User {
	t.Helper()
	for _, u := range b.Users() {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("there is no user %q", name)
	return User{}
}

// mustAdd adds a user who may do everything in some vhosts.
func mustAdd(t testing.TB, b *Broker, name string, vhosts ...string) {
	t.Helper()
	if err := b.AddUser(name, "secret"); err != nil {
		t.Fatal(err)
	}
	for _, v := range vhosts {
		must(t, b.SetPermission(Permission{name, v, ".*", ".*", ".*"}))
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// as is how somebody logs in whom mustAdd has added.
func as(name string) amqptest.Login {
	return amqptest.Login{Response: "\x00" + name + "\x00secret"}
}

func TestTheFirstStartHasADefaultUser(t *testing.T) {
	b := New(Options{Vhosts: []string{"/", "v"}})
	u := who(t, b, "guest")
	if len(b.Users()) != 1 || !reflect.DeepEqual(u.Tags, []string{"administrator"}) || u.HashingAlgorithm != HashingSHA256 {
		t.Errorf("got %+v", b.Users())
	}
	want := []Permission{{"guest", "/", ".*", ".*", ".*"}, {"guest", "v", ".*", ".*", ".*"}}
	if got := b.Permissions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b = New(Options{
		DefaultUser: "u", DefaultTags: []string{}, DefaultPermissions: Permission{Write: "^w"}, LoopbackUsers: []string{},
	})
	if u := who(t, b, "u"); u.PasswordHash != "" || len(u.Tags) != 0 {
		t.Errorf("got %+v", u)
	}
	if got := b.Permissions(); !reflect.DeepEqual(got, []Permission{{"u", "/", "", "^w", ""}}) {
		t.Errorf("got %+v", got)
	}
	b = New(Options{NoDefaultUser: true})
	if len(b.Users()) != 0 {
		t.Errorf("got %+v", b.Users())
	}
	must(t, b.AddDefaultUser(), b.AddDefaultUser())
	who(t, b, "guest")
	if got := b.Permissions(); !reflect.DeepEqual(got, []Permission{{"guest", "/", ".*", ".*", ".*"}}) {
		t.Errorf("got %+v", got)
	}
}

// DUR-11
func TestUsersSurvive(t *testing.T) {
	k := keepWith(t, Options{PasswordHashing: HashingSHA512})
	must(t, k.AddUser("a", "secret", "monitoring", "policymaker"), k.AddUser("gone", "secret"), k.CreateVhost("v"), k.CreateVhost("w"))
	must(t, k.SetUser(User{Name: "imported", PasswordHash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", HashingAlgorithm: HashingSHA256}))
	must(t, k.SetUserLimits("a", map[string]int{"max-channels": 5, "max-connections": 2}), k.ClearUserLimits("a", "max-channels"))
	must(t, k.SetVhostLimits("v", map[string]int{"max-queues": 7}), k.SetVhostLimits("/", map[string]int{"max-queues": 7}), k.ClearVhostLimits("/"))
	for _, p := range []Permission{{"a", "/", "c", "", "r"}, {"a", "v", "", "", ""}, {"gone", "/", "", "", ""}, {"a", "w", "", "", ""}, {"a", "/", "^c", "w", ""}} {
		must(t, k.SetPermission(p))
	}
	for _, p := range []TopicPermission{{"a", "/", "amq.topic", "w", "{username}"}, {"a", "/", "x", "", ""}, {"gone", "/", "x", "", ""}, {"a", "w", "x", "", ""}} {
		must(t, k.SetTopicPermission(p))
	}
	must(t, k.ClearPermission("guest", "/"), k.ClearTopicPermission("a", "/", "x"), k.DeleteUser("gone"), k.DeleteVhost("w"))

	look := func() []any {
		limits, err := k.VhostLimits("v")
		must(t, err)
		none, err := k.VhostLimits("/")
		must(t, err)
		return []any{k.Users(), k.Permissions(), k.TopicPermissions(), limits, len(none)}
	}
	want := look()
	if got := k.Permissions(); !reflect.DeepEqual(got, []Permission{{"a", "/", "^c", "w", ""}, {"a", "v", "", "", ""}}) {
		t.Errorf("got %+v", got)
	}
	if got := k.TopicPermissions(); !reflect.DeepEqual(got, []TopicPermission{{"a", "/", "amq.topic", "w", "{username}"}}) {
		t.Errorf("got %+v", got)
	}
	if u := who(t, k.Broker, "a"); !reflect.DeepEqual(u.Limits, map[string]int{"max-connections": 2}) || u.HashingAlgorithm != HashingSHA512 {
		t.Errorf("got %+v", u)
	}
	for range 2 {
		k.restart()
		for i, got := range look() {
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("after a restart: got %+v, want %+v", got, want[i])
			}
		}
		must(t, k.Authenticate("a", "secret"), k.Authenticate("imported", "test12"), k.Authenticate("guest", "guest"))
	}
	must(t, k.CreateVhost("w"))
	if n := len(k.Permissions()); n != 2 {
		t.Errorf("%d permissions once the vhost is there again", n)
	}
}

// The default user of a directory that had none may use all that is there; later
// starts keep what is stored.
func TestTheDefaultUserOfADirectory(t *testing.T) {
	k := keepWith(t, Options{NoDefaultUser: true})
	must(t, k.CreateVhost("v"))
	k.options = Options{DataDir: k.options.DataDir, DefaultUser: "u", DefaultPass: "p"}
	k.restart()
	if u := who(t, k.Broker, "u"); u.HashingAlgorithm != HashingBcrypt {
		t.Errorf("got %+v", u)
	}
	want := []Permission{{"u", "/", ".*", ".*", ".*"}, {"u", "v", ".*", ".*", ".*"}}
	if got := k.Permissions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	must(t, k.ClearPermission("u", "v"))
	k.options.Vhosts, k.options.DefaultPass = []string{"/", "v", "new"}, "another"
	k.restart()
	must(t, k.Authenticate("u", "p"))
	want = []Permission{{"u", "/", ".*", ".*", ".*"}, {"u", "new", ".*", ".*", ".*"}}
	if got := k.Permissions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	k.options.DefaultUser = "other"
	k.restart()
	if got := k.Users(); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestPasswords(t *testing.T) { // CONN-12
	k := keep(t)
	right := func(name, password string) {
		t.Helper()
		for range 2 {
			if err := k.Authenticate(name, password); err != nil {
				t.Errorf("%s with %s: %v", name, password, err)
			}
		}
	}
	wrong := func(name, password string) {
		t.Helper()
		if err := k.Authenticate(name, password); err == nil {
			t.Errorf("%s with %q", name, password)
		}
	}
	must(t, k.AddUser("u", "one"))
	if u := who(t, k.Broker, "u"); u.HashingAlgorithm != HashingBcrypt {
		t.Errorf("got %+v", u)
	}
	wrong("u", "two")
	right("u", "one")
	wrong("u", "two")
	wrong("u", "")
	wrong("U", "one")
	must(t, k.SetPassword("u", "two"))
	wrong("u", "one")
	must(t, k.AddUser("blank", ""))
	wrong("blank", "")
	right("u", "two")
	must(t, k.SetPassword("u", ""))
	wrong("u", "")
	wrong("u", "two")
	must(t, k.SetUser(User{Name: "u", PasswordHash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", HashingAlgorithm: HashingSHA256}))
	right("u", "test12")
	wrong("u", "test1")
	if err := k.SetUser(User{Name: "u", PasswordHash: "x", HashingAlgorithm: HashingSHA256}); !errors.Is(err, errHash) {
		t.Errorf("got %v", err)
	}
	right("u", "test12")
}

// A user whom there is not is refused in the same words as a wrong password, and
// after as much work.
func TestAnUnknownUserIsAWrongPassword(t *testing.T) {
	k := keep(t)
	must(t, k.AddUser("u", "one"), k.AddUser("none", "one"), k.ClearPassword("none"))
	for _, name := range []string{"u", "none", "guest", "stranger"} {
		if err := k.Authenticate(name, "two"); !errors.Is(err, errCredentials) {
			t.Errorf("%s: %v", name, err)
		}
		per := testing.AllocsPerRun(1, func() { _ = k.Authenticate(name, "two") })
		if per < 2 { // what bcrypt takes
			t.Errorf("%s is refused after %v allocations", name, per)
		}
	}
}

func TestWhatCannotBeDoneToUsers(t *testing.T) {
	b := New(Options{})
	everything := Permission{"guest", "/", ".*", ".*", ".*"}
	for _, tt := range []struct {
		err, want error
	}{
		{b.AddUser("guest", "p"), ErrUserExists},
		{b.DeleteUser("nobody"), ErrUserNotFound},
		{b.SetPassword("nobody", "p"), ErrUserNotFound},
		{b.ClearPassword("nobody"), ErrUserNotFound},
		{b.SetUserTags("nobody"), ErrUserNotFound},
		{b.SetUserLimits("nobody", nil), ErrUserNotFound},
		{b.ClearUserLimits("nobody"), ErrUserNotFound},
		{b.SetVhostLimits("nowhere", nil), ErrVhostNotFound},
		{b.ClearVhostLimits("nowhere"), ErrVhostNotFound},
		{b.SetPermission(Permission{User: "nobody", Vhost: "/"}), ErrUserNotFound},
		{b.SetPermission(Permission{User: "guest", Vhost: "nowhere"}), ErrVhostNotFound},
		{b.ClearPermission("nobody", "/"), ErrUserNotFound},
		{b.ClearPermission("guest", "nowhere"), ErrVhostNotFound},
		{b.SetTopicPermission(TopicPermission{User: "nobody", Vhost: "/"}), ErrUserNotFound},
		{b.SetTopicPermission(TopicPermission{User: "guest", Vhost: "nowhere"}), ErrVhostNotFound},
		{b.ClearTopicPermission("nobody", "/", ""), ErrUserNotFound},
		{b.ClearTopicPermission("guest", "nowhere", ""), ErrVhostNotFound},
		{b.ClearTopicPermission("guest", "/", "x"), nil},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("got %v, want %v", tt.err, tt.want)
		}
	}
	var wrong *RegexpError
	if err := b.SetPermission(Permission{"guest", "/", ".*", "*", ".*"}); !errors.As(err, &wrong) || wrong.Regexp != "*" {
		t.Errorf("got %v", err)
	}
	if err := b.SetTopicPermission(TopicPermission{"guest", "/", "x", ".*", "("}); !errors.As(err, &wrong) || wrong.Regexp != "(" {
		t.Errorf("got %v", err)
	}
	var unknown *LimitError
	for _, err := range []error{
		b.SetUserLimits("guest", map[string]int{"max-queues": 1}), b.SetVhostLimits("/", map[string]int{"max-channels": 1}),
		b.SetUser(User{Name: "guest", Limits: map[string]int{"max": 1}}),
	} {
		if !errors.As(err, &unknown) {
			t.Errorf("got %v", err)
		}
	}
	if got := b.Permissions(); !reflect.DeepEqual(got, []Permission{everything}) {
		t.Errorf("got %+v", got)
	}
}

// CTL-08: the connections of a user who is deleted end, others do not.
func TestTheEndOfAUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		mustAdd(t, b, "u", "/")
		mustAdd(t, b, "other", "/")
		first, second, other := connectAs(t, b, as("u"), 1), connectAs(t, b, as("u"), 0), connectAs(t, b, as("other"), 1)
		must(t, b.SetPassword("u", "another"), b.SetUserTags("u", "administrator"))
		first.declare("q")
		must(t, b.DeleteUser("u"))
		for _, c := range []*peer{first, second} {
			c.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - user 'u' is deleted", 0)
			c.SendMethods(0, &amqp.ConnectionCloseOk{})
			c.ExpectEnd()
		}
		other.sync()
		c := dial(t, b)
		c.Reach(amqptest.Started, amqptest.Login{})
		c.Send(as("u").Bytes()[len(amqp.ProtocolHeader):])
		c.ExpectEnd()
	})
}

// A user who is deleted between login and connection.open has no permission.
func TestAUserIsDeletedDuringTheHandshake(t *testing.T) {
	b := New(Options{})
	mustAdd(t, b, "u", "/")
	c := dial(t, b)
	c.Reach(amqptest.TuneOked, as("u"))
	must(t, b.DeleteUser("u"))
	c.SendMethods(0, &amqp.ConnectionOpen{VirtualHost: "/"})
	c.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - access to vhost '/' refused for user 'u'", (&amqp.ConnectionOpen{}).ID())
	c.SendMethods(0, &amqp.ConnectionCloseOk{})
	c.ExpectEnd()
	if b.access.connections != 0 {
		t.Errorf("%d connections are counted", b.access.connections)
	}
}

// CONN-13
func TestLoopbackUsers(t *testing.T) {
	away := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	for _, tt := range []struct {
		loopback []string
		user     string
		want     bool
	}{
		{nil, "guest", false},
		{nil, "u", true},
		{[]string{}, "guest", true},
		{[]string{"u"}, "guest", true},
		{[]string{"u"}, "u", false},
	} {
		b := New(Options{LoopbackUsers: tt.loopback, AnonymousUser: tt.user})
		must(t, b.AddUser("u", "guest"))
		for _, r := range []amqp.LoginRequest{
			{Mechanism: "PLAIN", Response: []byte("\x00" + tt.user + "\x00guest"), Peer: away},
			{Mechanism: "ANONYMOUS", Peer: away},
		} {
			name, err := (*backend)(b).Login(r)
			if (err == nil) != tt.want || err == nil && name != tt.user {
				t.Errorf("%+v by %s: %q, %v", tt, r.Mechanism, name, err)
			}
			if r.Peer = nil; err == nil {
				continue
			}
			r.Peer = named{"pipe", "pipe"}
			if _, err := (*backend)(b).Login(r); err != nil {
				t.Errorf("%+v from here by %s: %v", tt, r.Mechanism, err)
			}
		}
	}
}
