package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes a file in a directory of the test's own.
func write(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads a file with some variables, which must be without a fault.
func load(t *testing.T, content string, environ ...string) *Set {
	t.Helper()
	s, err := Load(Sources{Files: []string{write(t, "rabbitmq.conf", content)}, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValuesAreWrittenAsInRabbitmqConf(t *testing.T) {
	for name, tt := range map[string]struct{ content, key, want string }{
		"plain":              {"default_user = me", "default_user", "me"},
		"no space":           {"default_user=me", "default_user", "me"},
		"tabs and CR":        {"\t default_user \t=\t me \t\r\n", "default_user", "me"},
		"comment after":      {"default_user = me # not you", "default_user", "me"},
		"hash ends it":       {"default_user = me#you", "default_user", "me"},
		"comments":           {"# a = b\n  # c = 'd\ndefault_user = me\n#", "default_user", "me"},
		"quoted":             {"default_user = ' m#e ' # c", "default_user", " m#e "},
		"equals in value":    {"default_user = a=b", "default_user", "a=b"},
		"quoted, as it is":   {"default_user = '$(WHO)'", "default_user", "$(WHO)"},
		"a variable's text":  {"default_user = $(REF)", "default_user", "x$(WHO)$(NO)"},
		"quoted, two lines":  {"default_user = 'a\nb'\nheartbeat = 5", "default_user", "a\nb"},
		"after two lines":    {"default_user = 'a\nb'\nheartbeat = 5", "heartbeat", "5"},
		"variable":           {"default_user = x$(WHO)y$(WHO)", "default_user", "xhareyhare"},
		"the last one holds": {"heartbeat = 5\nheartbeat = 6", "heartbeat", "6"},
		"byte order mark":    {"\uFEFFheartbeat = 5", "heartbeat", "5"},
		"alias":              {"channel_max = 7", "max_channels_per_connection", "7"},
		"dot in a name":      {`loopback_users.a\.b = true`, `loopback_users.a\.b`, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, tt.content, "WHO=hare", "REF=x$(WHO)$(NO)")
			if got := s.values[tt.key].Text; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFaultsNameFileLineKeyAndWhatIsWanted(t *testing.T) {
	for content, want := range map[string]string{
		"\nheartbeat = soon":           `:2: heartbeat: want whole seconds from 0 to 65535, got "soon"`,
		"heartbeat":                    ":1: heartbeat: want KEY = VALUE",
		"heartbeat =":                  ":1: heartbeat: want a value",
		"heartbeat = # c":              ":1: heartbeat: want a value",
		"heart beat = 5":               ":1: heart beat: want a key of letters, digits, -, _ and dots",
		"default_user = 'me":           ":1: default_user: want nothing but a value between single quotes",
		"default_user = 'me' you":      ":1: default_user: want nothing but a value between single quotes",
		"default_user = 'a\nb'\nx y":   ":3: x: want KEY = VALUE",
		"channel_max = many":           `:1: channel_max: want 0 to 65535, got "many"`,
		"listeners.tcp.1 = tcp://h:1":  `:1: listeners.tcp.1: want a port from 0 to 65535, or host:port, got "tcp://h:1"`,
		"default_pass = encrypted:abc": ":1: default_pass: want a plain value: encrypted: ones cannot be read here",
		"default_pass = $(NO)":         ":1: default_pass: want the environment variable NO to be set",
		"include nowhere.conf":         `:1: include: want a file, got "nowhere.conf"`,
		"default_permissions.read = (": `:1: default_permissions.read: want a regular expression without look-around but ahead at the beginning, got "("`,
		"listeners.tcp = some":         `:1: listeners.tcp: want none, got "some"`,
		"auth_backends.1 = ldap":       `:1: auth_backends.1: want internal or rabbit_auth_backend_internal, got "ldap"`,
		"ssl_options.certfile = /no/x": `:1: ssl_options.certfile: want a file that can be read, got "/no/x": open /no/x: no such file`,
		"default_user = \xff":          ": want UTF-8",
	} {
		path := write(t, "rabbitmq.conf", content)
		_, err := Load(Sources{Files: []string{path}})
		if err == nil || !strings.Contains(err.Error(), path+want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

func TestAllFaultsAreReportedInOrder(t *testing.T) {
	path := write(t, "rabbitmq.conf", "heartbeat = x\nnonsense\nframe_max = y\n")
	_, err := Load(Sources{Files: []string{path}, Environ: []string{"RABBITMQ_NODE_PORT=z"}, Flags: []Flag{{"channel-max", []string{"w"}}}})
	if err == nil {
		t.Fatal("no fault")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{"--channel-max: ", path + ":1: heartbeat", path + ":2: nonsense", path + ":3: frame_max", "RABBITMQ_NODE_PORT: "} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("got %q, want %q at %d", lines, want, i)
		}
	}
}

func TestSecretsAreNotShownInFaults(t *testing.T) {
	secret := strings.Repeat("s", 256)
	_, err := Load(Sources{Environ: []string{"RABBITMQ_DEFAULT_PASS=" + secret}})
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	for _, content := range []string{"default_pass hidden", "heartbeat = 'soon\ndefault_pass = hidden"} {
		if _, err := Load(Sources{Files: []string{write(t, "rabbitmq.conf", content)}}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: got %v", content, err)
		}
	}
	s := load(t, `default_pass = hidden
ssl_options.password = hidden
anonymous_login_pass = hidden
stomp.default_pass = hidden
default_users.hare.password = hidden
aws.secret_key = hidden
auth_ldap.dn_lookup_bind.password = hidden
management.ssl.password = hidden
definitions.https.url = https://hare:hidden@example.test/
`)
	for _, v := range s.All() {
		if strings.Contains(v.Shown(), "hidden") {
			t.Errorf("%s shows its value", v.Name)
		}
	}
}

func TestVariablesThatNobodyKnowsAreMentioned(t *testing.T) {
	s := load(t, "", "LEVERET_DATADIR=/data", "LEVERET_DATA_DIR_FILE="+write(t, "dir", "/data"), "LEVERET_CONFIG=x",
		"LEVERET_PORT=tcp://10.0.0.1:5672", "LEVERET_SERVICE_HOST=10.0.0.1", "LEVERET_PORT_5672_TCP_ADDR=10.0.0.1")
	if want := []Note{{Warning, "LEVERET_DATADIR: nobody knows this variable: it does nothing"}}; !slices.Equal(s.Notes, want) {
		t.Errorf("got %+v", s.Notes)
	}
}

func TestAFileIncludesOthersBesideIt(t *testing.T) {
	path := write(t, "rabbitmq.conf", "include more/*.conf # c\ndefault_user = me\n")
	more := filepath.Join(filepath.Dir(path), "more")
	if err := os.Mkdir(more, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(more, "a.conf"), []byte("heartbeat = 5"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(Sources{Files: []string{path}})
	if err != nil || s.Time("heartbeat") != 5*time.Second || s.Origin("heartbeat").String() != filepath.Join(more, "a.conf")+":1" {
		t.Errorf("got %v from %s, %v", s.Time("heartbeat"), s.Origin("heartbeat"), err)
	}
	loop := write(t, "loop.conf", "include loop.conf")
	if _, err := Load(Sources{Files: []string{loop}}); err == nil || !strings.Contains(err.Error(), "at most 8 deep") {
		t.Errorf("a file that includes itself: %v", err)
	}
}

// The order of sources: the README and docs/configuration.md promise it.
func TestTheLaterSourceWins(t *testing.T) {
	path := write(t, "rabbitmq.conf", "product.version = file")
	dir := t.TempDir()
	for _, f := range []string{"10", "20"} {
		if err := os.WriteFile(filepath.Join(dir, f+".conf"), []byte("product.version = conf.d "+f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "30.txt"), []byte("product.version = text"), 0o600); err != nil {
		t.Fatal(err)
	}
	var from Sources
	for _, step := range []struct {
		add          func()
		want, origin string
	}{
		{func() {}, "3.13.7", "default"},
		{func() { from.Environ = []string{"RABBITMQ_CONFIG_FILE=" + strings.TrimSuffix(path, ".conf")} }, "file", path + ":1"},
		{func() { from.Environ = append(from.Environ, "RABBITMQ_CONFIG_FILES="+dir) }, "conf.d 20", filepath.Join(dir, "20.conf") + ":1"},
		{func() { from.Environ = append(from.Environ, "RABBITMQ_PRODUCT_VERSION=rabbit") }, "rabbit", "RABBITMQ_PRODUCT_VERSION"},
		{func() { from.Environ = append(from.Environ, "LEVERET_SERVER_VERSION=leveret") }, "leveret", "LEVERET_SERVER_VERSION"},
		{func() { from.Flags = []Flag{{"server-version", []string{"flag"}}} }, "flag", "--server-version"},
	} {
		step.add()
		s, err := Load(from)
		if err != nil {
			t.Fatal(err)
		}
		if got, origin := s.Text("product.version"), s.Origin("product.version").String(); got != step.want || origin != step.origin {
			t.Errorf("got %q from %s, want %q from %s", got, origin, step.want, step.origin)
		}
	}
}

func TestKeysThatBelongTogetherAreReplacedTogether(t *testing.T) {
	const conf = "listeners.tcp.default = 1\nlisteners.tcp.2 = 127.0.0.1:2\n"
	for name, tt := range map[string]struct {
		conf string
		env  []string
		want []string
	}{
		"none given":          {"", nil, []string{":5672"}},
		"in a file":           {conf, nil, []string{"127.0.0.1:2", ":1"}},
		"none":                {conf + "listeners.tcp = none", nil, nil},
		"node port":           {conf, []string{"RABBITMQ_NODE_PORT=3"}, []string{":3"}},
		"node port, not none": {"listeners.tcp = none", []string{"RABBITMQ_NODE_PORT=3"}, []string{":3"}},
		"node address":        {conf, []string{"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1"}, []string{"127.0.0.1:5672"}},
		"both of node":        {conf, []string{"RABBITMQ_NODE_IP_ADDRESS=::1", "RABBITMQ_NODE_PORT=3"}, []string{"[::1]:3"}},
		"leveret":             {conf, []string{"RABBITMQ_NODE_PORT=3", "LEVERET_LISTEN=4,[::1]:amqp"}, []string{":4", "[::1]:amqp"}},
		"IPv6 as in the docs": {"listeners.tcp.1 = ::1:5672", nil, []string{"[::1]:5672"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := load(t, tt.conf, tt.env...).Texts("listeners.tcp"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAnAmountIsGivenOneWayOrAnother(t *testing.T) {
	for content, want := range map[string]Amount{
		"":                                       {Part: 0.6},
		"vm_memory_high_watermark.relative = .4": {Part: 0.4},
		"vm_memory_high_watermark.absolute = 2G": {Bytes: 2e9},
		"vm_memory_high_watermark.absolute = 1":  {Bytes: 1},
		"vm_memory_high_watermark.absolute = 2G\nvm_memory_high_watermark.relative = 0.4": {Bytes: 2e9},
	} {
		if got := load(t, content).Amount("vm_memory_high_watermark"); got != want {
			t.Errorf("%q: got %+v, want %+v", content, got, want)
		}
	}
	s := load(t, "vm_memory_high_watermark.absolute = 2G", "RABBITMQ_VM_MEMORY_HIGH_WATERMARK=0.5")
	if got := s.Amount("vm_memory_high_watermark"); got.Part != 0.5 {
		t.Errorf("a variable does not win: got %+v", got)
	}
}

func TestSecretsComeFromFilesThatVariablesName(t *testing.T) {
	path := write(t, "secret", "form\n")
	for _, name := range []string{"RABBITMQ_DEFAULT_PASS_FILE", "LEVERET_DEFAULT_PASS_FILE"} {
		s := load(t, "", name+"="+path)
		if got := s.Text("default_pass"); got != "form" || s.Origin("default_pass").String() != name {
			t.Errorf("got %q from %s", got, s.Origin("default_pass"))
		}
	}
	for want, environ := range map[string][]string{
		"RABBITMQ_DEFAULT_PASS_FILE: want only one of it and RABBITMQ_DEFAULT_PASS":                       {"RABBITMQ_DEFAULT_PASS=a", "RABBITMQ_DEFAULT_PASS_FILE=" + path},
		"RABBITMQ_DEFAULT_USER_FILE: want a file that can be read: open /no/x: no such file or directory": {"RABBITMQ_DEFAULT_USER_FILE=/no/x"},
	} {
		if _, err := Load(Sources{Environ: environ}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestVariablesOfTheLog(t *testing.T) {
	for variable, want := range map[string]map[string]string{
		"RABBITMQ_LOGS=-":               {"log.console": "true", "log.file": "false"},
		"RABBITMQ_LOGS=/var/log/x":      {"log.console": "false", "log.file": "/var/log/x"},
		"RABBITMQ_LOG=debug":            {"log.default.level": "debug"},
		"RABBITMQ_LOG=warning,+color":   {"log.default.level": "warning"},
		"RABBITMQ_LOG=connection.debug": {"log.default.level": "info", "log.connection.level": "debug"},
	} {
		s := load(t, "", variable)
		for name, text := range want {
			if got := s.values[name].Text; got != text {
				t.Errorf("%s: %s is %q, want %q", variable, name, got, text)
			}
		}
	}
}

func TestWhatNobodyKnowsIsMentionedOrRefused(t *testing.T) {
	path := write(t, "rabbitmq.conf", "cluster_formation.k8s.host = x\nmanagement.tcp.port = 1\nno.such.key = 1\n")
	s, err := Load(Sources{Files: []string{path}, Environ: []string{"RABBITMQ_ERLANG_COOKIE=x", "RABBITMQ_ENTIRELY_UNKNOWN=x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Note{
		{Debug, "RABBITMQ_ERLANG_COOKIE does nothing here"},
		{Warning, path + ":3: nobody knows the key no.such.key: it does nothing"},
		{Warning, path + ":1: cluster_formation.k8s.host does nothing: there is one node"},
		{Info, "the HTTP API and metrics are not served: nothing comes of management.tcp.port"},
	}
	if !slices.Equal(s.Notes, want) {
		t.Errorf("got %+v\nwant %+v", s.Notes, want)
	}
	_, err = Load(Sources{Files: []string{path}, Environ: []string{"LEVERET_STRICT_CONFIG=true"}})
	if err == nil || err.Error() != path+":3: no.such.key: want a key that is known, or no --strict-config" {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	if _, err := Load(Sources{Files: []string{"/no/such.conf"}}); err == nil || !strings.Contains(err.Error(), "/no/such.conf") {
		t.Errorf("named by a flag: %v", err)
	}
	dir := t.TempDir()
	if _, err := Load(Sources{Files: []string{dir}}); err == nil || err.Error() != dir+": want a directory with *.conf files" {
		t.Errorf("a directory without files: %v", err)
	}
	if s, err := Load(Sources{Environ: []string{"RABBITMQ_CONFIG_FILES=/no/such/*.conf"}}); err != nil || len(s.Notes) != 1 {
		t.Errorf("a pattern of no files: %+v, %v", s.Notes, err)
	}
	s, err := Load(Sources{Environ: []string{"RABBITMQ_CONFIG_FILE=/no/such"}})
	if err != nil || len(s.Notes) != 1 || !strings.Contains(s.Notes[0].Text, "there is neither /no/such nor /no/such.conf nor /no/such.config") {
		t.Errorf("named by a variable, as RabbitMQ takes it: %+v, %v", s.Notes, err)
	}
}

// What the module of testcontainers for Go writes.
func TestTheFileOfTestcontainersForGo(t *testing.T) {
	pem := write(t, "cert.pem", "")
	s := load(t, "listeners.tcp = none\nlisteners.ssl.default = 5671\nssl_options.cacertfile = "+pem+
		"\nssl_options.certfile = "+pem+"\nssl_options.depth = 1\nssl_options.fail_if_no_peer_cert = true\nssl_options.keyfile = "+pem+
		"\nssl_options.verify = verify_peer\ndefault_user = guest\ndefault_pass = guest\n")
	if len(s.Texts("listeners.tcp")) > 0 || !slices.Equal(s.Texts("listeners.ssl"), []string{":5671"}) || len(s.Notes) > 0 {
		t.Errorf("got listeners %q and %q, said %+v", s.Texts("listeners.tcp"), s.Texts("listeners.ssl"), s.Notes)
	}
	if s.Number("ssl_options.depth") != 1 || !s.Bool("ssl_options.fail_if_no_peer_cert") || s.Text("ssl_options.verify") != "verify_peer" {
		t.Errorf("got %+v", s.All())
	}
}

func TestPluginsThatAreNotHereAreMentioned(t *testing.T) {
	path := write(t, "enabled_plugins", "[rabbitmq_management,rabbitmq_consistent_hash_exchange, % c\n rabbitmq_shovel].")
	for variable, from := range map[string]string{
		"RABBITMQ_ENABLED_PLUGINS=rabbitmq_management, rabbitmq_consistent_hash_exchange,rabbitmq_shovel": "RABBITMQ_ENABLED_PLUGINS",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + path:                                                           path,
	} {
		s := load(t, "", variable)
		want := []Note{
			{Info, from + ": the HTTP API and metrics are not served: nothing comes of rabbitmq_management"},
			{Warning, from + ": there is no plugin rabbitmq_shovel"},
		}
		if !slices.Equal(s.Notes, want) {
			t.Errorf("%s: got %+v", variable, s.Notes)
		}
	}
	path = write(t, "enabled_plugins", "\n[rabbitmq_management")
	_, err := Load(Sources{Environ: []string{"RABBITMQ_ENABLED_PLUGINS_FILE=" + path}})
	if err == nil || err.Error() != path+":2: want , or ]" {
		t.Errorf("got %v", err)
	}
}

// As many policies do, a permission may spare amq.* (PERM-01).
func TestPermissionsMayLookAheadAtTheBeginning(t *testing.T) {
	s := load(t, `default_permissions.write = ^(?!amq\.).*`+"\n")
	if got, want := s.Text("default_permissions.write"), `^(?!amq\.).*`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
