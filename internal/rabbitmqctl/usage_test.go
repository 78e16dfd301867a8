package rabbitmqctl

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryCommandIsInOneGroup(t *testing.T) {
	var grouped []string
	for _, g := range groups {
		grouped = append(grouped, strings.Fields(g.names)...)
	}
	var all []string
	for _, c := range commands {
		if !c.refused {
			all = append(all, c.name)
		}
	}
	slices.Sort(grouped)
	slices.Sort(all)
	if !slices.Equal(grouped, all) {
		t.Errorf("grouped %v\nthere are %v", grouped, all)
	}
}

// As RabbitMQ 3.10.8: who asks for help gets it on standard output.
func TestTheOverviewIsShown(t *testing.T) {
	s := newStage(t)
	for line, asked := range map[string]bool{
		"rabbitmqctl": false, "rabbitmqctl -q": false, "rabbitmqctl -n": false, "rabbitmqctl -h": false, "rabbitmqctl --nonsense": false,
		"rabbitmqctl nonsense": false, "rabbitmq-diagnostics": false, "rabbitmq-plugins": false,
		"rabbitmqctl help": true, "rabbitmqctl --help": true, "rabbitmqctl -?": true, "rabbitmq-diagnostics help": true, "rabbitmq-plugins --help": true,
	} {
		got := s.run(line)
		code, shown, other := "64", got.err, got.out
		if asked {
			code, shown, other = "0", got.out, got.err
		}
		name, _, _ := strings.Cut(line, " ")
		text := strings.Join(shown, "\n")
		for _, want := range []string{
			name + " [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]", "Available commands:",
			"Monitoring, observability and health checks", "Use '" + name + " help <command>' to learn more about a specific command",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: without %q: %s", line, want, text)
			}
		}
		if got.code != code || len(other) > 0 {
			t.Errorf("%s: exit code %s, want %s; besides %v", line, got.code, code, other)
		}
	}
}

// A broker may end while it carries a command out.
func TestABrokerThatGoesIsUnavailable(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app" {
			_, _ = w.Write([]byte(`{"result":{"is_running":true}}` + "\n"))
			return
		}
		panic(http.ErrAbortHandler)
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	defer func() {
		s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Setenv("LEVERET_SOCKET", socket)
	stage := &stage{T: t}
	for _, line := range []string{"rabbitmqctl list_queues", "rabbitmqctl -q purge_queue q", "rabbitmqctl stop"} {
		if got := stage.run(line); got.code != "69" || len(got.err) == 0 {
			t.Errorf("%s: exit code %s, %v", line, got.code, got.err)
		}
	}
}

func TestAReportHasAllSections(t *testing.T) {
	s := newStage(t)
	s.must(s.b.CreateVhost("other"))
	s.topology()
	got := s.run("rabbitmqctl report")
	text := strings.Join(got.out, "\n")
	at := 0
	for _, want := range []string{
		"Reporting server status of node rabbit@localhost ...", "Status of node rabbit@localhost ...", "Cluster status of node rabbit@localhost ...",
		"Application environment of node rabbit@localhost ...", "Listing connections ...", "fixture", "Listing channels ...", "Listing global runtime parameters ...",
		"Listing queues for vhost / ...", "q.one", "Listing exchanges for vhost / ...", "x.topic", "Listing bindings for vhost /...",
		`Listing permissions for vhost "/" ...`, `Listing policies for vhost "/" ...`,
		`Listing runtime parameters for vhost "/" ...`, "Listing queues for vhost other ...", `Listing runtime parameters for vhost "other" ...`,
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("no %q behind the first %d bytes of\n%s", want, at, text)
		}
		at += i
	}
	if got.code != "0" || len(got.err) > 0 {
		t.Errorf("exit code %s, %v", got.code, got.err)
	}
	s.act("close")
}
