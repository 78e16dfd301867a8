package rabbitmqctl

import (
	flags "flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flags.Bool("update", false, "write the table of docs/commands.md")

const (
	document = "../../docs/commands.md"
	from     = "<!-- commands -->\n"
)

// docs/commands.md has every command, with what it does or why it does not.
func TestTheDocumentationHasEveryCommand(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, got, found := strings.Cut(string(b), from)
	if !found {
		t.Fatalf("%s has no %q", document, from)
	}
	want := commandTable()
	if *update {
		if err := os.WriteFile(document, []byte(before+from+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("the table of %s is out of date: go test ./internal/rabbitmqctl -run Documentation -update", document)
	}
}

func commandTable() string {
	var b strings.Builder
	b.WriteString("\n| command | of | what it does |\n|---|---|---|\n")
	for _, c := range commands {
		var of []string
		for _, t := range []tool{ctl, diagnostics, plugins} {
			if c.tools&t != 0 {
				of = append(of, strings.TrimPrefix(t.name(), "rabbitmq-"))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.name, strings.Join(of, ", "), c.about)
	}
	return b.String()
}

// A row of the grammar is complete, and the broker knows what it asks for.
func TestEveryCommandIsWellFormed(t *testing.T) {
	seen := map[string]tool{}
	for _, c := range commands {
		if c.about == "" || c.tools == 0 || seen[c.name]&c.tools != 0 {
			t.Errorf("%s: %q, tools %b, before %b", c.name, c.about, c.tools, seen[c.name])
		}
		seen[c.name] |= c.tools
		for _, shown := range strings.Fields(c.shown) {
			if !strings.Contains(" "+c.columns+" ", " "+shown+" ") {
				t.Errorf("%s shows %s, which is none of its columns", c.name, shown)
			}
		}
	}
}

// Every column that a command takes, the broker has.
func TestEveryColumnIsThere(t *testing.T) {
	s := newStage(t)
	s.topology()
	for _, c := range commands {
		if c.columns == "" || !strings.Contains(c.usage, "<column>") {
			continue
		}
		line := c.tools.any().name() + " " + c.name + " " + c.columns
		if got := s.run(line); got.code != "0" {
			t.Errorf("%s exits with %s: %s", line, got.code, got.err)
		}
	}
}

// any is one of several tools.
func (t tool) any() tool { return t & -t }
