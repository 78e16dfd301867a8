package main

import (
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/internal/config"
)

// Names of flags that are read apart from the configuration.
const (
	flagConfig  = "config"
	flagVersion = "version"
)

// variableConfig stands for --config.
const variableConfig = "LEVERET_CONFIG"

// serveFlags are the settings of leveret serve.
func serveFlags() []cli.Flag {
	flags := []cli.Flag{&cli.StringSliceFlag{
		Name:  flagConfig,
		Usage: "read `FILE`, in the syntax of rabbitmq.conf, or the *.conf of a directory, and no other; repeat it, or separate by commas [$" + variableConfig + "]",
	}}
	for _, k := range config.Keys() {
		if k.Flag != "" {
			flags = append(flags, flagOf(k))
		}
	}
	return flags
}

// flagOf is the flag of a key. Its variable is read by package config, and told
// here.
func flagOf(k config.Key) cli.Flag {
	usage := k.Usage + " [$" + k.LeveretVariable() + "]"
	switch {
	case k.IsSwitch():
		return &cli.BoolFlag{Name: k.Flag, Usage: usage, DisableDefaultText: true}
	case k.Many:
		return &cli.StringSliceFlag{Name: k.Flag, Usage: usage, DefaultText: k.Default}
	}
	return &cli.StringFlag{Name: k.Flag, Usage: usage, DefaultText: k.Default, Hidden: k.Flag == "pprof"}
}

// given are the flags of a command line.
func given(c *cli.Context) (flags []config.Flag) {
	for _, k := range config.Keys() {
		if k.Flag == "" || !c.IsSet(k.Flag) {
			continue
		}
		f := config.Flag{Name: k.Flag}
		switch {
		case k.IsSwitch():
			f.Values = []string{strconv.FormatBool(c.Bool(k.Flag))}
		case k.Many:
			f.Values = c.StringSlice(k.Flag)
		default:
			f.Values = []string{c.String(k.Flag)}
		}
		flags = append(flags, f)
	}
	return flags
}
