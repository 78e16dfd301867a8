package rabbitmqctl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/control"
)

// step is one command of a recording of RabbitMQ 3.10.8:
//
//	$ rabbitmqctl list_users      the command line
//	% reason                      why leveret's answer is another one, if it is
//	? 64                          the exit code, if it is not 0
//	> text                        a line of standard output
//	2 text                        a line of standard error
//	! topology                    no command: what else was done
type step struct {
	line, differs string
	code          string
	out, err      []string
}

func readSteps(t *testing.T, path string) (steps []step) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		mark, text, _ := strings.Cut(in.Text(), " ")
		last := len(steps) - 1
		switch mark {
		case "$", "!":
			steps = append(steps, step{line: in.Text(), code: "0"})
		case "%":
			steps[last].differs = text
		case "?":
			steps[last].code = text
		case ">":
			steps[last].out = append(steps[last].out, text)
		case "2":
			steps[last].err = append(steps[last].err, text)
		}
	}
	return steps
}

// words takes a command line apart as a shell does: what follows <<< is standard
// input.
func words(line string) (all []string, input string) {
	word, quoted, any := "", rune(0), false
	for _, r := range line {
		switch {
		case quoted == 0 && (r == '\'' || r == '"'):
			quoted, any = r, true
		case r == quoted:
			quoted = 0
		case quoted == 0 && r == ' ':
			if word != "" || any {
				all = append(all, word)
			}
			word, any = "", false
		default:
			word += string(r)
		}
	}
	if word != "" || any {
		all = append(all, word)
	}
	if i := slices.Index(all, "<<<"); i >= 0 {
		return all[:i], all[i+1] + "\n"
	}
	return all, ""
}

// volatile is what no two runs have alike: processes, ports, times.
var volatile = []struct {
	what *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`<rabbit@localhost[.\d]+>`), "<pid>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:port"},
	{regexp.MustCompile(`(127\.0\.0\.1)\t\d{4,5}\b`), "$1\tport"},
	{regexp.MustCompile(`"peer_port":\d+`), `"peer_port":0`},
	{regexp.MustCompile(`"rabbitmq-cluster-id-[^"]*"`), `"id"`},
	{regexp.MustCompile(`\x1b\[1m|\x1b\[0m`), ""},

	// What RabbitMQ has for its cluster and for AMQP 1.0.
	{regexp.MustCompile(`, 25683|, clustering| and AMQP 1\.0`), ""},
	{regexp.MustCompile(`\{"interface":"\[::\]","node":"rabbit@localhost","port":25683[^}]*\},`), ""},
	{regexp.MustCompile(`25683,|"clustering",`), ""},

	// Plugins that RabbitMQ is not shipped with.
	{regexp.MustCompile(` *rabbitmq_delayed_message_exchange,| *rabbitmq_message_deduplication,`), ""},
}

var explanation = regexp.MustCompile(`^no broker answers|^Most common reasons`)

// extra are lines of plugins that RabbitMQ is not shipped with.
var extra = regexp.MustCompile(`^(\[E\*\]|  )? ?rabbitmq_(delayed_message_exchange|message_deduplication)( *[\d.]*)?$`)

var logged = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d+ \[`)

// tables of arguments: Go's client sends fields in any order.
var tables = regexp.MustCompile(`\[\{.*\}\]`)

func sorted(table string) string {
	fields := strings.Split(strings.Trim(table, "[{}]"), "},{")
	slices.Sort(fields)
	return "[{" + strings.Join(fields, "},{") + "}]"
}

// comparable are lines without what is volatile. The order of a list is
// nobody's word.
func comparable(lines []string, isList bool) string {
	var all []string
	for i, l := range lines {
		if l == "" && i+1 < len(lines) && explanation.MatchString(lines[i+1]) {
			break // of what may be wrong, each in its own words
		}
		if extra.MatchString(l) || strings.Contains(l, "protocol: clustering") || logged.MatchString(l) || l == "" && i+1 < len(lines) && logged.MatchString(lines[i+1]) {
			continue // what RabbitMQ's node logs goes to its tool, too
		}
		for _, v := range volatile {
			l = v.what.ReplaceAllString(l, v.to)
		}
		l = tables.ReplaceAllStringFunc(l, sorted)
		var object map[string]any
		if json.Unmarshal([]byte(strings.TrimPrefix(l, ",")), &object) == nil {
			l = fmt.Sprint(object) // in the order of its keys
		}
		if isList {
			l = strings.TrimPrefix(l, ",")
		}
		all = append(all, strings.TrimRight(l, " \t"))
	}
	if isList {
		slices.Sort(all)
	}
	return strings.Join(all, "\n")
}

// stage is a broker with a socket for commands.
type stage struct {
	*testing.T
	b       *broker.Broker
	port    int
	clients []*amqp091.Connection
}

func newStage(t *testing.T) *stage {
	t.Setenv("RABBITMQ_NODENAME", "rabbit@localhost")
	b := broker.New(broker.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(l) }()
	socket := filepath.Join(t.TempDir(), "s")
	t.Setenv("LEVERET_SOCKET", socket)
	booted := make(chan struct{})
	close(booted)
	port := l.Addr().(*net.TCPAddr).Port
	app := &control.App{
		Broker: b, Booted: booted,
		Listeners:      []control.Listener{{Protocol: "amqp", Interface: "[::]", Port: port, Purpose: "AMQP 0-9-1"}},
		SetMemoryLimit: func(text string) error { b.SetAlarm(broker.MemoryAlarm, text == "0.0"); return nil },
		SetDiskLimit:   func(string) error { return nil },
		Import:         func(string, []byte, func(int, int)) error { return b.CreateVhost("imp") },
	}
	shown := new(atomic.Pointer[control.App])
	shown.Store(app)
	c, err := control.Listen(socket, &control.Node{
		Name: "rabbit@localhost", Cluster: "rabbit@localhost", Version: "1.0", Server: "3.10.8", App: shown.Load,
		StopApp:     func(context.Context) error { shown.Store(nil); return nil },
		StartApp:    func(context.Context) error { shown.Store(app); return nil },
		Reset:       func(context.Context) error { _ = b.DeleteUser("gone"); return nil },
		SetLogLevel: func(string) error { return nil },
		Settings:    func() map[string]string { return map[string]string{"heartbeat": "60"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		_ = b.Shutdown(context.Background())
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &stage{T: t, b: b, port: port}
}

// run carries out a command line.
func (s *stage) run(line string) step {
	args, input := words(strings.ReplaceAll(line, "5683", fmt.Sprint(s.port)))
	if strings.Contains(line, "other@localhost") { // which is not there
		args = append(args, "--socket", filepath.Join(s.TempDir(), "none"))
	}
	var out, errs bytes.Buffer
	code := Run(context.Background(), args[0], args[1:], Streams{In: strings.NewReader(input), Out: &out, Err: &errs, Version: "3.10.8"})
	hide := func(b *bytes.Buffer) []string {
		return lines(strings.ReplaceAll(b.String(), fmt.Sprint(s.port), "5683"))
	}
	return step{line: line, code: fmt.Sprint(code), out: hide(&out), err: hide(&errs)}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// What scripts see of RabbitMQ's tools they see of ours.
func TestCommandsPrintWhatRabbitMQsDo(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no recordings", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := newStage(t)
			for _, want := range readSteps(t, path) {
				if what, is := strings.CutPrefix(want.line, "! "); is {
					s.act(what)
					continue
				}
				s.compare(want)
			}
		})
	}
}

func (s *stage) compare(want step) {
	s.Helper()
	got := s.run(strings.TrimPrefix(want.line, "$ "))
	isList := strings.Contains(want.line, " list")
	same := got.code == want.code && comparable(got.out, isList) == comparable(want.out, isList) &&
		comparable(got.err, false) == comparable(want.err, false)
	switch {
	case want.differs == "" && !same:
		s.Errorf("%s\nexits with %s and prints\n%s\n%s\nRabbitMQ with %s:\n%s\n%s", want.line,
			got.code, comparable(got.out, isList), comparable(got.err, false), want.code, comparable(want.out, isList), comparable(want.err, false))
	case want.differs != "" && same:
		s.Errorf("%s does what RabbitMQ does, although %s", want.line, want.differs)
	}
}
