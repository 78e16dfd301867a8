// Command leveret is a message broker that speaks AMQP 0-9-1.
//
//	leveret serve [flags]     run the broker until SIGTERM or SIGINT, or until its disk fails
//	leveret rabbitmq-server   the same, configured by the files of /etc/rabbitmq
//	leveret config            check files of configuration, and show what is in effect
//	leveret check DIR         read all that a stopped broker has stored
//	leveret dump DIR QUEUE    print the messages of a queue, as JSON lines
//	leveret perf              load a broker, and measure it
//	leveret version           print the version, as leveret --version does
//
// Every flag of serve can be given as an environment variable as well, and in a
// file of configuration, see docs/configuration.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

func main() {
	args := arguments(os.Args)
	err := errDetached
	if !detached(args) {
		err = newApp(os.Stdout).RunContext(untilSignal(), args)
	}
	if err != nil {
		var tool exitCode
		if errors.As(err, &tool) {
			os.Exit(int(tool))
		}
		fmt.Fprintf(os.Stderr, "leveret: %v\n", err)
		os.Exit(exitStatus(err))
	}
}

// exitStatus is 1, or 2 for a data directory of which nothing can be said, or 64
// for a load that makes no sense.
func exitStatus(err error) int {
	if errors.As(err, new(misused)) {
		return 64
	}
	if errors.As(err, new(unreadable)) {
		return 2
	}
	return 1
}

// untilSignal is done at the first SIGTERM or SIGINT. From then on signals have
// their usual effect, so that a second one ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // as long as the process
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// newApp is the whole command line, which prints and logs to out.
func newApp(out io.Writer) *cli.App {
	returnError := func(_ *cli.Context, err error, _ bool) error { return err }
	return &cli.App{
		Name:            "leveret",
		Usage:           "a message broker that speaks AMQP 0-9-1",
		Writer:          out,
		HideVersion:     true,
		HideHelpCommand: true,
		Flags:           []cli.Flag{&cli.BoolFlag{Name: flagVersion, Usage: "print the version", DisableDefaultText: true}},
		OnUsageError:    returnError,
		ExitErrHandler:  func(*cli.Context, error) {}, // main alone ends the process
		Action: func(c *cli.Context) error {
			switch {
			case c.Args().Present():
				return fmt.Errorf("unknown command %q, see leveret --help", c.Args().First())
			case c.Bool(flagVersion):
				return printVersion(c)
			}
			return cli.ShowAppHelp(c)
		},
		Commands: append(append(toolCommands(), operatorCommands(returnError)...), []*cli.Command{
			{
				Name:         "serve",
				Usage:        "run the broker until SIGTERM or SIGINT",
				Flags:        serveFlags(),
				OnUsageError: returnError,
				Action:       serve,
			},
			{
				Name:         nameServer,
				Usage:        "as serve, with the files of /etc/rabbitmq",
				Flags:        serveFlags(),
				OnUsageError: returnError,
				Action:       serve,
			},
			configCommand(returnError),
			definitionsCommand(returnError),
			perfCommand(),
			{
				Name:         "check",
				Usage:        "read all that a stopped broker has stored, and report damage: exit status 1, or 2 if it cannot be read",
				ArgsUsage:    "DIR",
				OnUsageError: unreadableError,
				Action:       check,
			},
			{
				Name:         "dump",
				Usage:        "print the messages of a queue of a stopped broker, as JSON lines",
				ArgsUsage:    "DIR QUEUE",
				Flags:        []cli.Flag{dumpVhost(), dumpDelayed()},
				OnUsageError: unreadableError,
				Action:       dump,
			},
			{
				Name:         "version",
				Usage:        "print the version",
				OnUsageError: returnError,
				Action:       printVersion,
			},
		}...),
	}
}
