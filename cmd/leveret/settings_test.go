package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/certs"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/storage"
)

// read parses flags of serve without serving.
func read(t *testing.T, args ...string) (s settings, err error) {
	t.Helper()
	app := newApp(t.Output())
	app.Command("serve").Action = func(c *cli.Context) error {
		set, err := loadConfig(c, false)
		if err == nil {
			s, err = newSettings(set)
		}
		return err
	}
	err = app.RunContext(t.Context(), append([]string{"leveret", "serve"}, args...))
	return s, err
}

var allOf = broker.Permission{Configure: ".*", Write: ".*", Read: ".*"}

func TestSettingsDefaultToRabbitMQs(t *testing.T) {
	got, err := read(t)
	want := settings{
		listen: []string{":5672"}, log: logAt(zerolog.InfoLevel, false), tls: certs.Files{Depth: -1},
		memory: config.Amount{Part: 0.6}, diskFree: config.Amount{Bytes: 50e6},
		options: broker.Options{
			Vhosts: []string{"/"}, DefaultUser: "guest", DefaultPass: "guest", DefaultPermissions: allOf, CertLogin: broker.CertLogin{From: "distinguished_name", AlternativeType: "dns"}, DataDir: "./leveret-data",
			Heartbeat: time.Minute, FrameMax: 131072, ChannelMax: 2047, MaxMessageSize: 134217728,
			ConsumerTimeout: 30 * time.Minute, Version: "3.13.7", ClusterName: "leveret", HandshakeTimeout: 10 * time.Second, JournalSize: 512 << 20,
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestSettingsComeFromFlags(t *testing.T) {
	got, err := read(t, "--listen=127.0.0.1:1", "--listen", "[::1]:amqp,:0", "--memory",
		"--vhost=/", "--vhost=a b,c", "--default-user=u", "--default-pass=p", "--heartbeat=1m30s", "--frame-max=4096", "--channel-max=65535",
		"--memory-high-watermark=512MiB", "--disk-free-limit=1.5", "--journal-size=1GB", "--max-message-size=1", "--consumer-timeout=90s", "--server-version=4", "--log-level=debug", "--log-format=json", "--pprof=localhost:6060")
	want := settings{
		listen: []string{"127.0.0.1:1", "[::1]:amqp", ":0"}, pprof: "localhost:6060",
		log: logAt(zerolog.DebugLevel, true), tls: certs.Files{Depth: -1},
		memory: config.Amount{Bytes: 512 << 20}, diskFree: config.Amount{Part: 1.5},
		definitions: definitionsToLoad{user: true, vhost: true},
		options: broker.Options{
			Vhosts: []string{"/", "a b", "c"}, DefaultUser: "u", DefaultPass: "p", DefaultPermissions: allOf, CertLogin: broker.CertLogin{From: "distinguished_name", AlternativeType: "dns"},
			Heartbeat: 90 * time.Second, FrameMax: 4096, ChannelMax: 65535, MaxMessageSize: 1,
			ConsumerTimeout: 90 * time.Second, Version: "4", ClusterName: "leveret", HandshakeTimeout: 10 * time.Second, JournalSize: 1e9,
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"LEVERET_LISTEN":   "127.0.0.1:1,[::1]:2",
		"LEVERET_DATA_DIR": "/d", "LEVERET_DURABILITY": "os", "LEVERET_ACCEPT_LOSS": "true",
		"LEVERET_JOURNAL_SIZE": "4MiB",
		"LEVERET_VHOST":        "a,/", "LEVERET_DEFAULT_USER": "u", "LEVERET_DEFAULT_PASS": "p",
		"LEVERET_HEARTBEAT": "0", "LEVERET_FRAME_MAX": "4096", "LEVERET_CHANNEL_MAX": "1",
		"LEVERET_MAX_MESSAGE_SIZE": "536870912", "LEVERET_CONSUMER_TIMEOUT": "0", "LEVERET_SERVER_VERSION": "4",
		"LEVERET_MEMORY_HIGH_WATERMARK": "0", "LEVERET_DISK_FREE_LIMIT": "1GB",
		"LEVERET_LOG_LEVEL": "error", "LEVERET_LOG_FORMAT": "json", "LEVERET_PPROF": "127.0.0.1:6060",
	} {
		t.Setenv(name, value)
	}
	got, err := read(t)
	want := settings{
		listen: []string{"127.0.0.1:1", "[::1]:2"}, pprof: "127.0.0.1:6060",
		log: logAt(zerolog.ErrorLevel, true), tls: certs.Files{Depth: -1},
		diskFree:    config.Amount{Bytes: 1e9},
		definitions: definitionsToLoad{user: true, vhost: true},
		options: broker.Options{
			Vhosts: []string{"a", "/"}, DefaultUser: "u", DefaultPass: "p", DefaultPermissions: allOf, CertLogin: broker.CertLogin{From: "distinguished_name", AlternativeType: "dns"},
			Heartbeat: -1, FrameMax: 4096, ChannelMax: 1, MaxMessageSize: 536870912,
			ConsumerTimeout: -1, Version: "4", ClusterName: "leveret", HandshakeTimeout: 10 * time.Second, DataDir: "/d", Durability: storage.OS, AcceptLoss: true, JournalSize: 4 << 20,
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestAnEmptyVariableIsNotSet(t *testing.T) {
	want, err := read(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(variableConfig, "")
	for _, k := range config.Keys() {
		if name := k.LeveretVariable(); name != "" {
			t.Setenv(name, "")
		}
	}
	got, err := read(t)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestAFlagWinsOverItsVariable(t *testing.T) {
	t.Setenv("LEVERET_LISTEN", ":1")
	t.Setenv("LEVERET_FRAME_MAX", "4096")
	t.Setenv("LEVERET_HEARTBEAT", "5")
	got, err := read(t, "--listen=:2", "--frame-max=8192", "--heartbeat=6")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.listen, []string{":2"}) || got.options.FrameMax != 8192 || got.options.Heartbeat != 6*time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestSettingsOutOfRangeAreRefused(t *testing.T) {
	tests := []struct{ flag, want string }{
		{"--listen=localhost", `want a port from 0 to 65535, or host:port, got "localhost"`},
		{"--listen=localhost:", `got "localhost:"`},
		{"--listen=:65536", `got ":65536"`},
		{"--listen=:nonsense", `got ":nonsense"`},
		{"--data-dir=", `want a directory, got ""`},
		{"--durability=maybe", `want disk or os, got "maybe"`},
		{"--durability=", `want disk or os, got ""`},
		{"--journal-size=1023KiB", `want 1048576 to 17179869184 bytes, got "1023KiB"`},
		{"--journal-size=17GiB", `got "17GiB"`},
		{"--journal-size=0.5", `got "0.5"`},
		{"--default-user=", `want 1 to 255 bytes of UTF-8, got ""`},
		{"--vhost=", `want 1 to 255 bytes of UTF-8, got ""`},
		{"--vhost=a\xff", `want 1 to 255 bytes of UTF-8, got "a\xff"`},
		{"--vhost=/," + strings.Repeat("v", 256), "want 1 to 255 bytes of UTF-8"},
		{"--default-pass=", "want 1 to 255 bytes of UTF-8"},
		{"--heartbeat=-1s", `want whole seconds from 0 to 65535, got "-1s"`},
		{"--heartbeat=1500ms", `want whole seconds from 0 to 65535, got "1500ms"`},
		{"--heartbeat=65536", `want whole seconds from 0 to 65535, got "65536"`},
		{"--heartbeat=soon", `want whole seconds from 0 to 65535, got "soon"`},
		{"--frame-max=4095", `want 4096 to 2147483647 bytes, got "4095"`},
		{"--frame-max=4294971392", `got "4294971392"`}, // 2^32 + 4096
		{"--channel-max=65536", `want 0 to 65535, got "65536"`},
		{"--max-message-size=0", `want 1 to 536870912 bytes, got "0"`},
		{"--max-message-size=536870913", `got "536870913"`},
		{"--consumer-timeout=-1s", `want milliseconds, or a time such as 90s or 30m, got "-1s"`},
		{"--memory-high-watermark=1.1", `want a size such as 536870912, 512MiB or 1GB, or a part of the memory, 0 to 1, such as 0.6, got "1.1"`},
		{"--memory-high-watermark=much", `got "much"`},
		{"--disk-free-limit=-1", `want a size such as 536870912, 512MiB or 1GB, or a multiple of the memory such as 1.5, got "-1"`},
		{"--server-version=" + strings.Repeat("9", 256), "want 1 to 255 bytes of UTF-8"},
		{"--log-level=loud", `want trace, debug, info, notice, warning, error, critical, alert, emergency or none, got "loud"`},
		{"--log-level=", `got ""`},
		{"--log-level=0", `got "0"`},
		{"--log-format=xml", `want plaintext, console or json, got "xml"`},
		{"--pprof=:6060", `want a loopback address, host:port, got ":6060"`},
		{"--pprof=192.0.2.1:6060", `got "192.0.2.1:6060"`},
		{"--tls-version=ssl3", `want tlsv1, tlsv1.1, tlsv1.2 or tlsv1.3, got "ssl3"`},
		{"--tls-verify=maybe", `want verify_peer or verify_none, got "maybe"`},
		{"--tls-cert=/there/is/none", `want a file that can be read, got "/there/is/none": open /there/is/none: no such file`},
	}
	for _, tt := range tests {
		t.Run(tt.flag[:min(len(tt.flag), 40)], func(t *testing.T) {
			_, err := read(t, tt.flag)
			flag, _, _ := strings.Cut(tt.flag, "=")
			if err == nil || !strings.Contains(err.Error(), flag+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q of %s", err, tt.want, flag)
			}
		})
	}
}

func TestMemoryAndADirectoryAreNotBoth(t *testing.T) {
	const want = `--data-dir: want no directory with --memory, got "d"`
	if _, err := read(t, "--memory", "--data-dir=d"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if s, err := read(t, "--memory=false", "--data-dir=d"); err != nil || s.options.DataDir != "d" {
		t.Errorf("got %+v, %v", s, err)
	}
	t.Setenv("LEVERET_DATA_DIR", "d")
	if s, err := read(t, "--memory"); err != nil || s.options.DataDir != "" {
		t.Errorf("a flag does not win over a variable: got %+v, %v", s, err)
	}
	t.Setenv("LEVERET_DATA_DIR", "")
	t.Setenv("LEVERET_MEMORY", "true")
	if s, err := read(t); err != nil || s.options.DataDir != "" {
		t.Errorf("got %+v, %v", s, err)
	}
}

// logAt is the settings of a log on standard output.
func logAt(level zerolog.Level, json bool) logSettings {
	return logSettings{console: logOutput{json, level}, file: logOutput{false, level}, toConsole: true}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := read(t, "--frame-max=1", "--channel-max=-1", "--log-format=xml")
	for _, name := range []string{"--frame-max", "--channel-max", "--log-format"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is missing in %v", name, err)
		}
	}
}

// fromFile reads a file of configuration.
func fromFile(t *testing.T, content string, args ...string) (settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rabbitmq.conf")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return read(t, append(args, "--config="+path)...)
}

func TestAccessIsConfigured(t *testing.T) {
	type access struct {
		loopback, tags, mechanisms []string
		anonymous                  string
	}
	for content, want := range map[string]access{
		"":                             {},
		"loopback_users = none":        {loopback: []string{}},
		"loopback_users.guest = false": {loopback: []string{}},
		"loopback_users.hare = true":   {loopback: []string{"hare"}},
		"loopback_users.a\\.b = true":  {loopback: []string{"a.b"}},
		"default_user_tags.monitoring = true\ndefault_user_tags.x = false": {tags: []string{"monitoring"}},
		"default_user_tags.administrator = false":                          {tags: []string{}},
		"auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN":          {mechanisms: []string{"EXTERNAL", "PLAIN"}},
		"auth_mechanisms.2 = ANONYMOUS\nauth_mechanisms.1 = PLAIN":         {mechanisms: []string{"PLAIN"}, anonymous: "guest"},
		"auth_mechanisms.1 = ANONYMOUS\nanonymous_login_user = none":       {mechanisms: []string{}},
		"anonymous_login_user = hare":                                      {anonymous: "hare"},
	} {
		s, err := fromFile(t, content)
		got := access{s.options.LoopbackUsers, s.options.DefaultTags, s.options.Mechanisms, s.options.AnonymousUser}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", content, got, err, want)
		}
	}
}

func TestWhereTLSListens(t *testing.T) {
	pem := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(pem, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		conf string
		args []string
		want []string
	}{
		{"", nil, nil},
		{"ssl_options.certfile = " + pem, nil, nil}, // as in RabbitMQ
		{"", []string{"--tls-cert=" + pem}, []string{":5671"}},
		{"listeners.ssl.1 = 5679", []string{"--tls-cert=" + pem}, []string{":5679"}},
		{"", []string{"--tls-cert=" + pem, "--tls-listen=:0"}, []string{":0"}},
		{"listeners.ssl = none", []string{"--tls-cert=" + pem}, nil},
	} {
		if s, err := fromFile(t, tt.conf, tt.args...); err != nil || !reflect.DeepEqual(s.listenTLS, tt.want) {
			t.Errorf("%q, %q: got %q, %v, want %q", tt.conf, tt.args, s.listenTLS, err, tt.want)
		}
	}
	if _, err := fromFile(t, "listeners.tcp = none"); !errors.Is(err, errNoDoors) {
		t.Errorf("no listener at all: %v", err)
	}
	if _, err := read(t, "--tls-require-client-cert"); err == nil || !strings.HasPrefix(err.Error(), "--tls-require-client-cert: ssl_options.fail_if_no_peer_cert: want ") {
		t.Errorf("a certificate that nobody verifies is required: %v", err)
	}
	if _, err := read(t, "--tls-version=tlsv1.1,tlsv1.3"); err == nil || !strings.Contains(err.Error(), "want versions that follow each other") {
		t.Errorf("got %v", err)
	}
}
