package dropin

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The names that RabbitMQ's image has for its commands.
var commands = []string{"docker-entrypoint.sh", "rabbitmq-server", "rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins"}

func TestTheImageHasItsCommands(t *testing.T) {
	for _, name := range commands {
		path := filepath.Join(image.root(), "usr/local/bin", name)
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 != 0o111 {
			t.Errorf("%s cannot be run: %v", name, err)
		}
		if link, err := os.Readlink(path); err == nil && link != "leveret" {
			t.Errorf("%s is %s, want leveret beside it", name, link)
		}
	}
}

// The base of the image has no dynamic linker.
func TestTheBinaryIsStatic(t *testing.T) {
	f, err := elf.Open(filepath.Join(image.root(), "usr/local/bin/leveret"))
	if err != nil {
		t.Skip("SKIPPED: the binary is none of Linux: ", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it is linked dynamically")
		}
	}
	if info, err := os.Stat(filepath.Join(image.root(), "usr/local/bin/leveret")); err == nil && info.Size() > 25<<20 {
		t.Errorf("it has %d bytes, want 25 MiB at most", info.Size())
	}
}

// Without this guest could log in from inside the container alone.
func TestTheImageLetsGuestInFromOutside(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(image.root(), "etc/rabbitmq/conf.d/10-defaults.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^loopback_users\.guest = false$`).Match(b) {
		t.Errorf("there is no such line in %s", b)
	}
}

// Those of the image of RabbitMQ with its management plugin: some modules fail if a
// port that they map is not exposed.
func TestTheImageExposesThePortsOfRabbitMQ(t *testing.T) {
	got := strings.Fields(strings.Join(image.values("EXPOSE"), " "))
	for _, port := range strings.Fields("4369 5671 5672 15671 15672 15691 15692 25672") {
		if !slices.Contains(got, port) {
			t.Errorf("%s is not exposed", port)
		}
	}
}

// Whoever the container runs as has to write to the volume.
func TestTheVolumeIsOpen(t *testing.T) {
	volumes := image.values("VOLUME")
	if !slices.Equal(volumes, []string{"/var/lib/leveret"}) {
		t.Fatalf("volumes are %q", volumes)
	}
	info, err := os.Stat(filepath.Join(image.root(), volumes[0]))
	if err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the volume has mode %v: %v", info.Mode(), err)
	}
	if env := strings.Fields(strings.Join(image.values("ENV"), " ")); !slices.Contains(env, "LEVERET_DATA_DIR="+volumes[0]) {
		t.Errorf("the broker does not keep its data there: %q", env)
	}
}

// The commands of the image are programs that it has, as JSON.
func TestTheImageRunsWhatItHas(t *testing.T) {
	words := append(image.values("ENTRYPOINT"), image.values("CMD")...)
	for _, h := range image.values("HEALTHCHECK") {
		_, command, _ := strings.Cut(h, "CMD ")
		words = append(words, command)
	}
	if len(words) != 3 {
		t.Fatalf("want an entry point, a command and a health check, got %q", words)
	}
	for _, w := range words {
		var command []string
		if err := json.Unmarshal([]byte(w), &command); err != nil {
			t.Fatalf("%s: %v", w, err)
		}
		if !slices.Contains(commands, command[0]) {
			t.Errorf("there is no %s", command[0])
		}
	}
}

// The compiler is the one that go.mod asks for.
func TestTheImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(b)
	if want := "golang:" + string(m[1]) + "-alpine"; image.stages[0].base != want {
		t.Errorf("it is built with %s, want %s", image.stages[0].base, want)
	}
}
