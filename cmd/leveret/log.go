package main

import (
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"
)

const (
	formatConsole = "console"
	formatJSON    = "json"
)

// logTime is ISO 8601 with milliseconds: seconds are too coarse for a broker.
const logTime = "2006-01-02T15:04:05.000Z07:00"

func init() { zerolog.TimeFieldFormat = logTime } // zerolog has it for the whole process only

func checkLogFormat(format string) error {
	if format != formatConsole && format != formatJSON {
		return fmt.Errorf("want console or json, got %q", format)
	}
	return nil
}

func parseLogLevel(name string) (zerolog.Level, error) {
	switch level, err := zerolog.ParseLevel(name); {
	case err == nil && level >= zerolog.TraceLevel && level <= zerolog.ErrorLevel && name == level.String():
		return level, nil
	default:
		return zerolog.NoLevel, fmt.Errorf("want trace, debug, info, warn or error, got %q", name)
	}
}

// newLogger logs to out, which may be written by many goroutines at once.
func newLogger(out io.Writer, format string, level zerolog.Level) zerolog.Logger {
	if format == formatConsole {
		out = zerolog.ConsoleWriter{Out: out, NoColor: !colourful(out), TimeFormat: "2006-01-02 15:04:05.000"}
	}
	return zerolog.New(zerolog.SyncWriter(out)).Level(level).With().Timestamp().Logger()
}

// colourful reports whether out is a terminal of someone who has not asked for
// plain text (no-color.org).
func colourful(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
