package rabbitmqctl

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// tool is one of RabbitMQ's programs.
type tool uint8

const (
	ctl tool = 1 << iota
	diagnostics
	plugins
)

var toolNames = map[string]tool{"rabbitmqctl": ctl, "rabbitmq-diagnostics": diagnostics, "rabbitmq-plugins": plugins}

// command is one command of a tool.
type command struct {
	name  string
	tools tool
	about string // one line for the list of commands

	// args are the names of the positional arguments, which are those of the
	// operation: "user ?password *tag" has one that must be there, one that may,
	// and any number of others.
	args     string
	switches map[string]kind // of its own; those of all commands are in globals
	usage    string          // what follows the name of the command in its usage

	columns string // that can be listed; empty: it is no list
	shown   string // of these, unless others are asked for
	live    bool   // an empty list leaves no blank line
	early   bool   // its banner comes before it is known whether there is a broker
	down    string // said if there is none, in place of RabbitMQ's long words
	awaits  bool   // it waits for a broker that does not answer yet
	refused bool   // whatever its switches are
	app     need
	report  bool // it is made of other commands

	banner    string // said before, with the values of arguments: {user}
	operation string // of package control; empty: its name. "-": none
	check     func(*run) error
	vet       func(*run) error // more of what is wrong with its arguments
	done      string           // said after
	show      func(*run, json.RawMessage) outcome
	failures  failures
}

// need is whether the broker has to be open for a command, which stop_app and
// start_app decide.
type need uint8

const (
	running need = iota
	stopped
	either
)

// kind is what a switch takes.
type kind uint8

const (
	flag kind = iota + 1 // nothing
	text
	number
	seconds
)

// globals are the switches that all commands have, and their short names.
var globals = map[string]kind{
	"node": text, "quiet": flag, "silent": flag, "dry-run": flag, "vhost": text, "longnames": flag, "formatter": text,
	"file": text, "timeout": seconds, "no-table-headers": flag, "table-headers": flag, "script-name": text, "help": flag,
	"socket": text, "erlang-cookie": text, "printer": text, "version": flag,
}

var shortNames = map[string]string{"n": "node", "q": "quiet", "s": "silent", "p": "vhost", "l": "longnames", "t": "timeout", "?": "help"}

// failure is how a command ends that was refused.
type failure struct {
	code int
	text string // with the values of arguments; empty: the broker's
	bare bool   // without the word Error
}

// unsupported is a command that RabbitMQ has, and this broker cannot have.
func unsupported(name, usage, why string, where ...tool) command {
	tools := ctl
	if len(where) > 0 {
		tools = where[0]
	}
	return command{
		name: name, tools: tools, about: "Not supported: " + why, usage: usage, args: "*argument", operation: "-", refused: true,
		check: func(*run) error { return &refusal{exitUnavailable, name + " is not supported: " + why} },
	}
}

// refusal is why a command is not carried out.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return r.text }

// failures are those of a command, by the kinds of errors of package control.
type failures map[string]failure

// Exit codes, which RabbitMQ has from sysexits.h.
const (
	exitUsage       = 64
	exitData        = 65
	exitNoUser      = 67
	exitUnavailable = 69
	exitSoftware    = 70
	exitTemporary   = 75
	exitConfig      = 78
)

// outcome is how a command ended: what it says, as text and as JSON, and the
// exit code. What is said of a failure is an error.
type outcome struct {
	text string
	json any // nil: a message with the text
	code int
	bare bool // see failure
	said bool // all was said already
}

// commands are all commands of all tools.
var commands = joined(userCommands, vhostCommands, policyCommands, topologyCommands, nodeCommands, diagnosticsCommands, pluginCommands)

func joined(all ...[]command) (sum []command) {
	for _, some := range all {
		sum = append(sum, some...)
	}
	return sum
}

// find returns the command of a tool with a name, nil if there is none.
func (t tool) find(name string) *command {
	for i := range commands {
		if c := &commands[i]; c.name == name && c.tools&t != 0 {
			return c
		}
	}
	return nil
}

func (t tool) name() string {
	for name, other := range toolNames {
		if t == other {
			return name
		}
	}
	return ""
}

var placeholder = regexp.MustCompile(`\{[a-z-]+\}`)

// expand fills in the values of arguments.
func expand(text string, values url.Values) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		return strings.Join(values[p[1:len(p)-1]], ", ")
	})
}
