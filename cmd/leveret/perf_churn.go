package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/perf"
)

// churnCommands are lavinmqperf's.
func churnCommands(usageError cli.OnUsageErrorFunc) (all []*cli.Command) {
	for _, k := range perf.Churns() {
		all = append(all, &cli.Command{
			Name: k.Name, Usage: k.Usage + ", again and again",
			HideHelp: true, OnUsageError: usageError,
			Flags: []cli.Flag{
				uriFlag(),
				&cli.IntFlag{Name: "clients", Aliases: []string{"x"}, Usage: "`N` clients do it at once", Value: 1},
				&cli.Float64Flag{Name: "time", Aliases: []string{"z"}, Usage: "end after so many `SECONDS`"},
				&cli.BoolFlag{Name: "json", Aliases: []string{"j"}, Usage: "print the result as JSON", DisableDefaultText: true},
				perfHelpFlag(),
			},
			Action: func(c *cli.Context) error { return runChurn(c, k) },
		})
	}
	return all
}

func runChurn(c *cli.Context, k perf.Churn) error {
	switch {
	case c.Bool("help"):
		return cli.ShowSubcommandHelp(c)
	case c.Args().Present():
		return misused{fmt.Errorf("unexpected argument %q", c.Args().First())}
	case c.Float64("time") < 0:
		return misused{errors.New("time is negative")}
	}
	r, err := k.Run(c.Context, c.String("uri"), c.Int("clients"), seconds(c.Float64("time")))
	if errors.As(err, new(perf.LoadError)) {
		return misused{err}
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d rounds, %.0f a second, median/99th/max %d/%d/%d µs\n",
		r.Name, r.Rounds, r.Rate, r.Took.Median, r.Took.P99, r.Took.Max)
	return err
}
