package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/rabbitmqctl"
)

// exitCode is how one of RabbitMQ's tools has ended, which has said all itself.
type exitCode int

// Error implements error.
func (exitCode) Error() string { return "" }

// arguments are those of the process, with the name first by which it was
// called: as rabbitmqctl, leveret is what leveret rabbitmqctl is.
func arguments(all []string) []string {
	name := strings.TrimSuffix(filepath.Base(all[0]), ".exe")
	if rabbitmqctl.Knows(name) || name == nameServer {
		return slices.Insert(slices.Clone(all), 1, name)
	}
	return all
}

// errDetached is what rabbitmq-server -detached ends with.
var errDetached = errors.New("-detached is not supported: start it in the background with &, nohup or a service manager")

// detached tells whether a command line wants that.
func detached(args []string) bool {
	return len(args) > 1 && args[1] == nameServer && (slices.Contains(args, "-detached") || slices.Contains(args, "--detached"))
}

// toolCommands are RabbitMQ's tools.
func toolCommands() (all []*cli.Command) {
	for _, t := range []struct{ name, usage string }{
		{"rabbitmqctl", "what RabbitMQ's rabbitmqctl does, for the broker that runs here"},
		{"rabbitmq-diagnostics", "likewise: checks of its health"},
		{"rabbitmq-plugins", "likewise: what plugins it stands for"},
	} {
		all = append(all, &cli.Command{
			Name: t.name, Usage: t.usage, SkipFlagParsing: true, HideHelp: true, HideHelpCommand: true, // they have their own
			Action: func(c *cli.Context) error {
				return runTool(c.Context, t.name, c.Args().Slice(), c.App.Writer)
			},
		})
	}
	return all
}

func runTool(ctx context.Context, name string, args []string, out io.Writer) error {
	code := rabbitmqctl.Run(ctx, name, args, rabbitmqctl.Streams{In: os.Stdin, Out: out, Err: os.Stderr, Version: toolVersion()})
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// toolVersion is the version that clients are told unless the broker is
// configured otherwise.
func toolVersion() string {
	if v := os.Getenv("LEVERET_SERVER_VERSION"); v != "" {
		return v
	}
	return "3.13.7"
}
