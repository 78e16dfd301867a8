package dropin

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The health commands of compose files, CI services and manuals (section 1.6 of the
// survey: commands run against the container), and what they look for.
func TestHealthCommands(t *testing.T) {
	s := start(t, anyPort)
	s.await(`Server startup complete`)
	_, port, err := net.SplitHostPort(s.addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ command, want string }{
		{"rabbitmq-diagnostics -q ping", "Ping succeeded"},
		{"rabbitmq-diagnostics ping", "Ping succeeded"},
		{"rabbitmq-diagnostics -q status", ""},
		{"rabbitmq-diagnostics -q check_running", ""},
		{"rabbitmq-diagnostics -q check_local_alarms", ""},
		{"rabbitmq-diagnostics -q check_port_connectivity", ""},
		{"rabbitmq-diagnostics -q check_virtual_hosts", ""},
		{"rabbitmq-diagnostics -q check_port_listener " + port, ""},
		{"rabbitmq-diagnostics -q check_protocol_listener amqp", ""},
		{"rabbitmq-diagnostics -q listeners", port},
		{"rabbitmq-diagnostics -q alarms", ""},
		{"rabbitmqctl status", ""},
		{"rabbitmqctl ping", "Ping succeeded"},
		{"rabbitmqctl node_health_check", ""},
		{"rabbitmqctl await_startup --timeout 10", ""},
		{"rabbitmqctl cluster_status", ""},
		{"rabbitmqctl list_queues", ""},
		{"rabbitmq-plugins enable rabbitmq_management", ""},
		{"rabbitmq-plugins enable --offline rabbitmq_management", ""},
		{"rabbitmq-plugins is_enabled rabbitmq_delayed_message_exchange", "is enabled"},
		{"rabbitmq-plugins list -e", ""},
	} {
		t.Run(tt.command, func(t *testing.T) {
			out, status := s.run(strings.Fields(tt.command)...)
			if status != 0 || !strings.Contains(out, tt.want) {
				t.Errorf("it says %q and exits with %d, want %q and 0", out, status, tt.want)
			}
		})
	}
}

// CMD-SHELL runs its text in a shell, in the directory of the image.
func TestAHealthCheckInAShell(t *testing.T) {
	s := start(t, anyPort)
	s.await(`Server startup complete`)
	c := exec.Command("/bin/sh", "-c", "rabbitmq-diagnostics -q ping || exit 1")
	c.Env = s.env
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Without a broker the checks fail, with the status of RabbitMQ for that.
func TestHealthCommandsWithoutABroker(t *testing.T) {
	s := start(t, anyPort)
	s.await(`Server startup complete`)
	s.stop()
	for _, command := range []string{"rabbitmq-diagnostics -q ping", "rabbitmq-diagnostics -q check_running", "rabbitmqctl status"} {
		if out, status := s.run(strings.Fields(command)...); status != 69 || out == "" {
			t.Errorf("%s says %q and exits with %d, want 69", command, out, status)
		}
	}
}

// What docker-compose.yml runs beside the broker.
func TestTheExamplesOfTheComposeFile(t *testing.T) {
	s := start(t, anyPort)
	url := "AMQP_URL=amqp://guest:guest@" + s.addr() + "/"
	s.await(`Server startup complete`)
	for _, command := range [][]string{{"producer", "-n", "3", "-every", "0"}, {"consumer", "-n", "3"}} {
		c := exec.Command(filepath.Join(image.dirs["examples"], "usr/local/bin", command[0]), command[1:]...)
		c.Env = []string{url}
		if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), "hello ") != 3 {
			t.Errorf("%q: %v, %s", command, err, out)
		}
	}
}
