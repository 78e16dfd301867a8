package rabbitmqctl

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// invocation is a command line as it was understood.
type invocation struct {
	command   *command
	given     []string // all arguments, as they came
	switches  url.Values
	positions []string
	columns   []string
}

// usageError is a command line that is wrong.
type usageError struct {
	text string
	code int
}

func (e *usageError) Error() string { return e.text }

func wrong(format string, args ...any) *usageError {
	return &usageError{fmt.Sprintf(format, args...), exitUsage}
}

// parse reads a command line. Switches may be anywhere; what they are depends on
// the command, which is the first argument that is no switch of all commands.
func (t tool) parse(args []string) (*invocation, error) {
	in := &invocation{given: args, switches: url.Values{}}
	if i := commandAt(args); i >= 0 {
		in.command = t.find(args[i])
		if in.command == nil {
			return in, errNoCommand
		}
	}
	var bad []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" { // no switch follows
			in.positions = append(in.positions, args[i+1:]...)
			break
		}
		name, value, hasValue, ok := cutSwitch(args[i])
		if !ok {
			in.positions = append(in.positions, args[i])
			continue
		}
		shown, _, _ := strings.Cut(args[i], "=")
		name = in.long(name)
		k := in.kind(name)
		if k == 0 && in.command != nil && in.command.refused {
			continue
		}
		if k != flag && k != 0 && !hasValue && i+1 < len(args) {
			i++
			value, hasValue = args[i], true
		}
		if !k.takes(value, hasValue) {
			bad = append(bad, shown+" : "+value)
			continue
		}
		in.switches[name] = append(in.switches[name], value)
	}
	if in.command == nil {
		return in, nil
	}
	in.positions = slices.DeleteFunc(in.positions, func() func(string) bool {
		taken := false
		return func(s string) bool {
			first := !taken && s == in.command.name
			taken = taken || first
			return first
		}
	}())
	if len(bad) > 0 {
		return in, wrong("Invalid options for this command:\n%s", strings.Join(bad, "\n"))
	}
	return in, nil
}

// commandAt is where the command is in a command line, -1 if there is none: what
// follows a switch that takes something is no command.
func commandAt(args []string) int {
	for i := 0; i < len(args); i++ {
		name, _, hasValue, ok := cutSwitch(args[i])
		switch {
		case args[i] == "--" && i+1 == len(args):
			return -1
		case args[i] == "--":
			return i + 1
		case !ok:
			return i
		}
		if k := globals[name]; k > flag && !hasValue {
			i++
		}
	}
	return -1
}

// cutSwitch takes --name, --name=value or a short name apart.
func cutSwitch(arg string) (name, value string, hasValue, ok bool) {
	if long, is := strings.CutPrefix(arg, "--"); is && long != "" {
		name, value, hasValue = strings.Cut(long, "=")
		return name, value, hasValue, true
	}
	if short, is := strings.CutPrefix(arg, "-"); is && short != "" {
		name, value, hasValue = strings.Cut(short, "=")
		if long, known := shortNames[name]; known {
			name = long
		}
		if len(short) == 1 || hasValue || shortNames[short] != "" {
			return name, value, hasValue, true
		}
	}
	return "", "", false, false
}

// ownShort are short names that only some commands have.
var ownShort = map[string][]string{
	"e": {"implicitly-enabled", "if-empty"}, "E": {"enabled"}, "m": {"minimal"}, "v": {"verbose"}, "u": {"if-unused"},
	"P": {"pid"}, "N": {"number"}, "a": {"all"}, "d": {"duration"},
}

// long is the switch that a short name stands for.
func (in *invocation) long(name string) string {
	for _, long := range ownShort[name] {
		if in.command != nil && in.command.switches[long] != 0 {
			return long
		}
	}
	return name
}

// kind is what a switch of the command takes, 0 if it has none of the name.
func (in *invocation) kind(name string) kind {
	if k := globals[name]; k != 0 {
		return k
	}
	if in.command == nil {
		return 0
	}
	return in.command.switches[name]
}

func (k kind) takes(value string, given bool) bool {
	switch k {
	case flag:
		return !given || value == "true" || value == "false"
	case text:
		return given
	case number:
		_, err := strconv.Atoi(value)
		return given && err == nil
	case seconds:
		n, err := strconv.ParseFloat(value, 64)
		return given && err == nil && n >= 0 || value == "infinity"
	}
	return false
}

// arguments are the positional ones by their names, together with switches.
func (in *invocation) arguments() (url.Values, error) {
	c, values := in.command, url.Values{}
	for name, all := range in.switches {
		if len(all) > 0 && globals[name] == 0 && all[len(all)-1] != "false" {
			values.Set(name, all[len(all)-1])
			if c.switches[name] == flag {
				values.Set(name, "true")
			}
		}
	}
	values.Set("vhost", or(in.last("vhost"), "/"))
	rest := in.positions
	for _, arg := range strings.Fields(c.args) {
		name := strings.TrimLeft(arg, "?*")
		switch {
		case arg[0] == '*':
			values[name] = append(values[name], rest...)
			rest = nil
		case len(rest) > 0:
			values[name] = []string{rest[0]}
			rest = rest[1:]
		case arg[0] != '?':
			return nil, wrong("not enough arguments.")
		}
	}
	if len(rest) > 0 && !strings.Contains(c.usage, "<column>") {
		return nil, wrong("too many arguments.")
	}
	return values, in.setColumns(rest)
}

// setColumns takes what is asked to be listed.
func (in *invocation) setColumns(asked []string) error {
	known := strings.Fields(in.command.columns)
	var unknown []string
	for _, some := range asked {
		for name := range strings.FieldsFuncSeq(some, func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(known, name) {
				unknown = append(unknown, name)
			}
			in.columns = append(in.columns, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return wrong("Info key(s) %s are not supported", strings.Join(unknown, ","))
	}
	if len(in.columns) == 0 {
		in.columns = strings.Fields(in.command.shown)
	}
	return nil
}

// last is the value of a switch, the last one if there are several.
func (in *invocation) last(name string) string {
	if all := in.switches[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// has tells whether a switch is on.
func (in *invocation) has(name string) bool { return in.switches.Has(name) && in.last(name) != "false" }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
