package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/amqp"
)

// patience bounds waits that end at once unless something is broken.
const patience = time.Minute

// lines is the output of a command, a line a write.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// await returns the next line that contains text, and the lines before it.
func (l lines) await(t *testing.T, text string) (line string, before []string) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return strings.TrimSpace(line), before
			}
			before = append(before, line)
		case <-limit:
			t.Fatalf("no line with %q after %q", text, before)
		}
	}
}

// served is leveret serve, running in this process.
type served struct {
	out  lines
	stop context.CancelFunc
	done chan error
}

// startServe runs it with a directory of its own, unless the arguments say what
// is to be kept.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	if !slices.ContainsFunc(args, func(arg string) bool { return arg == "--memory" || strings.HasPrefix(arg, "--data-dir") }) {
		args = append(args, "--data-dir="+filepath.Join(t.TempDir(), "data"))
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &served{out: make(lines, 1000), stop: stop, done: make(chan error, 1)}
	args = append([]string{"leveret", "serve"}, args...)
	go func() {
		defer close(s.done)
		s.done <- newApp(s.out).RunContext(ctx, args)
	}()
	t.Cleanup(func() {
		stop()
		for range s.done { // until it is closed
		}
	})
	return s
}

// address awaits the next listener and returns where it listens.
func (s *served) address(t *testing.T) string {
	t.Helper()
	line, _ := s.out.await(t, "started TCP listener on ")
	_, addr, _ := strings.Cut(line, "listener on ")
	return addr
}

// ended stops the command and returns what it returned.
func (s *served) ended(t *testing.T) error {
	t.Helper()
	s.stop()
	select {
	case err := <-s.done:
		return err
	case <-time.After(2 * shutdownLimit):
		t.Fatal("did not stop")
		return nil
	}
}

func TestServeListensOnEveryAddressAndThenIsComplete(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0", "--listen", "127.0.0.1:0", "--server-version=7.8.9")
	addrs := []string{s.address(t), s.address(t)}
	if _, before := s.out.await(t, "Server startup complete"); len(before) > 0 {
		t.Errorf("logged between the listeners and readiness: %q", before)
	}
	for _, addr := range addrs {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if payload := readStart(t, conn); !bytes.Contains(payload, []byte("7.8.9")) {
			t.Errorf("connection.start without the version: %q", payload)
		}
	}
}

func TestServeTellsClientsBeforeItStops(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0", "--default-user=hare", "--default-pass=form",
		"--heartbeat=7", "--frame-max=8192", "--channel-max=5")
	client, err := amqp091.Dial("amqp://hare:form@" + s.address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if got := client.Config; got.FrameSize != 8192 || got.ChannelMax != 5 || got.Heartbeat != 7*time.Second {
		t.Errorf("tuned to frame-max %d, channel-max %d, heartbeat %v", got.FrameSize, got.ChannelMax, got.Heartbeat)
	}
	closed := client.NotifyClose(make(chan *amqp091.Error, 1))
	if err := s.ended(t); err != nil {
		t.Errorf("stopping returned %v", err)
	}
	if e := <-closed; e == nil || e.Code != amqp091.ConnectionForced {
		t.Errorf("the client was told %v, want 320", e)
	}
}

func TestServeStopsWhileNobodyIsConnected(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0")
	addr := s.address(t)
	if err := s.ended(t); err != nil {
		t.Errorf("stopping returned %v", err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("still listens after its end")
	}
}

func TestServeRefusesAnAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := startServe(t, "--listen=127.0.0.1:0", "--listen="+taken.Addr().String())
	err = <-s.done
	if err == nil || !strings.Contains(err.Error(), "cannot listen for TCP: listen tcp "+taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestReadinessIsAnnouncedAtEveryLogLevel(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error"} {
		t.Run(level, func(t *testing.T) {
			s := startServe(t, "--listen=127.0.0.1:0", "--log-level="+level)
			s.out.await(t, "Server startup complete")
		})
	}
}

func TestJSONLogIsOneObjectALine(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0", "--log-format=json")
	line, before := s.out.await(t, "Server startup complete")
	for _, l := range append(before, line) {
		var entry struct{ Level, Msg, Time string }
		if err := json.Unmarshal([]byte(l), &entry); err != nil {
			t.Errorf("%q: %v", l, err)
		}
		if entry.Level != "info" || entry.Msg == "" {
			t.Errorf("%q lacks level or message", l)
		}
		if _, err := time.Parse(logTime, entry.Time); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
	if !strings.Contains(line, `"msg":"Server startup complete; 0 plugins started."`) {
		t.Errorf("%q: the words shall be the whole message", line)
	}
}

func TestConsoleLogIsPlainTextOutsideATerminal(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0")
	if line, _ := s.out.await(t, "Server startup complete"); strings.Contains(line, "\x1b") {
		t.Errorf("%q has colours", line)
	}
}

func TestCollectorRunsSeldomUnlessTheUserDecides(t *testing.T) {
	for gogc, want := range map[string]int{"": mostGarbage, "100": 100} {
		t.Run("GOGC="+gogc, func(t *testing.T) {
			t.Setenv("GOGC", gogc)
			defer debug.SetGCPercent(debug.SetGCPercent(100))
			s := startServe(t, "--listen=127.0.0.1:0")
			s.out.await(t, "Server startup complete")
			if got := debug.SetGCPercent(100); got != want {
				t.Errorf("the percentage is %d, want %d", got, want)
			}
		})
	}
}

func TestPprofServesProfiles(t *testing.T) {
	s := startServe(t, "--listen=127.0.0.1:0", "--pprof=127.0.0.1:0")
	line, _ := s.out.await(t, "serving profiles on ")
	_, url, _ := strings.Cut(line, "serving profiles on ")
	defer http.DefaultClient.CloseIdleConnections()
	resp, err := http.Get(url + "goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(body, []byte("goroutine profile:")) {
		t.Errorf("got %v, %.100q", err, body)
	}
}

// readStart sends the protocol header and returns the payload of the answer,
// connection.start.
func readStart(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	if _, err := io.WriteString(conn, amqp.ProtocolHeader); err != nil {
		t.Fatal(err)
	}
	return readMethod(t, conn)
}

// openRaw goes through the handshake up to connection.open-ok by hand, for a
// client that then does nothing.
func openRaw(t *testing.T, conn net.Conn) {
	t.Helper()
	readStart(t, conn)
	send := func(m amqp.Method) {
		if _, err := conn.Write(amqp.AppendMethod(nil, 0, m)); err != nil {
			t.Fatal(err)
		}
	}
	send(&amqp.ConnectionStartOk{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest"), Locale: "en_US"})
	readMethod(t, conn) // tune
	send(&amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072})
	send(&amqp.ConnectionOpen{VirtualHost: "/"})
	readMethod(t, conn) // open-ok
}

// readMethod returns the payload of one method frame.
func readMethod(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 7)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	size := int(head[3])<<24 | int(head[4])<<16 | int(head[5])<<8 | int(head[6])
	payload := make([]byte, size+1)
	if _, err := io.ReadFull(conn, payload); err != nil {
		t.Fatal(err)
	}
	if amqp.FrameType(head[0]) != amqp.FrameMethod {
		t.Fatalf("got a frame of type %d", head[0])
	}
	return payload[:size]
}

// No setting of the machine that runs the tests shall reach them.
func init() {
	if os.Getenv(runMain) != "" {
		return // a test gives its command what it is to have
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "LEVERET_") || strings.HasPrefix(name, "RABBITMQ_") {
			os.Unsetenv(name)
		}
	}
}
