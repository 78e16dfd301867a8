package dropin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// patience is how long is waited for what must come.
const patience = 30 * time.Second

// server is a broker that was started as the image starts it.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	env    []string
	dir    string
	exited chan struct{} // closed when it has ended
	err    error         // how; of one that has ended

	mu   sync.Mutex
	out  strings.Builder // its standard output so far
	more chan struct{}   // closed when there is more
}

// start runs rabbitmq-server with the variables of the image and more, on any port
// unless they say which. Its configuration files are those of the image.
func start(t *testing.T, env ...string) *server {
	t.Helper()
	dir := shortDir(t)
	s := &server{t: t, dir: dir, exited: make(chan struct{}), more: make(chan struct{})}
	s.env = append([]string{
		"PATH=" + filepath.Join(image.root(), "usr/local/bin") + ":/usr/bin:/bin",
		"HOME=" + dir,
		"LEVERET_DATA_DIR=" + filepath.Join(dir, "data"),
		"LEVERET_SOCKET=" + filepath.Join(dir, "leveret.sock"),
		"RABBITMQ_CONFIG_FILES=" + filepath.Join(image.root(), "etc/rabbitmq/conf.d/*.conf"),
	}, env...)
	s.cmd = exec.Command(filepath.Join(image.root(), "usr/local/bin/rabbitmq-server"))
	s.cmd.Env = s.env
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	s.cmd.Stderr = &complaints
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process, which stop waits for
		defer close(s.exited)
		s.read(out)
		s.err = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("it said:\n%s\n%s", s.said(), complaints.String())
		}
	})
	return s
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "dropin") //nolint:usetesting // the name of a socket has room for a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *server) read(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		s.mu.Lock()
		s.out.WriteString(lines.Text() + "\n")
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
	}
}

func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// await waits until a line of the output matches, and returns what it has found.
func (s *server) await(expression string) []string {
	s.t.Helper()
	wanted := regexp.MustCompile(expression)
	limit := time.After(patience)
	for {
		s.mu.Lock()
		out, more := s.out.String(), s.more
		s.mu.Unlock()
		for line := range strings.Lines(out) {
			if m := wanted.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
				return m
			}
		}
		select {
		case <-more:
		case <-s.exited:
			s.t.Fatalf("it has ended before it said %q: %v", expression, s.err)
		case <-limit:
			s.t.Fatalf("it did not say %q in %v", expression, patience)
		}
	}
}

// addr is where it listens, as its log says.
func (s *server) addr() string {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.await(`started TCP listener on (\S+)`)[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return "127.0.0.1:" + port
}

// stop ends it as docker stop does.
func (s *server) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.exited
		s.t.Errorf("it was still there %v after SIGTERM", patience)
	}
	if s.err != nil {
		s.t.Errorf("after SIGTERM it ended with %v", s.err)
	}
}

// run is docker exec: a command of the image, with the variables of the server.
func (s *server) run(command ...string) (output string, status int) {
	s.t.Helper()
	c := exec.Command(filepath.Join(image.root(), "usr/local/bin", command[0]), command[1:]...)
	c.Env, c.Dir = s.env, s.dir
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// talk sends a message to itself.
func talk(conn *amqp.Connection) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	q, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return err
	}
	confirm, err := ch.PublishWithDeferredConfirm("", q.Name, true, false, amqp.Publishing{Body: []byte("hello")})
	if err != nil {
		return err
	}
	confirm.Wait()
	if d, ok, err := ch.Get(q.Name, true); err != nil || !ok || string(d.Body) != "hello" {
		return fmt.Errorf("got %q, %v: %w", d.Body, ok, err)
	}
	return nil
}

// greet is what a program does that the broker is for.
func (s *server) greet(url string) {
	s.t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		s.t.Fatalf("%s: %v", url, err)
	}
	defer conn.Close()
	if err := talk(conn); err != nil {
		s.t.Errorf("%s: %v", url, err)
	}
}

// freePort is one that nobody listened on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
