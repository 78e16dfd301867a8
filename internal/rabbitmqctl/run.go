package rabbitmqctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/leveretmq/leveret/internal/control"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Version  string // that the tools say they have
}

// run is a command that is carried out.
type run struct {
	context context.Context
	*invocation
	Streams
	tool   tool
	node   string
	values url.Values // arguments, and more that is only shown
	client *control.Client

	progress io.Writer // a terminal may be told how far it has come
}

// Knows tells whether there is a tool of a name, such as rabbitmqctl.
func Knows(name string) bool { return toolNames[name] != 0 }

// Run carries out a command line of one of RabbitMQ's tools, and returns the exit
// code.
func Run(ctx context.Context, name string, args []string, io Streams) int {
	t := toolNames[name]
	in, err := t.parse(args)
	r := &run{context: ctx, invocation: in, Streams: io, tool: t, node: or(in.last("node"), control.NodeName()), progress: io.Out}
	r.Out, r.Err = control.Visible(io.Out), control.Visible(io.Err)
	switch {
	case errors.Is(err, errNoCommand):
		return r.notFound()
	case in.has("version") && in.command == nil:
		return r.end(version(r, nil))
	case in.command == nil || in.has("help"):
		return r.overview()
	}
	if err == nil {
		r.values, err = in.arguments()
	}
	if err == nil {
		err = r.prepare()
	}
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return r.misused(usage)
	case err != nil:
		return r.failed(err)
	}
	if in.command.name == "help" {
		return r.end(help(r))
	}
	if c := in.command; !c.early && c.operation != "-" {
		if err := r.connect(); err != nil {
			return r.failed(err)
		}
	}
	if in.last("formatter") == "" || in.last("formatter") == "table" || in.last("formatter") == "pretty_table" {
		r.banner()
	}
	return r.carryOut()
}

// prepare looks at what was given, and adds what banners show.
func (r *run) prepare() error {
	if f := r.last("formatter"); !formatters[f] {
		return wrong("Invalid options for this command:\n--formatter : %s", f)
	}
	limit, shown := r.patience()
	for name, value := range map[string]string{
		"node": r.node, "timeout": shown, "timeout-ms": fmt.Sprint(limit.Milliseconds()), "timeout-s": fmt.Sprint(int(limit.Seconds())),
		"health-timeout": or(r.last("timeout"), "70"),
	} {
		r.values.Set(name, value)
	}
	if r.command.vet != nil {
		return r.command.vet(r)
	}
	return nil
}

// patience is how long the command may take, and how that is shown.
func (r *run) patience() (limit time.Duration, shown string) {
	switch given := r.last("timeout"); {
	case given == "infinity":
		return 365 * 24 * time.Hour, "infinity"
	case given != "":
		d, _ := time.ParseDuration(given + "s")
		return d, fmt.Sprintf("%.1f", d.Seconds())
	case r.command.awaits:
		return 5 * time.Minute, "300.0"
	}
	return time.Minute, "60.0"
}

// banner says what is going to happen, once that is known.
func (r *run) banner() {
	c := r.command
	if c.banner != "" && !r.has("quiet") && !r.has("silent") {
		fmt.Fprintln(r.Out, expand(c.banner, r.values))
	}
}

// carryOut has the broker carry the command out, and shows the answer.
func (r *run) carryOut() int {
	c := r.command
	if c.check != nil {
		if err := c.check(r); err != nil {
			return r.failed(err)
		}
	}
	var answer json.RawMessage
	if c.operation != "-" {
		var err error
		if answer, err = r.call(); err != nil {
			return r.failed(err)
		}
	}
	switch {
	case c.report:
		return r.end(report(r, answer))
	case c.show != nil:
		return r.end(c.show(r, answer))
	case c.columns != "":
		return r.list(answer)
	case c.done != "" && !r.has("quiet") && !r.has("silent"), c.done == "Success":
		return r.end(outcome{text: c.done})
	}
	return 0
}

// connect looks for the broker, and whether it is open or not as the command
// needs it. That is known before the banner.
func (r *run) connect() (err error) {
	if r.client, err = control.Dial(control.Candidates(r.last("socket"))); err != nil || r.command.app == either {
		return err
	}
	answer, err := r.client.Call(r.context, "app", nil, nil)
	switch s := statusOf(answer); {
	case err != nil:
		return err
	case r.command.app == running && !s.Running:
		return &control.Error{Kind: control.Stopped}
	case r.command.app == stopped && !s.Stopped:
		return &control.Error{Kind: control.Running}
	}
	return nil
}

// call asks the broker.
func (r *run) call() (json.RawMessage, error) {
	limit, _ := r.patience()
	ctx, cancel := context.WithTimeout(r.context, limit)
	defer cancel()
	if r.client == nil {
		var err error
		if r.client, err = r.dial(ctx); err != nil {
			return nil, err
		}
	}
	defer r.client.Close()
	values := url.Values{}
	for name, all := range r.values {
		values[name] = all
	}
	values["column"] = r.columns
	var progress func(control.Progress)
	if !r.has("quiet") && !r.has("silent") {
		tell, clear := control.Show(r.progress)
		defer clear()
		progress = tell
	}
	return r.client.Call(ctx, or(r.command.operation, r.command.name), values, progress)
}

// dial looks for the broker, if need be until it is there.
func (r *run) dial(ctx context.Context) (*control.Client, error) {
	paths := control.Candidates(r.last("socket"))
	if r.command.awaits {
		return control.Await(ctx, paths)
	}
	return control.Dial(paths)
}

// failed tells why a command was not carried out.
func (r *run) failed(err error) int {
	var refused *control.Error
	var local *refusal
	switch {
	case errors.As(err, &local):
		return r.end(outcome{text: local.text, code: local.code})
	case errors.Is(err, control.ErrNotRunning):
		return r.unreachable(err)
	case errors.Is(err, context.DeadlineExceeded):
		return r.end(outcome{
			text: expand("Error: operation "+r.command.name+" on node {node} timed out. Timeout value used: {timeout-ms}", r.values),
			code: exitTemporary, bare: true,
		})
	case errors.Is(err, context.Canceled):
		return r.end(outcome{text: "interrupted", code: exitSoftware})
	case !errors.As(err, &refused): // it has gone
		return r.unreachable(err)
	}
	f, known := r.command.failures[refused.Kind]
	switch {
	case !known && (refused.Kind == control.Stopped || refused.Kind == control.Running):
		return r.wrongTime(refused.Kind)
	case !known:
		f = failure{code: exitUnavailable}
		if refused.Kind == control.NoVhost {
			f = noVhost
		}
	case f.code == 0:
		if r.command.columns != "" {
			return r.list(json.RawMessage("[]"))
		}
		return 0
	}
	text := refused.Text
	if f.text != "" {
		text = expand(f.text, r.values)
	}
	return r.end(outcome{text: text, code: f.code, bare: f.bare})
}

// unreachable tells that no broker answers, in RabbitMQ's first words.
func (r *run) unreachable(err error) int {
	if r.command.down != "" {
		fmt.Fprintf(r.Err, "Error:\n%s\n", expand(r.command.down, r.values))
	} else if !r.has("silent") {
		fmt.Fprintf(r.Err, "Error: unable to perform an operation on node '%s'. "+
			"Please see diagnostics information and suggestions below.\n\n%v\n\n"+
			"Is leveret running, and is this its socket? --socket and LEVERET_SOCKET say where it is.\n", r.node, err)
	}
	return exitUnavailable
}
