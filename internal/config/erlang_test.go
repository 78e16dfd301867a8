package config

import (
	"slices"
	"strings"
	"testing"
)

func loadTerms(t *testing.T, content string) (*Set, string, error) {
	t.Helper()
	path := write(t, "rabbitmq.config", content)
	s, err := Load(Sources{Files: []string{path}})
	return s, path, err
}

func TestFilesInErlangsSyntaxAreRead(t *testing.T) {
	s, path, err := loadTerms(t, `%% A comment.
[
  {rabbit, [
    {tcp_listeners, [5673, {"127.0.0.1", 5674}]},
    {ssl_listeners, []},
    {default_user, <<"hare">>}, {default_pass, <<"fo\"rm">>},
    {loopback_users, [<<"guest">>, <<"a.b">>]},
    {heartbeat, 30},                      % another
    {vm_memory_high_watermark, {absolute, "1GB"}},
    {disk_free_limit, {mem_relative, 1.5}},
    {ssl_options, [{verify, verify_peer}, {versions, ['tlsv1.2', 'tlsv1.3']}]},
    {cluster_nodes, {['rabbit@a'], disc}}
  ]},
  {rabbitmq_management, [{listener, [{port, 15672}]}]},
  {kernel, [{inet_dist_listen_min, 1}]}
].
`)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"listeners.tcp.1": "5673", "listeners.tcp.2": "127.0.0.1:5674", "listeners.ssl": "none",
		"default_user": "hare", "default_pass": `fo"rm`, "loopback_users.guest": "true", `loopback_users.a\.b`: "true",
		"heartbeat": "30", "vm_memory_high_watermark.absolute": "1GB", "disk_free_limit.relative": "1.5",
		"ssl_options.verify": "verify_peer", "ssl_options.versions.1": "tlsv1.2", "ssl_options.versions.2": "tlsv1.3",
		"management.listener.port": "15672",
	} {
		if got := s.values[key].Text; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got, want := s.Origin("heartbeat").String(), path+":8"; got != want {
		t.Errorf("heartbeat is from %s, want %s", got, want)
	}
	unknown := func(n Note) bool {
		return strings.Contains(n.Text, ":15: nobody knows the key kernel.inet_dist_listen_min")
	}
	if !slices.ContainsFunc(s.Notes, unknown) {
		t.Errorf("said %+v", s.Notes)
	}
}

func TestFaultsInErlangsSyntaxNameFileAndLine(t *testing.T) {
	for content, want := range map[string]string{
		"":                                ":1: want a term of Erlang",
		"[\n{rabbit, [}]":                 ":2: want a term of Erlang",
		"[]":                              ":1: want a dot at the end",
		"[].\n[].":                        ":2: want nothing after the dot",
		"[{rabbit, [{a 1}]}].":            ":1: want , or }",
		`[{rabbit, [{a, "1}]}].`:          `:1: want a closing "`,
		"[{rabbit, [{a, <<1>>}]}].":       `:1: want "`,
		"\n{rabbit, []}.":                 ":2: want a list",
		"[{rabbit}].":                     ":1: want {APPLICATION, [{KEY, VALUE}]}",
		"[{rabbit,\n[heartbeat]}].":       ":2: want {KEY, VALUE}",
		"[{rabbit, [{heartbeat, abc}]}].": `:1: heartbeat: want whole seconds from 0 to 65535, got "abc"`,
	} {
		_, path, err := loadTerms(t, content)
		if err == nil || !strings.Contains(err.Error(), path+want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

func FuzzTerms(f *testing.F) {
	f.Add(`[{rabbit, [{a, <<"b">>}, {'c', "d"}, {e, [1, 2.5]}]}]. % end`)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = readTerm(text) }) // must end
}

func FuzzConf(f *testing.F) {
	f.Add("a.b = c # d\ne = 'f\ng' # h\n$(X)")
	f.Fuzz(func(_ *testing.T, text string) {
		r := confReader{env: func(string) (string, bool) { return "", false }}
		r.parse("rabbitmq.conf", text, maxIncludes)
	})
}

func TestTermsThatMayNotBeMisunderstoodInErlangsSyntax(t *testing.T) {
	s, _, err := loadTerms(t, `[{rabbit, [{consumer_timeout, undefined}, {default_user, <<"undefined">>}]}].`)
	if err != nil || s.Text("default_user") != "undefined" || s.Given("consumer_timeout") {
		t.Errorf("got %v", err)
	}
	for content, want := range map[string]string{
		"[{rabbit,\n[{default_pass, {encrypted, <<\"x\">>}}]}].": ":2: default_pass: want a plain value",
		strings.Repeat("[", 1_000_000):                           ":1: want terms at most 100 deep",
	} {
		if _, path, err := loadTerms(t, content); err == nil || !strings.Contains(err.Error(), path+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
