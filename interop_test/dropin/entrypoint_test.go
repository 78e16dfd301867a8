package dropin

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// play stands for programs of the image: each tells how it was called.
const play = `#!/bin/sh
name=$(basename "$0")
case $name in
id) echo "$USERID"; exit ;;
mountpoint) [ "$2" = "$MOUNTED" ]; exit ;;
esac
echo "$name $*"
case $name in
setuidgid) shift; exec "$@" ;;
rabbitmq-server) echo "keeps $LEVERET_DATA_DIR" ;;
esac
`

// The entry point runs the broker as a user of its own, on the volume that there is.
func TestTheEntryPoint(t *testing.T) {
	bin := t.TempDir()
	for _, name := range strings.Fields("id mountpoint mkdir chown setuidgid rabbitmq-server rabbitmqctl") {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(play), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const kept, kept2 = "keeps /var/lib/leveret", "keeps /var/lib/rabbitmq/leveret"
	for _, tt := range []struct {
		name, user, mounted string
		args                []string
		want                []string
	}{
		{"as root", "0", "", []string{"rabbitmq-server"}, []string{
			"mkdir -p /var/lib/leveret", "chown -R rabbitmq: /var/lib/leveret /var/lib/leveret", "setuidgid rabbitmq rabbitmq-server", "rabbitmq-server ", kept,
		}},
		{"as somebody", "1000", "", []string{"rabbitmq-server"}, []string{"rabbitmq-server ", kept}},
		{"with flags alone", "1000", "", []string{"--log-level", "debug"}, []string{"rabbitmq-server --log-level debug", kept}},
		{"with nothing", "1000", "", nil, []string{"rabbitmq-server ", kept}},
		{"on the volume of RabbitMQ", "1000", "/var/lib/rabbitmq", []string{"rabbitmq-server"}, []string{"rabbitmq-server ", kept2}},
		{"on the volume of RabbitMQ as root", "0", "/var/lib/rabbitmq", []string{"rabbitmq-server"}, []string{
			"mkdir -p /var/lib/rabbitmq/leveret", "chown -R rabbitmq: /var/lib/rabbitmq/leveret /var/lib/leveret", "setuidgid rabbitmq rabbitmq-server", "rabbitmq-server ", kept2,
		}},
		{"another command", "0", "", []string{"rabbitmqctl", "status"}, []string{"rabbitmqctl status"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := exec.Command(filepath.Join(image.root(), "usr/local/bin/docker-entrypoint.sh"), tt.args...)
			c.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "USERID=" + tt.user, "MOUNTED=" + tt.mounted, "LEVERET_DATA_DIR=/var/lib/leveret"}
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, tt.want) {
				t.Errorf("it did %q, want %q", got, tt.want)
			}
		})
	}
}
