package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// appDefinitions have a user, whose password is foobarbaz, with a vhost.
const appDefinitions = `{
	"users": [{"name": "app", "password_hash": "27cx5+wEi8R8uwTeTr3hk5azuV3yYxxAtwPPhCyrbdsxVhqq",
		"hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"]}],
	"vhosts": [{"name": "app"}],
	"permissions": [{"user": "app", "vhost": "app", "configure": ".*", "write": ".*", "read": ".*"}],
	"parameters": [{"vhost": "app", "component": "shovel", "name": "s", "value": {}}],
	"queues": [{"name": "q", "vhost": "app"}, {"name": "amq.q", "vhost": "app"}]
}`

// topologyOnly have no users.
const topologyOnly = `{"vhosts": [{"name": "app"}], "queues": [{"name": "q", "vhost": "app"}]}`

func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// names of what an export has in a list.
func names(t *testing.T, export []byte, list string) (all []string) {
	t.Helper()
	var d map[string]json.RawMessage
	if err := json.Unmarshal(export, &d); err != nil {
		t.Fatal(err)
	}
	var objects []struct{ Name, User, Vhost string }
	if err := json.Unmarshal(d[list], &objects); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		all = append(all, o.Name+o.User)
	}
	return all
}

// run runs a command and returns what it prints.
func runCommand(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	err := newApp(&out).RunContext(t.Context(), append([]string{"leveret"}, args...))
	return out.Bytes(), err
}

// What definitions bring stands in for the defaults, and not for what is configured.
func TestServeLoadsDefinitionsBeforeClientsConnect(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(topologyOnly)) }))
	defer server.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"b.json": topologyOnly, "a.json": appDefinitions, "c.txt": "none"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := fileWith(t, "app.json", appDefinitions)
	for name, tt := range map[string]struct {
		args          []string
		users, vhosts string
		log           string
	}{
		"users of definitions":         {[]string{"--load-definitions", app}, "app", "app", "no default user is made: definitions have users"},
		"and one that is configured":   {[]string{"--load-definitions", app, "--default-user=me", "--default-pass=p"}, "app me", "/ app", "both hold"},
		"and a vhost that is":          {[]string{"--load-definitions", app, "--vhost=mine"}, "app", "app mine", "no default user is made"},
		"no users":                     {[]string{"--load-definitions", fileWith(t, "t.json", topologyOnly)}, "guest", "/ app", "definitions are imported: 0 users, 1 vhosts"},
		"no users, one is configured":  {[]string{"--load-definitions", fileWith(t, "t.json", topologyOnly), "--default-user=me", "--default-pass=p"}, "me", "/ app", "definitions are imported"},
		"a directory":                  {[]string{"--load-definitions", dir}, "app", "app", "definitions are imported: 1 users"},
		"RabbitMQ's key of management": {[]string{"--config", fileWith(t, "m.conf", "management.load_definitions = "+app)}, "app", "app", "definitions are imported"},
		"RabbitMQ's key of a backend": {[]string{"--config", fileWith(t, "l.conf",
			"definitions.import_backend = local_filesystem\ndefinitions.local.path = "+app)}, "app", "app", "definitions are imported"},
		"a server": {[]string{"--config", fileWith(t, "h.conf",
			"definitions.import_backend = https\ndefinitions.https.url = "+server.URL)}, "guest", "/ app", "definitions are imported"},
	} {
		t.Run(name, func(t *testing.T) {
			data, socket := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "s")
			args := append([]string{"--listen=127.0.0.1:0", "--data-dir=" + data, "--socket=" + socket}, tt.args...)
			s := startServe(t, args...)
			if _, before := s.out.await(t, "started TCP listener"); !strings.Contains(strings.Join(before, ""), tt.log) {
				t.Errorf("no line with %q before the listener: %q", tt.log, before)
			}
			s.out.await(t, "Server startup complete")
			running, err := runCommand(t, "definitions", "export", "--socket", socket)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(names(t, running, "users"), " "); got != tt.users {
				t.Errorf("users: %s, want %s", got, tt.users)
			}
			if got := strings.Join(names(t, running, "vhosts"), " "); got != tt.vhosts {
				t.Errorf("vhosts: %s, want %s", got, tt.vhosts)
			}
			if got := names(t, running, "queues"); !slices.Equal(got, []string{"q"}) {
				t.Errorf("queues: %q", got)
			}
			if err := s.ended(t); err != nil {
				t.Fatal(err)
			}
			if stopped, err := runCommand(t, "definitions", "export", "--from", data); err != nil || !bytes.Equal(stopped, running) {
				t.Errorf("stopped it has %s, %v, running %s", stopped, err, running)
			}
		})
	}
}

// What is passed over and what does nothing is logged; what was imported at the
// last start is not imported again.
func TestServeSaysWhatBecomesOfDefinitions(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	conf := fileWith(t, "r.conf", "definitions.skip_if_unchanged = true\nload_definitions = "+fileWith(t, "app.json", appDefinitions))
	for i, want := range [][]string{
		{"definitions: passed over queue 'amq.q' in vhost 'app': its name is reserved", "kept, and do nothing: shovel", "definitions are imported"},
		{"definitions are what they were at the last start"},
	} {
		s := startServe(t, "--listen=127.0.0.1:0", "--data-dir="+data, "--config="+conf)
		_, before := s.out.await(t, "started TCP listener")
		for _, text := range want {
			if !strings.Contains(strings.Join(before, ""), text) {
				t.Errorf("start %d does not say %q: %q", i, text, before)
			}
		}
		if err := s.ended(t); err != nil {
			t.Fatal(err)
		}
	}
}

// The file and the object are named.
func TestServeDoesNotStartWithWrongDefinitions(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.json")
	for name, tt := range map[string]struct{ path, want string }{
		"no file":   {none, none},
		"no JSON":   {fileWith(t, "a.json", "{\n}}"), "a.json: line 2, column 2: invalid character '}'"},
		"bad queue": {fileWith(t, "a.json", `{"queues": [{"name": "q", "vhost": "/", "arguments": {"x-max-length": "a"}}]}`), "queue 'q' in vhost '/': PRECONDITION_FAILED - invalid arg 'x-max-length'"},
	} {
		_, err := runCommand(t, "serve", "--memory", "--listen=127.0.0.1:0", "--load-definitions", tt.path)
		if err == nil || !strings.Contains(err.Error(), "load_definitions: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDefinitionsCommands(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--socket="+socket)
	s.out.await(t, "Server startup complete")
	do := func(args ...string) []byte {
		t.Helper()
		out, err := runCommand(t, append([]string{"definitions", args[0], "--socket", socket}, args[1:]...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	do("import", fileWith(t, "app.json", appDefinitions))
	file := filepath.Join(t.TempDir(), "out.json")
	do("export", file)
	written, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(written, do("export", "-")) {
		t.Errorf("the file has %s, %v", written, err)
	}
	theirs := filepath.Join(t.TempDir(), "rabbitmqctl.json")
	for _, command := range []string{"export_definitions", "import_definitions"} {
		if _, err := runCommand(t, "rabbitmqctl", "--socket", socket, "-q", command, theirs); err != nil {
			t.Errorf("rabbitmqctl %s: %v", command, err)
		}
	}
	if data, err := os.ReadFile(theirs); err != nil || !slices.Equal(names(t, data, "vhosts"), []string{"/", "app"}) {
		t.Errorf("rabbitmqctl has written %s, %v", data, err)
	}
	one := do("export", "--vhost", "app")
	do("import", "--vhost", "/", fileWith(t, "vhost.json", string(one)))
	if got := names(t, do("export"), "queues"); !slices.Equal(got, []string{"q", "q"}) {
		t.Errorf("queues: %q", got)
	}
	for want, args := range map[string][]string{
		"want a file":                         {"import"},
		"line 1, column 1: want an object":    {"import", fileWith(t, "a.json", "[]")},
		"vhost 'none': vhost does not exist":  {"import", fileWith(t, "a.json", `{"queues": [{"name": "q", "vhost": "none"}]}`)},
		"vhost does not exist: 'none'":        {"export", "--vhost", "none"},
		"unexpected argument":                 {"export", "a", "b"},
		"policy 'p' in vhost '/': Validation": {"import", fileWith(t, "a.json", `{"policies": [{"name": "p", "vhost": "/", "pattern": "", "definition": {}}]}`)},
	} {
		if _, err := runCommand(t, append([]string{"definitions", args[0], "--socket", socket}, args[1:]...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", args, err, want)
		}
	}
}
