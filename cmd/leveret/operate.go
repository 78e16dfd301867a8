package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/control"
)

// What leveret says of a running broker in its own words: RabbitMQ's commands
// have no others for it.

// listing is a table of what a broker has.
type listing struct {
	name, usage string
	operation   string
	columns     []string
	vhost       bool
	only        string // a column; rows where it is 0 are left out
}

var listings = []listing{
	{
		name: "queues", usage: "list the queues of a virtual host", operation: "list_queues", vhost: true,
		columns: []string{"name", "type", "messages_ready", "messages_unacknowledged", "message_bytes", "consumers", "policy"},
	},
	{
		name: "connections", usage: "list connections", operation: "list_connections",
		columns: []string{"name", "user", "vhost", "state", "channels", "recv_oct", "send_oct"},
	},
	{
		name: "delayed", usage: "list the exchanges that delay messages, and how many wait", operation: "list_exchanges", vhost: true,
		columns: []string{"name", "type", "delayed"}, only: "delayed",
	},
}

func socketFlag() cli.Flag {
	return &cli.StringFlag{Name: "socket", EnvVars: []string{"LEVERET_SOCKET"}, Usage: "`FILE`, the broker's socket for commands"}
}

func vhostFlag() cli.Flag {
	return &cli.StringFlag{Name: "vhost", Aliases: []string{"p"}, Value: "/", Usage: "virtual host `NAME`"}
}

// operatorCommands ask the broker that runs.
func operatorCommands(usageError cli.OnUsageErrorFunc) (all []*cli.Command) {
	for _, l := range listings {
		flags := []cli.Flag{socketFlag()}
		if l.vhost {
			flags = append(flags, vhostFlag())
		}
		all = append(all, &cli.Command{Name: l.name, Usage: l.usage, Flags: flags, OnUsageError: usageError, Action: l.print})
	}
	return append(all,
		&cli.Command{
			Name: "purge", Usage: "remove all messages that are ready in a queue", ArgsUsage: "QUEUE",
			Flags: []cli.Flag{socketFlag(), vhostFlag()}, OnUsageError: usageError,
			Action: func(c *cli.Context) error { return onQueue(c, "purge_queue", "messages were removed", nil) },
		},
		&cli.Command{
			Name: "redrive", Usage: "move dead letters back to where they died, or on to an exchange", ArgsUsage: "QUEUE",
			Flags: []cli.Flag{
				socketFlag(), vhostFlag(),
				&cli.StringFlag{Name: "to", Usage: "`EXCHANGE` that gets them; default: each goes back to its queue"},
				&cli.StringFlag{Name: "routing-key", Usage: "`KEY` by which they go to the exchange; default: that of each"},
				&cli.IntFlag{Name: "limit", Usage: "look at so many messages `N` at the head of the queue; default: at all"},
				&cli.Float64Flag{Name: "rate", Usage: "move `N` messages a second; default: as many as can be"},
			},
			OnUsageError: usageError, Action: redrive,
		})
}

// call has the broker carry a command out.
func call(c *cli.Context, operation string, arguments url.Values) (json.RawMessage, error) {
	client, err := control.Dial(control.Candidates(c.String("socket")))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	progress, clear := control.Show(c.App.Writer)
	defer clear()
	result, err := client.Call(c.Context, operation, arguments, progress)
	if errors.Is(err, context.Canceled) {
		return nil, errors.New("interrupted")
	}
	return result, err
}

func (l listing) print(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("unexpected argument %q", c.Args().First())
	}
	result, err := call(c, l.operation, url.Values{"vhost": {c.String("vhost")}, "column": l.columns})
	if err != nil {
		return err
	}
	var rows []map[string]any
	if rows, err = l.rows(result); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(l.columns, "\t"))
	for _, row := range rows {
		cells := make([]string, len(l.columns))
		for i, name := range l.columns {
			cells[i] = fmt.Sprint(row[name])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// rows are those of an answer that are shown.
func (l listing) rows(result json.RawMessage) (all []map[string]any, err error) {
	var rows [][]any
	d := json.NewDecoder(strings.NewReader(string(result)))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		named := map[string]any{}
		for i, v := range row {
			named[l.columns[i]] = v
		}
		if l.only == "" || named[l.only] != json.Number("0") {
			all = append(all, named)
		}
	}
	return all, nil
}

// onQueue does something to the queue that the argument names, and says how many
// messages it was done to.
func onQueue(c *cli.Context, operation, done string, arguments url.Values) error {
	if c.NArg() != 1 {
		return fmt.Errorf("want one queue, got %d arguments", c.NArg())
	}
	if arguments == nil {
		arguments = url.Values{}
	}
	arguments.Set("queue", c.Args().First())
	arguments.Set("vhost", c.String("vhost"))
	result, err := call(c, operation, arguments)
	if err != nil {
		return err
	}
	var counted struct{ Count int }
	if err := json.Unmarshal(result, &counted); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d %s\n", counted.Count, done)
	return err
}

func redrive(c *cli.Context) error {
	arguments := url.Values{}
	for flag, name := range map[string]string{"to": "exchange", "routing-key": "routing-key", "limit": "limit", "rate": "rate"} {
		if c.IsSet(flag) {
			arguments.Set(name, fmt.Sprint(c.Value(flag)))
		}
	}
	if c.IsSet("routing-key") && !c.IsSet("to") {
		return errors.New("--routing-key is for --to")
	}
	return onQueue(c, "redrive", "messages were moved", arguments)
}
