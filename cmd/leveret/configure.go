package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/config"
)

// nameServer is the command by which RabbitMQ's broker is started.
const nameServer = "rabbitmq-server"

// configCommand is about configuration without a broker.
func configCommand(usageError cli.OnUsageErrorFunc) *cli.Command {
	return &cli.Command{
		Name:            "config",
		Usage:           "check files of configuration, and show what is in effect",
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Subcommands: []*cli.Command{
			{
				Name:         "check",
				Usage:        "read files in the syntax of rabbitmq.conf, and report all faults: exit status 1 if there are any",
				ArgsUsage:    "FILE...",
				Flags:        []cli.Flag{&cli.BoolFlag{Name: "strict-config", Usage: "keys that nobody knows are faults", DisableDefaultText: true}},
				OnUsageError: usageError,
				Action:       checkConfig,
			},
			{
				Name:         "show",
				Usage:        "show the value of every key that leveret serve would use, and where it comes from: takes the flags of serve",
				Flags:        append(serveFlags(), &cli.BoolFlag{Name: "system", Usage: "of leveret rabbitmq-server", DisableDefaultText: true}),
				OnUsageError: usageError,
				Action:       showConfig,
			},
		},
	}
}

// checkConfig tells what is wrong with files.
func checkConfig(c *cli.Context) error {
	if !c.Args().Present() {
		return errors.New("want files to check")
	}
	set, err := config.Check(os.Environ(), c.Bool("strict-config"), c.Args().Slice()...)
	if err == nil {
		_, err = newSettings(set)
	}
	for _, n := range set.Notes {
		if n.Level == config.Warning {
			fmt.Fprintf(c.App.Writer, "warning: %s\n", n.Text)
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.App.Writer, "no faults found")
	return err
}

// showConfig prints what is in effect.
func showConfig(c *cli.Context) error {
	set, err := loadConfig(c, c.Bool("system"))
	if err == nil {
		_, err = newSettings(set)
	}
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, v := range set.All() {
		fmt.Fprintf(out, "%s\t= %s\t# %s\n", v.Name, v.Shown(), v.Origin)
	}
	return out.Flush()
}
