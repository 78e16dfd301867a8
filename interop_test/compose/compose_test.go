// Package compose reads docker-compose.yml, and those in the documentation, as docker
// compose does. It is a module of its own: what it needs for that is not needed by
// leveret.
package compose

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// load checks a compose file against the schema, and resolves it.
func load(t *testing.T, content []byte) *types.Project {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: "docker-compose.yml", Content: content}},
	}, func(o *loader.Options) { o.SetProjectName("leveret", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The producer and the consumer wait until the broker is healthy, which the command
// that RabbitMQ's users know tells.
func TestTheComposeFile(t *testing.T) {
	project := load(t, read(t, "../../docker-compose.yml"))
	if names := project.ServiceNames(); !slices.Equal(names, []string{"consumer", "leveret", "producer"}) {
		t.Fatalf("services are %q", names)
	}
	for _, s := range project.Services {
		if s.Build == nil || s.Build.Context != project.WorkingDir {
			t.Errorf("%s is built of %+v", s.Name, s.Build)
		}
		if s.Name == "leveret" {
			if want := (types.HealthCheckTest{"CMD", "rabbitmq-diagnostics", "-q", "ping"}); s.HealthCheck == nil || !slices.Equal(s.HealthCheck.Test, want) {
				t.Errorf("its health check is %+v, want %q", s.HealthCheck, want)
			}
			continue
		}
		if d, ok := s.DependsOn["leveret"]; !ok || d.Condition != types.ServiceConditionHealthy {
			t.Errorf("%s waits for %+v", s.Name, s.DependsOn)
		}
	}
}

// Every compose file in the documentation can be read.
func TestComposeFilesInTheDocumentation(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(services:.*?)```").FindAllSubmatch(read(t, "../../docs/replace-rabbitmq.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("there is none")
	}
	for _, b := range blocks {
		for _, s := range load(t, b[1]).Services {
			if s.Image == "" {
				t.Errorf("%s has no image in\n%s", s.Name, b[1])
			}
		}
	}
}
