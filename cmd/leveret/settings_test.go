package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// read parses flags of serve without serving.
func read(t *testing.T, args ...string) (s settings, err error) {
	t.Helper()
	app := newApp(t.Output())
	app.Command("serve").Action = func(c *cli.Context) error {
		s, err = readSettings(c)
		return err
	}
	err = app.RunContext(t.Context(), append([]string{"leveret", "serve"}, args...))
	return s, err
}

func TestSettingsDefaultToRabbitMQs(t *testing.T) {
	got, err := read(t)
	want := settings{
		listen: []string{":5672"}, logLevel: zerolog.InfoLevel, logFormat: formatConsole,
		memory: *newAmount("0.6"), diskFree: *newAmount("50MB"),
		broker: broker.Options{
			Vhosts: []string{"/"}, DefaultUser: "guest", DefaultPass: "guest", DataDir: "./leveret-data",
			Heartbeat: time.Minute, FrameMax: 131072, ChannelMax: 2047, MaxMessageSize: 134217728,
			ConsumerTimeout: 30 * time.Minute, Version: "3.13.7", JournalSize: 256 << 20,
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
		logLevel: zerolog.DebugLevel, logFormat: formatJSON,
		memory: *newAmount("512MiB"), diskFree: *newAmount("1.5"),
		broker: broker.Options{
			Vhosts: []string{"/", "a b", "c"}, DefaultUser: "u", DefaultPass: "p",
			Heartbeat: 90 * time.Second, FrameMax: 4096, ChannelMax: 65535, MaxMessageSize: 1,
			ConsumerTimeout: 90 * time.Second, Version: "4", JournalSize: 1e9,
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
		logLevel: zerolog.ErrorLevel, logFormat: formatJSON,
		memory: *newAmount("0"), diskFree: *newAmount("1GB"),
		broker: broker.Options{
			Vhosts: []string{"a", "/"}, DefaultUser: "u", DefaultPass: "p",
			Heartbeat: -1, FrameMax: 4096, ChannelMax: 1, MaxMessageSize: 536870912,
			ConsumerTimeout: -1, Version: "4", DataDir: "/d", Durability: storage.OS, AcceptLoss: true, JournalSize: 4 << 20,
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestEveryFlagHasItsVariable(t *testing.T) {
	for _, f := range serveFlags() {
		name := f.Names()[0]
		want := "LEVERET_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || len(doc.GetEnvVars()) != 1 || doc.GetEnvVars()[0] != want {
			t.Errorf("--%s is not set by %s", name, want)
		}
	}
}

func TestAnEmptyVariableIsNotSet(t *testing.T) {
	want, err := read(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range serveFlags() {
		for _, name := range f.(cli.DocGenerationFlag).GetEnvVars() {
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
	if !reflect.DeepEqual(got.listen, []string{":2"}) || got.broker.FrameMax != 8192 || got.broker.Heartbeat != 6*time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestSettingsOutOfRangeAreRefused(t *testing.T) {
	tests := []struct{ flag, want string }{
		{"--listen=5672", `want host:port, got "5672"`},
		{"--listen=localhost:", `want a port from 0 to 65535 in "localhost:"`},
		{"--listen=:65536", `want a port from 0 to 65535 in ":65536"`},
		{"--listen=:nonsense", `want a port from 0 to 65535 in ":nonsense"`},
		{"--data-dir=", "want a directory"},
		{"--durability=maybe", `want disk or os, got "maybe"`},
		{"--durability=", `want disk or os, got ""`},
		{"--journal-size=1023KiB", "want 1048576 to 17179869184, got 1047552"},
		{"--journal-size=17GiB", "want 1048576 to 17179869184, got 18253611008"},
		{"--journal-size=0.5", `want a size such as 536870912, 512MiB or 1GB, got "0.5"`},
		{"--default-user=", "want 1 to 255 bytes, got 0"},
		{"--vhost=", "want 1 to 255 bytes, got 0"},
		{"--vhost=a\xff", `want UTF-8, got "a\xff"`},
		{"--vhost=/," + strings.Repeat("v", 256), "want 1 to 255 bytes, got 256"},
		{"--default-pass=", "want 1 to 255 bytes, got 0"},
		{"--heartbeat=-1s", `want whole seconds from 0 to 65535, got "-1s"`},
		{"--heartbeat=1500ms", `want whole seconds from 0 to 65535, got "1500ms"`},
		{"--heartbeat=65536", `want whole seconds from 0 to 65535, got "65536"`},
		{"--heartbeat=soon", `want whole seconds from 0 to 65535, got "soon"`},
		{"--frame-max=4095", "want 4096 to 2147483647, got 4095"},
		{"--frame-max=4294971392", "want 4096 to 2147483647, got 4294971392"}, // 2^32 + 4096
		{"--channel-max=0", "want 1 to 65535, got 0"},
		{"--channel-max=65537", "want 1 to 65535, got 65537"},
		{"--max-message-size=0", "want 1 to 536870912, got 0"},
		{"--max-message-size=536870913", "want 1 to 536870912, got 536870913"},
		{"--consumer-timeout=-1s", "want a time of 0 or more, got -1s"},
		{"--consumer-timeout=1800", "consumer-timeout"}, // of what?
		{"--memory-high-watermark=1.1", "want a part of 0 to 1, got 1.1"},
		{"--memory-high-watermark=much", `want a size such as 536870912, 512MiB or 1GB, or a part of the memory such as 0.6, got "much"`},
		{"--disk-free-limit=-1", `want a size such as 536870912, 512MiB or 1GB, or a part of the memory such as 0.6, got "-1"`},
		{"--server-version=" + strings.Repeat("9", 256), "want 1 to 255 bytes, got 256"},
		{"--log-level=loud", `want trace, debug, info, warn or error, got "loud"`},
		{"--log-level=", `want trace, debug, info, warn or error, got ""`},
		{"--log-level=0", `want trace, debug, info, warn or error, got "0"`},
		{"--log-format=xml", `want console or json, got "xml"`},
		{"--pprof=:6060", `want a loopback address, got ":6060"`},
		{"--pprof=192.0.2.1:6060", `want a loopback address, got "192.0.2.1:6060"`},
	}
	for _, tt := range tests {
		t.Run(tt.flag[:min(len(tt.flag), 40)], func(t *testing.T) {
			_, err := read(t, tt.flag)
			name, _, _ := strings.Cut(strings.TrimLeft(tt.flag, "-"), "=")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %q of %s", err, tt.want, name)
			}
		})
	}
}

func TestMemoryAndADirectoryAreNotBoth(t *testing.T) {
	const want = `--data-dir: want no directory with --memory, got "d"`
	if _, err := read(t, "--memory", "--data-dir=d"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if s, err := read(t, "--memory=false", "--data-dir=d"); err != nil || s.broker.DataDir != "d" {
		t.Errorf("got %+v, %v", s, err)
	}
	t.Setenv("LEVERET_DATA_DIR", "d")
	if s, err := read(t, "--memory"); err != nil || s.broker.DataDir != "" {
		t.Errorf("a flag does not win over a variable: got %+v, %v", s, err)
	}
	t.Setenv("LEVERET_DATA_DIR", "")
	t.Setenv("LEVERET_MEMORY", "true")
	if s, err := read(t); err != nil || s.broker.DataDir != "" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := read(t, "--frame-max=1", "--channel-max=0", "--log-format=xml")
	for _, name := range []string{"--frame-max", "--channel-max", "--log-format"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is missing in %v", name, err)
		}
	}
}
