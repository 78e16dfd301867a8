package definitions

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/broker"
)

var here = Origin{Version: "3.13.7", Cluster: "here"}

// blank is a broker without anything in it.
func blank(t *testing.T, dir string) *broker.Broker {
	t.Helper()
	b, err := broker.Open(broker.Options{DataDir: dir, NoDefaultUser: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Shutdown(context.Background()) })
	if err := b.DeleteVhost("/"); err != nil {
		t.Fatal(err)
	}
	return b
}

// imported has passed over so many objects.
func imported(t *testing.T, b *broker.Broker, d broker.Definitions, over int) {
	t.Helper()
	if passed, err := b.Import(d, nil); err != nil || len(passed) != over {
		t.Fatalf("passed over %q, %v", passed, err)
	}
}

// internalOnes are bindings of an internal exchange in the file of RabbitMQ, which
// leaves the exchange itself out.
const internalOnes = 2

func mustParse(t *testing.T, data []byte) broker.Definitions {
	t.Helper()
	d, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exported is what a broker has, as a file.
func exported(t *testing.T, b *broker.Broker) []byte {
	t.Helper()
	d, err := b.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	data, err := Write(d, here)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What a RabbitMQ has written is imported, exported, and imported again to the
// same.
func TestDefinitionsOfRabbitMQ(t *testing.T) {
	data, err := os.ReadFile("testdata/rabbitmq-3.10.8.json")
	if err != nil {
		t.Fatal(err)
	}
	first, second := blank(t, t.TempDir()), blank(t, "")
	imported(t, first, mustParse(t, data), internalOnes)
	once := exported(t, first)
	imported(t, second, mustParse(t, once), 0)
	if twice := exported(t, second); !bytes.Equal(once, twice) {
		t.Errorf("the second export is\n%s\nthe first\n%s", twice, once)
	}
	imported(t, first, mustParse(t, once), 0)
	if again := exported(t, first); !bytes.Equal(once, again) {
		t.Errorf("after the export was imported, it is\n%s\nbefore\n%s", again, once)
	}
	want, err := os.ReadFile("testdata/exported.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(once, want) {
		t.Errorf("the export is\n%s", once)
	}
	for user, password := range map[string]string{"D-app": "foobarbaz", "D-admin": "secret"} {
		if err := second.Authenticate(user, password); err != nil {
			t.Errorf("user %s: %v", user, err)
		}
	}
	if err := second.Authenticate("D-none", ""); err == nil {
		t.Error("a user without a password logs in")
	}
}

// What has no type in JSON gets the one that RabbitMQ gives it.
func TestArgumentsHaveRabbitMQsTypes(t *testing.T) {
	d := mustParse(t, []byte(`{"queues": [{"name": "q", "vhost": "/", "arguments": {
		"i": 5, "f": 2.5, "fi": 5.0, "e": 1e3, "m": {"b": 1, "a": [1, "x", 2.5, null]}, "t": true, "n": null, "s": "ü"}}]}`))
	want := map[string]any{
		"i": int64(5), "f": 2.5, "fi": 5.0, "e": 1000.0, "t": true, "n": nil, "s": "ü",
		"m": map[string]any{"b": int64(1), "a": []any{int64(1), "x", 2.5, nil}},
	}
	if got := d.Vhosts[0].Queues[0].Arguments; !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	data, err := Write(d, here)
	if err != nil {
		t.Fatal(err)
	}
	if again := mustParse(t, data); !reflect.DeepEqual(again, d) {
		t.Errorf("%s is\n%+v, not\n%+v", data, again, d)
	}
}

// Forms that versions of RabbitMQ have written, or people do.
func TestOtherFormsAreUnderstood(t *testing.T) {
	d := mustParse(t, []byte("\xef\xbb\xbf"+`{"rabbit_version": "3.5.7", "anything": {"else": [1]}, "permissions": null,
		"users": [
			{"name": "old", "password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbY=", "tags": "administrator, monitoring"},
			{"name": "none", "password_hash": "", "hashing_algorithm": null, "tags": []},
			{"name": "plain", "password": "secret", "hashing_algorithm": "rabbit_password_hashing_sha512", "limits": [["max-channels", 5]]}],
		"vhosts": [
			{"name": "a", "description": "d", "tags": "x,y", "limits": [["max-queues", 5]]},
			{"name": "b", "metadata": {"description": "m", "tags": ["z"], "default_queue_type": "quorum"}},
			{"name": "c", "default_queue_type": "undefined", "limits": []}, {"name": "d"}],
		"parameters": [{"vhost": "a", "component": "operator_policy", "name": "o",
			"value": {"pattern": "q", "definition": [["max-length", 5]]}}],
		"policies": [{"vhost": "d", "name": "p", "pattern": "q", "definition": [["max-length", 5]]}],
		"exchanges": [{"vhost": "d", "name": "x", "type": "fanout", "arguments": []}]}`))
	for i, want := range []string{broker.HashingMD5, "", broker.HashingSHA512} {
		if got := d.Users[i].HashingAlgorithm; got != want {
			t.Errorf("user %s has a hash of %q, want %q", d.Users[i].Name, got, want)
		}
	}
	if got, want := d.Users[0].Tags, []string{"administrator", "monitoring"}; !reflect.DeepEqual(got, want) {
		t.Errorf("tags %q, want %q", got, want)
	}
	for i, want := range []*broker.VhostMetadata{
		{Description: "d", Tags: []string{"x", "y"}}, {Description: "m", Tags: []string{"z"}, DefaultQueueType: "quorum"}, {}, nil,
	} {
		if got := d.Vhosts[i].Metadata; !reflect.DeepEqual(got, want) {
			t.Errorf("vhost %s is described by %+v, want %+v", d.Vhosts[i].Name, got, want)
		}
	}
	b := blank(t, "")
	imported(t, b, d, 0)
	if err := b.Authenticate("plain", "secret"); err != nil {
		t.Error(err)
	}
	if l, err := b.VhostLimits("a"); err != nil || l["max-queues"] != 5 {
		t.Errorf("vhost a has limits %v, %v", l, err)
	}
	if l, err := b.UserLimits("plain"); err != nil || l["max-channels"] != 5 {
		t.Errorf("user plain has limits %v, %v", l, err)
	}
	if p, err := b.OperatorPolicies("a"); err != nil || len(p) != 1 || p[0].Definition["max-length"] != int64(5) {
		t.Errorf("vhost a has operator policies %v, %v", p, err)
	}
	if x, err := b.Exchanges("d"); err != nil || len(x) != 7 || !x[6].Durable {
		t.Errorf("vhost d has exchanges %v, %v", x, err)
	}
}

// The file of one vhost goes into another.
func TestDefinitionsOfAVhost(t *testing.T) {
	data, err := os.ReadFile("testdata/rabbitmq-3.10.8.json")
	if err != nil {
		t.Fatal(err)
	}
	b := blank(t, "")
	imported(t, b, mustParse(t, data), internalOnes)
	d, err := b.Definitions("D1")
	if err != nil {
		t.Fatal(err)
	}
	one, err := WriteVhost(d.Vhosts[0], here)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(one), `"vhost":`) || strings.Contains(string(one), `"users":`) {
		t.Errorf("the file of a vhost has what is of others: %s", one)
	}
	var fault *ParseError
	if _, err := Parse(one); !errors.As(err, &fault) || !strings.Contains(err.Error(), "vhost is missing") {
		t.Errorf("without a vhost for it, it is read: %v", err)
	}
	parsed, err := ParseVhost(one, "copy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Import(parsed, nil); !errors.Is(err, broker.ErrVhostNotFound) {
		t.Errorf("into a vhost that is not there: %v", err)
	}
	if err := b.CreateVhost("copy"); err != nil {
		t.Fatal(err)
	}
	imported(t, b, parsed, 0)
	got, err := b.Definitions("copy")
	if err != nil {
		t.Fatal(err)
	}
	got.Vhosts[0].Name, got.Vhosts[0].Metadata = "D1", d.Vhosts[0].Metadata
	if !reflect.DeepEqual(got.Vhosts, d.Vhosts) {
		t.Errorf("the copy has\n%+v, want\n%+v", got.Vhosts, d.Vhosts)
	}
}

// The place and the object are named.
func TestWhatIsWrongWithAFileIsNamed(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{``, "line 1, column 1: unexpected end of JSON input"},
		{`{`, "line 1, column 2: unexpected end of JSON input"},
		{`{"users": [`, "line 1, column 12: unexpected end of JSON input"},
		{`{"users": [{"name": "a"`, "line 1, column 24: unexpected end of JSON input"},
		{"{\n  \"users\": [}", "line 2, column 13: invalid character '}' looking for beginning of value"},
		{"{\n\"queues\": [{\"name\": \"q\",\n  \"vhost\" \"/\"}]}", "line 3, column 11: invalid character '\"' after object key"},
		{`[1]`, "line 1, column 1: want an object"},
		{"{\"queues\":\n[{\"name\": \"\xff\", \"vhost\": \"/\"}]}", "line 2, column 12: want UTF-8"},
		{`{} 1`, "line 1, column 4: invalid character '1' after top-level value"},
		{`{"queues": {"a": 1}}`, "line 1, column 12: queues: want a list"},
		{`{"queues": [1]}`, "line 1, column 13: queues[0]: want an object"},
		{`{"queues": [{"name": "q"}]}`, "line 1, column 13: queues[0]: vhost is missing"},
		{`{"queues": [{"vhost": "/"}]}`, "line 1, column 13: queues[0]: name is missing"},
		{"{\"queues\": [{\"vhost\": \"/\", \"name\": \"a\"},\n{\"vhost\": \"/\", \"name\": 5}]}", "line 2, column 24: queues[1]: name: want a string, got number"},
		{`{"queues": [{"vhost": "/", "name": "q", "durable": "yes"}]}`, "durable: want true or false, got string"},
		{`{"queues": [{"vhost": "/", "name": "q", "arguments": 5}]}`, "line 1, column 13: queues[0]: want an object"},
		{`{"queues": [{"vhost": "/", "name": "q", "arguments": {"a": 9223372036854775808}}]}`, "queue 'q' in vhost '/': argument 'a': AMQP has no type for"},
		{`{"bindings": [{"vhost": "/", "source": "x", "destination": "q", "destination_type": "z"}]}`, "binding of exchange 'x' to 'q' in vhost '/': unknown destination type 'z'"},
		{`{"users": [{"name": "u", "password": ""}]}`, "user 'u': the password is empty"},
		{`{"users": [{"name": "u", "limits": {"max-channels": "a"}}]}`, "users[0]: limit \"max-channels\": want an integer"},
		{`{"policies": [{"vhost": "/", "name": "p", "pattern": "", "definition": {}, "priority": 1.5}]}`, "priority: want an integer, got number 1.5"},
	} {
		if _, err := Parse([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n\tgot %v\n\twant %s", tt.data, err, tt.want)
		}
	}
}

// Whatever is read is written as what is read again. The seeds are short: a long
// one is made shorter for seconds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"queues": [{"name": "q", "vhost": "/", "arguments": {"f": 5.0, "n": null, "l": [[1]]}}]}`))
	f.Add([]byte(`{"rabbit_version": "3.5", "users": [{"name": "u", "password_hash": "a", "tags": "a,b", "limits": [["x", 1]]}]}`))
	f.Add([]byte(`{"exchanges": [{"vhost": "/", "name": "x", "type": "topic", "durable": true, "auto_delete": false, "arguments": {"alternate-exchange": "y"}}]}`))
	f.Add([]byte(`{"bindings": [{"vhost": "/", "source": "x", "destination": "q", "destination_type": "queue", "routing_key": "#", "arguments": {"k": "v"}}]}`))
	f.Add([]byte(`{"policies": [{"vhost": "/", "name": "p", "pattern": "^q", "apply-to": "queues", "definition": {"max-length": 1}, "priority": 1}]}`))
	f.Add([]byte(`{"permissions": [{"user": "u", "vhost": "/", "configure": ".*", "write": "", "read": "^q"}]}`))
	f.Add([]byte(`{"vhosts": [{"name": "v", "limits": {"max-queues": 1}, "metadata": {"tags": []}}], "global_parameters": [{"name": "n", "value": []}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		once, err := Write(d, here)
		if err != nil {
			t.Fatalf("%s\nis read, and not written: %v", data, err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%s\nis read, and not what is written of it: %v\n%s", data, err, once)
		}
		if twice, err := Write(again, here); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written once\n%s\nread and written again, %v\n%s", once, err, twice)
		}
	})
}
