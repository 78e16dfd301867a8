package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/rs/zerolog"
)

// What modules of testcontainers wait for, by their own rules: Go, Java, .NET,
// Node and Rust, and what scripts have, with RabbitMQ's semicolon.
var readinessRules = []string{
	".*Server startup complete.*",
	"Server startup complete",
	"Server startup complete;.*started",
	`^\S+ \S+ \[info\] <\d+\.\d+\.\d+> Server startup complete; 0 plugins started\.$`,
}

func TestReadinessIsAnnouncedWhateverTheLogIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for _, conf := range []string{
		"", "log.console.level = none", "log.default.level = emergency", "log.console = false",
		"log.console = false\nlog.file = " + file, "log.console.formatter = json", "log.console.formatter = json\nlog.console = false",
	} {
		t.Run(strings.ReplaceAll(conf, "/", " "), func(t *testing.T) {
			s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--config="+confFile(t, conf))
			line, before := s.out.await(t, "Server startup complete")
			if !strings.Contains(strings.Join(before, ""), "started TCP listener on 127.0.0.1:") {
				t.Errorf("said %q before", before)
			}
			for i, rule := range readinessRules {
				if plain := !strings.Contains(conf, "json"); !regexp.MustCompile(rule).MatchString(line) && (plain || i < 3) {
					t.Errorf("%q does not match %s", line, rule)
				}
			}
			if strings.Contains(conf, "json") && !strings.Contains(line, `"msg":"Server startup complete; 0 plugins started."`) {
				t.Errorf("said %s", line)
			}
		})
	}
}

func confFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rabbitmq.conf")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnyAddressIsAnnouncedAsRabbitMQDoes(t *testing.T) {
	s := startServe(t, "--memory", "--listen=:0")
	line, _ := s.out.await(t, "started TCP listener on ")
	if !strings.Contains(line, "started TCP listener on [::]:") {
		t.Errorf("said %q", line)
	}
}

// The module for Java sets log.console.level, and looks for the word.
func TestDebugIsInTheLogAtThatLevel(t *testing.T) {
	for conf, want := range map[string]bool{"log.console.level = debug": true, "log.default.level = debug": true, "": false} {
		s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--config="+confFile(t, conf))
		line, before := s.out.await(t, "Server startup complete")
		if got := strings.Contains(strings.Join(before, "")+line, "[debug]"); got != want {
			t.Errorf("%q: debug is in the log: %t", conf, got)
		}
	}
}

func TestTheLogGoesToAFileThatIsOpenedAnew(t *testing.T) {
	dir := t.TempDir()
	conf := "log.dir = " + dir + "\nlog.file = rabbit.log\nlog.file.level = warning\nlog.file.formatter = json\nno.such.key = 1\n"
	s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--config="+confFile(t, conf))
	s.out.await(t, "Server startup complete")
	path := filepath.Join(dir, "rabbit.log")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `{"level":"warning",`) || !strings.Contains(string(b), "nobody knows the key no.such.key") || strings.Contains(string(b), `"info"`) {
		t.Errorf("the file has %s", b)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.out.await(t, "log files were opened anew")
	if _, err := os.Stat(path); err != nil {
		t.Errorf("it is not opened anew: %v", err)
	}
}

func TestALevelOfALaterSourceHoldsForAllOutputs(t *testing.T) {
	const conf = "log.console.level = error\nlog.file.level = debug\nlog.default.level = warning\n"
	for _, tt := range []struct {
		conf, console, file string
		args                []string
	}{
		{"", "info", "info", nil},
		{"log.default.level = error", "error", "error", nil},
		{conf, "error", "debug", nil},
		{conf, "trace", "trace", []string{"--log-level=trace"}},
	} {
		s, err := fromFile(t, tt.conf, tt.args...)
		if console, file := s.log.console.level.String(), s.log.file.level.String(); err != nil || console != tt.console || file != tt.file {
			t.Errorf("%q, %q: got %s and %s, %v, want %s and %s", tt.conf, tt.args, console, file, err, tt.console, tt.file)
		}
	}
}

func TestLinesAboutConnectionsMayBeLeftOut(t *testing.T) {
	for conf, want := range map[string]bool{"": true, "log.connection.level = info": true, "log.connection.level = warning": false, "log.connection.level = none": false} {
		s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--config="+confFile(t, conf))
		client, err := amqp091.Dial("amqp://guest:guest@" + s.address(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		s.stop()
		_, before := s.out.await(t, "stopped")
		if got := strings.Contains(strings.Join(before, ""), "connection opened"); got != want {
			t.Errorf("%q: said %q", conf, before)
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--log-level=trace", "--default-pass=hidden")
	line, before := s.out.await(t, "Server startup complete")
	if all := strings.Join(before, "") + line; strings.Contains(all, "hidden") || !strings.Contains(all, "default_pass = ********") {
		t.Errorf("said %q", all)
	}
}

func TestConfigIsCheckedAndShown(t *testing.T) {
	bad := confFile(t, "heartbeat = soon\nlisteners.tcp = none\n")
	status, out, errs := leveret(t, "config", "check", bad)
	if status != 1 || out != "" || errs != "leveret: "+bad+`:1: heartbeat: want whole seconds from 0 to 65535, got "soon"`+"\n" {
		t.Errorf("got %d, %q, %q", status, out, errs)
	}
	good := confFile(t, "heartbeat = 30\ndefault_pass = hidden\nno.such = 1\n")
	status, out, errs = leveret(t, "config", "check", good)
	if status != 0 || out != "warning: "+good+":3: nobody knows the key no.such: it does nothing\nno faults found\n" || errs != "" {
		t.Errorf("got %d, %q, %q", status, out, errs)
	}
	status, _, errs = leveret(t, "config", "check", "--strict-config", good)
	if status != 1 || !strings.Contains(errs, good+":3: no.such: want a key that is known") {
		t.Errorf("got %d, %q", status, errs)
	}
	status, out, errs = leveret(t, "config", "show", "--config="+good, "--frame-max=8192")
	shown := regexp.MustCompile(" +").ReplaceAllString(out, " ")
	for _, want := range []string{"heartbeat = 30 # " + good + ":1\n", "default_pass = ******** # " + good + ":2\n", "frame_max = 8192 # --frame-max\n", "default_user = guest # default\n"} {
		if status != 0 || !strings.Contains(shown, want) {
			t.Errorf("got %d, %s%s, want %q", status, shown, errs, want)
		}
	}
}

// rabbitmqctl set_log_level.
func TestTheLevelOfARunningBrokerChanges(t *testing.T) {
	out := make(lines, 10)
	log, outs, err := newLogger(out, logSettings{console: logOutput{level: zerolog.ErrorLevel}, toConsole: true})
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("silence")
	if err := outs.setLevel("info"); err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("heard")
	if err := outs.setLevel("loud"); err == nil {
		t.Error("any level is taken")
	}
	if _, before := out.await(t, "heard"); len(before) > 0 {
		t.Errorf("said %q", before)
	}
}
