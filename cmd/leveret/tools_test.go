package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// operated is a broker that runs as a process, with links to its binary by which
// RabbitMQ's tools are called.
type operated struct {
	*testing.T
	dir, data string
	server    *exec.Cmd
	addr      string
}

func operate(t *testing.T) *operated {
	o := &operated{T: t, dir: t.TempDir(), data: t.TempDir()}
	for _, name := range []string{"rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins", nameServer, "leveret"} {
		if err := os.Symlink(os.Args[0], filepath.Join(o.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	o.start()
	return o
}

func (o *operated) start() {
	o.Helper()
	o.server = o.command(nameServer, "--listen=127.0.0.1:0", "--data-dir="+o.data)
	out := startCommand(o.T, o.server)
	o.addr = awaitAddress(o.T, out)
	awaitLine(o.T, out, "Server startup complete")
}

// command is one of the links with arguments.
func (o *operated) command(name string, args ...string) *exec.Cmd {
	o.Helper()
	path, err := filepath.EvalSymlinks(os.Args[0])
	if err != nil {
		o.Fatal(err)
	}
	cmd := exec.CommandContext(o.Context(), path, args...)
	cmd.Args[0] = filepath.Join(o.dir, name)
	cmd.Env = append(os.Environ(), runMain+"=1", "LEVERET_SOCKET="+filepath.Join(o.data, "leveret.sock"), "RABBITMQ_NODENAME=rabbit@here")
	return cmd
}

// run returns what a command prints, and its exit code.
func (o *operated) run(name string, args ...string) (out, errs string, code int) {
	o.Helper()
	cmd := o.command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// wants checks what a command prints somewhere, and its exit code.
func (o *operated) wants(code int, text, name string, args ...string) {
	o.Helper()
	out, errs, got := o.run(name, args...)
	if got != code || !strings.Contains(out+errs, text) {
		o.Errorf("%s %s exits with %d and prints %s%s, want %d and %q", name, strings.Join(args, " "), got, out, errs, code, text)
	}
}

// The commands that containers and scripts run (ecosystem 1.6).
func TestTheBinaryIsRabbitMQsToolsByName(t *testing.T) {
	o := operate(t)
	o.wants(0, "Ping succeeded\n", "rabbitmq-diagnostics", "-q", "ping")
	o.wants(0, "fully booted and running", "rabbitmq-diagnostics", "-q", "check_running")
	o.wants(0, "no local alarms", "rabbitmq-diagnostics", "-q", "check_local_alarms")
	o.wants(0, "Successfully connected", "rabbitmq-diagnostics", "-q", "check_port_connectivity")
	o.wants(0, "all vhosts as running", "rabbitmq-diagnostics", "-q", "check_virtual_hosts")
	o.wants(0, "protocol: amqp", "rabbitmq-diagnostics", "-q", "listeners")
	o.wants(0, "no alarms", "rabbitmq-diagnostics", "-q", "alarms")
	o.wants(0, "is running", "rabbitmq-diagnostics", "-q", "check_protocol_listener", "amqp")
	o.wants(69, "No listener for port 1 ", "rabbitmq-diagnostics", "-q", "check_port_listener", "1")
	o.wants(0, "Node name: rabbit@here", "rabbitmqctl", "status")
	o.wants(0, "Health check passed", "rabbitmqctl", "node_health_check")
	o.wants(0, "", "rabbitmqctl", "await_startup", "--timeout", "60")
	o.wants(0, "Running Nodes", "rabbitmqctl", "cluster_status")
	o.wants(0, "rabbitmq_management", "rabbitmq-plugins", "enable", "--offline", "rabbitmq_management")
	o.wants(0, "Plugin rabbitmq_consistent_hash_exchange is enabled", "rabbitmq-plugins", "is_enabled", "rabbitmq_consistent_hash_exchange")
	o.wants(69, "not enabled", "rabbitmq-plugins", "is_enabled", "rabbitmq_management")
	o.wants(64, "Did you mean 'list_queues'?", "rabbitmqctl", "list_quues")
	o.wants(0, "Ping succeeded\n", "leveret", "rabbitmqctl", "-q", "ping")
	o.wants(1, "-detached", nameServer, "-detached")

	o.wants(0, "Done.", "rabbitmqctl", "add_user", "worker", "secret")
	o.wants(0, "", "rabbitmqctl", "set_permissions", "worker", ".*", ".*", ".*")
	conn, err := amqp091.Dial("amqp://worker:secret@" + o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o.wants(0, "worker\t127.0.0.1\t", "rabbitmqctl", "list_connections")
	o.wants(0, "worker", "leveret", "connections")
}

func TestWithoutABrokerToolsExitAsRabbitMQs(t *testing.T) {
	o := operate(t)
	if err := o.server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.server.Wait()
	if _, err := os.Lstat(filepath.Join(o.data, "leveret.sock")); err != nil {
		t.Errorf("the socket of what was killed: %v", err)
	}
	const unable = "Error: unable to perform an operation on node 'rabbit@here'. Please see diagnostics information and suggestions below."
	o.wants(69, unable, "rabbitmqctl", "list_queues")
	o.wants(69, "Error:\nFailed to connect and authenticate to rabbit@here in 60000 ms", "rabbitmq-diagnostics", "-q", "ping")
	o.wants(69, unable, "rabbitmqctl", "await_startup", "--timeout", "0.2")
	o.wants(0, "3.13.7", "rabbitmqctl", "version")
	o.wants(64, "not enough arguments", "rabbitmqctl", "add_user")
	for _, args := range [][]string{{"help"}, {"--help"}, {"help", "--list-commands"}} {
		o.wants(0, "Available commands:", "rabbitmqctl", args...)
	}
	o.wants(0, "(<command> | [--list-commands])", "rabbitmqctl", "help", "help")
	o.wants(64, "Available commands:", "rabbitmqctl")
	o.start() // in the place of what was killed
	o.wants(0, "Ping succeeded", "rabbitmqctl", "ping")
}

func TestTheBrokerIsStoppedByACommand(t *testing.T) {
	o := operate(t)
	o.wants(0, "Stopping and halting node rabbit@here", "rabbitmqctl", "stop")
	if err := o.server.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(o.data, "leveret.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
}

func TestAPingTakesMilliseconds(t *testing.T) {
	o := operate(t)
	best := time.Minute
	for range 5 {
		began := time.Now()
		o.wants(0, "Ping succeeded", "rabbitmq-diagnostics", "-q", "ping")
		best = min(best, time.Since(began))
	}
	t.Logf("the fastest of 5 took %v", best)
	if best > 10*time.Second { // on a machine that does much else, with race detection
		t.Errorf("the fastest of 5 took %v", best)
	}
}

func TestQueuesAreOperatedOn(t *testing.T) {
	o := operate(t)
	_, ch := openChannel(t, "amqp://guest:guest@"+o.addr)
	if _, err := ch.QueueDeclare("dead", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	args := amqp091.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
	if _, err := ch.QueueDeclare("work", true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		store(t, ch, "work", amqp091.Publishing{Body: []byte("x")})
		d, ok, err := ch.Get("work", false)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := d.Reject(false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ch.QueueDeclarePassive("work", true, false, false, false, nil); err != nil { // all has arrived
		t.Fatal(err)
	}
	o.wants(0, "1 messages were moved", "leveret", "redrive", "--limit=1", "dead")
	o.wants(0, "name  type     messages_ready  messages_unacknowledged  message_bytes  consumers  policy\ndead  classic  2", "leveret", "queues")
	o.wants(0, "2 messages were removed", "leveret", "purge", "dead")
	o.wants(1, "queue does not exist", "leveret", "redrive", "none")
	o.wants(1, "want one queue", "leveret", "purge")
	o.wants(0, "name  type  delayed\n", "leveret", "delayed")
}
