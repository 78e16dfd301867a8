package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/definitions"
)

// definitionsCommand is leveret definitions.
func definitionsCommand(returnError cli.OnUsageErrorFunc) *cli.Command {
	vhost := &cli.StringFlag{Name: "vhost", Usage: "of, or into, the virtual host `NAME` alone"}
	socket := &cli.StringFlag{Name: "socket", EnvVars: []string{"LEVERET_SOCKET"}, Usage: "`FILE`, the Unix socket of the broker"}
	return &cli.Command{
		Name: "definitions", Usage: "export and import what RabbitMQ calls definitions: users, queues, policies and so on",
		OnUsageError: returnError,
		Subcommands: []*cli.Command{
			{
				Name: "import", Usage: "import a file, or standard input: all of it or, if anything is wrong with it, nothing", ArgsUsage: "FILE|-",
				Flags: []cli.Flag{vhost, socket}, OnUsageError: returnError, Action: importCommand,
			},
			{
				Name: "export", Usage: "export to a file, or to standard output", ArgsUsage: "[FILE|-]",
				Flags: []cli.Flag{
					vhost, socket,
					&cli.StringFlag{Name: "from", Usage: "what a broker that is stopped has in the data directory `DIR`"},
				},
				OnUsageError: returnError, Action: exportCommand,
			},
		},
	}
}

// importCommand has the running broker import.
func importCommand(c *cli.Context) error {
	if c.NArg() != 1 {
		return errors.New("want a file, or - for standard input")
	}
	data, err := readInput(c.Args().First())
	if err != nil {
		return err
	}
	_, err = call(c, "import_definitions", url.Values{"only": {c.String("vhost")}, "definitions": {string(data)}})
	return err
}

// exportCommand writes what the running broker has, or a stopped one.
func exportCommand(c *cli.Context) error {
	if c.NArg() > 1 {
		return fmt.Errorf("unexpected argument %q", c.Args().Get(1))
	}
	data, err := exportFrom(c)
	if err != nil {
		return err
	}
	if file := c.Args().First(); file != "" && file != "-" {
		return writeWhole(file, data)
	}
	_, err = c.App.Writer.Write(data)
	return err
}

func exportFrom(c *cli.Context) ([]byte, error) {
	if dir := c.String("from"); dir != "" {
		return exportStopped(dir, c.String("vhost"))
	}
	answer, err := call(c, "export_definitions", url.Values{"only": {c.String("vhost")}})
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer // the answer is one line
	if err := json.Indent(&pretty, answer, "", "  "); err != nil {
		return nil, err
	}
	return append(pretty.Bytes(), '\n'), nil
}

func exportStopped(dir, vhost string) ([]byte, error) {
	i, err := broker.Inspect(dir)
	if err != nil {
		return nil, err
	}
	data, err := export(i, vhost, definitions.Origin{Version: toolVersion(), Cluster: "leveret"})
	return data, errors.Join(err, i.Close())
}

func readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// writeWhole writes a file that is there as a whole or not at all.
func writeWhole(name string, data []byte) error {
	if err := os.WriteFile(name+".new", data, 0o600); err != nil { // it has hashes of passwords
		return err
	}
	return os.Rename(name+".new", name)
}
