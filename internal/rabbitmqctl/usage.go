package rabbitmqctl

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xrash/smetrics"

	"github.com/leveretmq/leveret/internal/control"
)

var errNoCommand = errors.New("no such command")

// usageOf is how a command is called.
func (t tool) usageOf(c *command) string {
	return strings.TrimRight(fmt.Sprintf("%s [--node <node>] [--longnames] [--quiet] %s %s", t.name(), c.name, c.usage), " ")
}

const usageTitle = "\x1b[1mUsage\x1b[0m"

// misused tells what is wrong with a command line, and how the command is used.
func (r *run) misused(e *usageError) int {
	fmt.Fprintf(r.Err, "Error (argument validation): %s\nArguments given:\n\t%s\n\n%s\n\n%s\n",
		e.text, strings.Join(r.given, " "), usageTitle, r.tool.usageOf(r.command))
	return e.code
}

// wrongTime tells that stop_app or start_app has to come before.
func (r *run) wrongTime(kind string) int {
	must, first := "running", "Start it with 'rabbitmqctl start_app'."
	if kind == control.Running {
		must, first = "stopped", "Stop it with 'rabbitmqctl stop_app'."
	}
	fmt.Fprintf(r.Err, "Error: this command requires the 'rabbit' app to be %s on the target node. %s\nArguments given:\n\t%s\n\n%s\n\n%s\n",
		must, first, strings.Join(r.given, " "), usageTitle, r.tool.usageOf(r.command))
	return exitUsage
}

// notFound tells of a command that is not there, and which one may be meant.
func (r *run) notFound() int {
	name := r.given[commandAt(r.given)]
	if t, c := elsewhere(name); c != nil {
		fmt.Fprintf(r.Err, "\nCommand '%s' not found. \nIt is one of %s: %s %s\n\n", name, t.name(), t.name(), name)
		return exitUsage
	}
	if alike := r.tool.alike(name); alike != "" {
		fmt.Fprintf(r.Err, "\nCommand '%s' not found. \nDid you mean '%s'? \n\n", name, alike)
		return exitUsage
	}
	fmt.Fprintf(r.Err, "\nCommand '%s' not found. \n\n", name)
	r.writeOverview(r.Err)
	return exitUsage
}

// elsewhere finds a command that another tool has.
func elsewhere(name string) (tool, *command) {
	for _, t := range []tool{ctl, diagnostics, plugins} {
		if c := t.find(name); c != nil {
			return t, c
		}
	}
	return 0, nil
}

// closeEnough is how alike two words are when one may be meant by the other, where 1
// is the same.
const closeEnough = 0.8

// alike is the command that may be meant by a word, empty if there is none.
func (t tool) alike(word string) (best string) {
	most := closeEnough
	for _, c := range commands {
		if c.tools&t == 0 {
			continue
		}
		if n := smetrics.Jaro(word, c.name); n > most {
			best, most = c.name, n
		}
	}
	return best
}

// overview shows all commands, or the one that --help is asked of.
func (r *run) overview() int {
	if r.command != nil {
		return r.end(r.explain(r.command))
	}
	if r.has("help") {
		r.writeOverview(r.Out)
		return 0
	}
	r.writeOverview(r.Err)
	return exitUsage
}

func (r *run) writeOverview(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n%s [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n\n",
		usageTitle, r.tool.name())
	for _, c := range commands {
		if c.tools&r.tool != 0 && !c.refused {
			fmt.Fprintf(w, "   %-36s %s\n", c.name, c.about)
		}
	}
	fmt.Fprintf(w, "\nUse '%s help <command>' to learn more about a specific command\n", r.tool.name())
}

// help is the command of that name.
func help(r *run) outcome {
	name := r.values.Get("command")
	if name == "" {
		r.writeOverview(r.Out)
		return outcome{}
	}
	c := r.tool.find(name)
	if c == nil {
		return outcome{text: "\nCommand '" + name + "' not found. ", code: exitUsage}
	}
	return r.explain(c)
}

// explain is what there is to say of a command.
func (r *run) explain(c *command) outcome {
	text := fmt.Sprintf("\n%s\n\n%s\n\n%s", usageTitle, r.tool.usageOf(c), c.about)
	if c.columns != "" {
		text += "\n\nColumns: " + strings.Join(strings.Fields(c.columns), ", ")
	}
	return outcome{text: text}
}
