package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

// start answers commands for a new broker at a path.
func start(t *testing.T, path string) *broker.Broker {
	t.Helper()
	return startWith(t, path, broker.Options{})
}

func startWith(t *testing.T, path string, o broker.Options) *broker.Broker {
	t.Helper()
	b := broker.New(o)
	ready := make(chan struct{})
	close(ready)
	s, err := Listen(path, &Node{Name: "rabbit@here", App: func() *App { return &App{Broker: b, Booted: ready} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), b.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return b
}

// ask has a command carried out.
func ask(t *testing.T, path, name string, arguments url.Values) (json.RawMessage, error) {
	t.Helper()
	c, err := Dial([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Call(context.Background(), name, arguments, nil)
}

func TestACommandIsCarriedOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	b := start(t, path)
	if _, err := ask(t, path, "add_vhost", url.Values{"vhost": {"v"}}); err != nil {
		t.Fatal(err)
	}
	got, err := ask(t, path, "list_vhosts", url.Values{"column": {"name", "tracing"}})
	if err != nil || string(got) != `[["/",false],["v",false]]` || len(b.Vhosts()) != 2 {
		t.Errorf("got %s, %v", got, err)
	}
}

// As definitions of many queues are.
func TestArgumentsMayBeLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	start(t, path)
	const long = 5 << 20 // three times that as a form
	arguments := url.Values{"vhost": {"v"}, "definitions": {strings.Repeat("{", long)}}
	if _, err := ask(t, path, "add_vhost", arguments); err != nil {
		t.Error(err)
	}
}

func TestARefusalSaysWhatItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	start(t, path)
	for name, want := range map[string]struct {
		arguments url.Values
		kind      string
	}{
		"delete_vhost":      {url.Values{"vhost": {"none"}}, NoVhost},
		"delete_queue":      {url.Values{"vhost": {"/"}, "queue": {"none"}}, NoQueue},
		"delete_user":       {url.Values{"user": {"none"}}, NoUser},
		"clear_policy":      {url.Values{"vhost": {"/"}, "name": {"none"}}, NoParameter},
		"add_user":          {url.Values{"user": {"guest"}, "password": {"x"}}, Exists},
		"set_policy":        {url.Values{"vhost": {"/"}, "name": {"p"}, "pattern": {"("}, "definition": {`{"max-length":1}`}}, Invalid},
		"authenticate_user": {url.Values{"user": {"guest"}, "password": {"x"}}, Refused},
		"set_log_level":     {url.Values{"level": {"debug"}}, Unsupported},
		"nonsense":          {nil, Unsupported},
	} {
		_, err := ask(t, path, name, want.arguments)
		var e *Error
		if !errors.As(err, &e) || e.Kind != want.kind || e.Text == "" {
			t.Errorf("%s: got %v, want %s", name, err, want.kind)
		}
	}
}

func TestProgressIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	b := start(t, path)
	if err := b.DeclareQueue("/", broker.Queue{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := b.Publish("/", "", "q", amqp.Properties(new(amqp.BasicProperties).Append(nil)), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Dial([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var last Progress
	to := url.Values{"vhost": {"/"}, "queue": {"q"}, "exchange": {""}, "routing-key": {"q"}, "rate": {"1000"}}
	got, err := c.Call(context.Background(), "redrive", to, func(p Progress) { last = p })
	if err != nil || string(got) != `{"count":3}` || last != (Progress{3, 3}) {
		t.Errorf("got %s, %v, after %+v", got, err, last)
	}
}

func TestOnlyTheOwnerMayConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "s")
	start(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// A broker that was killed has left its socket.
func TestASocketThatNobodyAnswersIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial([]string{path}); !errors.Is(err, ErrNotRunning) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("before: %v", err)
	}
	start(t, path)
	if _, err := ask(t, path, "ping", nil); err != nil {
		t.Error(err)
	}
}

func TestTwoBrokersDoNotShareASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	start(t, path)
	if _, err := Listen(path, &Node{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := ask(t, path, "ping", nil); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, &Node{}); err == nil {
		t.Error("it was taken")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("there is %q, %v", b, err)
	}
}

func TestALongPathIsReached(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long/", 40), "s")
	start(t, path)
	if _, err := ask(t, path, "ping", nil); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestNothingIsLeftWhenTheBrokerEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, &Node{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
	if _, err := Dial([]string{path, path + "2"}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestABrokerThatIsStillToComeIsAwaited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithTimeout(context.Background(), 2*again)
	defer cancel()
	if _, err := Await(ctx, []string{path}); !errors.Is(err, ErrNotRunning) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody comes: %v", err)
	}
	came := make(chan error, 1)
	go func() {
		c, err := Await(context.Background(), []string{path})
		if err == nil {
			c.Close()
		}
		came <- err
	}()
	start(t, path)
	select {
	case err := <-came:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it was not found")
	}
}

func TestCandidatesAreInTheirOrder(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/me")
	t.Setenv("LEVERET_SOCKET", "")
	t.Setenv("LEVERET_DATA_DIR", "")
	want := func(told, all string) {
		t.Helper()
		if got := strings.Join(Candidates(told), " "); got != all {
			t.Errorf("told %q: %s", told, got)
		}
	}
	want("", "leveret-data/leveret.sock /run/me/leveret.sock")
	t.Setenv("LEVERET_DATA_DIR", "/data")
	want("", "/data/leveret.sock leveret-data/leveret.sock /run/me/leveret.sock")
	t.Setenv("LEVERET_SOCKET", "/s")
	want("", "/s")
	want("/t", "/t")
}

// What is long says how far it has come.
func TestAnImportTellsItsProgress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	booted := make(chan struct{})
	close(booted)
	app := &App{Booted: booted, Broker: broker.New(broker.Options{}), Import: func(_ string, _ []byte, tell func(done, of int)) error {
		tell(1, 2)
		tell(2, 2)
		return nil
	}}
	s, err := Listen(path, &Node{App: func() *App { return app }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(s.Close(), app.Broker.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	}()
	c, err := Dial([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var told []Progress
	if _, err := c.Call(context.Background(), "import_definitions", nil, func(p Progress) { told = append(told, p) }); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || told[0] != (Progress{1, 2}) || told[1] != (Progress{2, 2}) {
		t.Errorf("told %v", told)
	}
}

// Nobody finds a vhost without limits that gets others.
func TestLimitsAreReplacedInOneStep(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "s")
	b := startWith(t, path, broker.Options{Log: zerolog.New(&log)})
	for _, definition := range []string{`{"max-connections": 5, "max-queues": 6}`, `{"max-queues": 7}`} {
		log.Reset()
		if _, err := ask(t, path, "set_vhost_limits", url.Values{"vhost": {"/"}, "definition": {definition}}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "vhost limits set"); n != 1 {
			t.Errorf("%s: they are set %d times", definition, n)
		}
	}
	if limits, err := b.VhostLimits("/"); err != nil || len(limits) != 1 || limits["max-queues"] != 7 {
		t.Errorf("limits %v, %v", limits, err)
	}
}
