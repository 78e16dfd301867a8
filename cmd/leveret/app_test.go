package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/internal/rabbitmqctl"
)

// commanded is a broker in this process that is given commands.
type commanded struct {
	*served
	*testing.T
	socket string
}

func startCommanded(t *testing.T, args ...string) commanded {
	t.Helper()
	t.Setenv("RABBITMQ_NODENAME", "rabbit@here")
	socket := filepath.Join(t.TempDir(), "s")
	return commanded{startServe(t, append(args, "--socket="+socket)...), t, socket}
}

// tool carries out one of RabbitMQ's commands, and returns what it says.
func (c commanded) tool(line string) (said string, code int) {
	c.Helper()
	words := strings.Fields(line)
	var out bytes.Buffer
	code = rabbitmqctl.Run(c.Context(), words[0], append(words[1:], "--socket", c.socket), rabbitmqctl.Streams{
		In: strings.NewReader(""), Out: &out, Err: &out, Version: "3.13.7",
	})
	return out.String(), code
}

// ctl is a command that succeeds.
func (c commanded) ctl(line string) string {
	c.Helper()
	said, code := c.tool("rabbitmqctl -q " + line)
	if code != 0 {
		c.Fatalf("%s: exit code %d, %s", line, code, said)
	}
	return said
}

// booted awaits that clients may connect, and returns where.
func (c commanded) booted() string {
	c.Helper()
	addr := c.address(c.T)
	c.out.await(c.T, "Server startup complete")
	return addr
}

func (c commanded) dial(addr string) *amqp091.Connection {
	c.Helper()
	client, err := amqp091.Dial("amqp://guest:guest@" + addr)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = client.Close() })
	return client
}

func TestStopAppClosesTheBrokerAndStartAppOpensIt(t *testing.T) {
	c := startCommanded(t, "--listen=127.0.0.1:0")
	addr := c.booted()
	client := c.dial(addr)
	ch, err := client.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("durable", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	closed := client.NotifyClose(make(chan *amqp091.Error, 1))
	c.ctl("stop_app")
	if e := <-closed; e == nil || e.Code != amqp091.ConnectionForced {
		t.Errorf("the client was told %v, want 320", e)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
	c.ctl("stop_app") // again
	c.ctl("ping")
	for line, want := range map[string]int{
		"rabbitmqctl list_queues": 64, "rabbitmqctl status": 64, "rabbitmqctl await_startup -t 60": 69, "rabbitmq-diagnostics check_running": 69,
		"rabbitmq-diagnostics is_running": 0, "rabbitmq-diagnostics check_port_connectivity": 64,
	} {
		if said, code := c.tool(line); code != want {
			t.Errorf("%s: exit code %d, want %d: %s", line, code, want, said)
		}
	}
	c.ctl("start_app")
	addr = c.booted()
	c.ctl("start_app") // again
	c.ctl("await_startup")
	if said := c.ctl("list_queues name"); !strings.Contains(said, "durable") {
		t.Errorf("queues after start_app: %s", said)
	}
	c.dial(addr)
	if err := c.ended(t); err != nil {
		t.Error(err)
	}
}

func TestResetErasesWhatIsKeptAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startCommanded(t, "--listen=127.0.0.1:0", "--data-dir="+dir)
	c.booted()
	for _, reset := range []string{"reset", "force_reset"} {
		c.ctl("add_user me secret")
		c.ctl("add_vhost there")
		c.ctl("delete_user guest")
		if said, code := c.tool("rabbitmqctl " + reset); code != 64 || !strings.Contains(said, "requires the 'rabbit' app to be stopped") {
			t.Errorf("%s while it runs: exit code %d, %s", reset, code, said)
		}
		c.ctl("stop_app")
		c.ctl(reset)
		c.ctl(reset) // again
		c.ctl("start_app")
		c.dial(c.booted())
		if said := c.ctl("list_users") + c.ctl("list_vhosts"); said != "user\ttags\nguest\t[administrator]\nname\n/\n" {
			t.Errorf("after %s: %s", reset, said)
		}
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "x" {
		t.Errorf("what was no file of the broker: %q, %v", b, err)
	}
}

// Scripts that clean a broker between tests do so whatever it keeps, and where.
func TestResetBringsDefinitionsBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.json")
	if err := os.WriteFile(file, []byte(`{"vhosts":[{"name":"/"},{"name":"loaded"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LEVERET_LOAD_DEFINITIONS", file)
	c := startCommanded(t, "--listen=127.0.0.1:0", "--memory")
	c.booted()
	c.ctl("delete_vhost loaded")
	c.ctl("stop_app")
	c.ctl("reset")
	c.ctl("start_app")
	c.dial(c.booted())
	if said := c.ctl("list_vhosts"); !strings.Contains(said, "loaded") {
		t.Errorf("vhosts: %s", said)
	}
}

func TestAStoppedAppEndsWithItsProcess(t *testing.T) {
	c := startCommanded(t, "--listen=127.0.0.1:0")
	c.booted()
	c.ctl("stop_app")
	c.ctl("stop")
	if err := c.ended(t); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(c.socket); !os.IsNotExist(err) {
		t.Errorf("the socket: %v", err)
	}
}

func TestStartAppFailsWhereSomebodyElseListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := startCommanded(t, "--listen="+addr)
	c.booted()
	c.ctl("stop_app")
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	if said, code := c.tool("rabbitmqctl start_app"); code == 0 || !strings.Contains(said, addr) {
		t.Errorf("exit code %d, %s", code, said)
	}
	l.Close()
	c.ctl("start_app")
	c.dial(c.booted())
}

// A command that sets a limit may come when the broker has just been closed.
func TestALimitThatIsSetTooLateDoesNothing(t *testing.T) {
	b := broker.New(broker.Options{})
	l := watchLimits(alarms{broker: b}, settings{memory: config.Amount{Part: 0.9}})
	l.close()
	l.setMemory(config.Amount{})
	if on := b.Alarms(); len(on) > 0 {
		t.Errorf("alarms %v", on)
	}
	l.close()
}
