package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/internal/config"
)

// logTime is how RabbitMQ writes times, in every format of its log.
const logTime = "2006-01-02 15:04:05.000000-07:00"

// logProcess stands where RabbitMQ names the Erlang process that says something:
// what reads its log looks for it.
const logProcess = "<0.1.0>"

// RabbitMQ's words; zerolog has these for the whole process only.
func init() {
	zerolog.TimeFieldFormat = logTime
	zerolog.MessageFieldName = "msg"
	zerolog.LevelWarnValue = "warning"
}

// logSettings say where the log goes.
type logSettings struct {
	console, file logOutput
	path          string // of the file; empty: none
	toConsole     bool
	categories    categories
}

// names are where it goes.
func (s logSettings) names() (all []string) {
	if s.path != "" {
		all = append(all, s.path)
	}
	if s.toConsole {
		all = append(all, "<stdout>")
	}
	return all
}

// logOutput is how one output is written.
type logOutput struct {
	json  bool
	level zerolog.Level
}

func newLogSettings(set *config.Set) logSettings {
	s := logSettings{
		console:   newLogOutput(set, "log.console"),
		file:      newLogOutput(set, "log.file"),
		toConsole: set.Bool("log.console"),
	}
	for _, c := range []string{"connection", "channel"} {
		if least, err := zerolog.ParseLevel(set.Text("log." + c + ".level")); err == nil && least != zerolog.NoLevel {
			if s.categories == nil {
				s.categories = categories{}
			}
			s.categories[c] = least
		}
	}
	if path := set.Text("log.file"); path != "false" {
		s.path = path
		if !filepath.IsAbs(path) {
			s.path = filepath.Join(set.Text("log.dir"), path)
		}
	}
	return s
}

// categories have levels of their own. A line is of the one that it begins with.
type categories map[string]zerolog.Level

// Run implements zerolog.Hook.
func (c categories) Run(e *zerolog.Event, level zerolog.Level, msg string) {
	category, _, _ := strings.Cut(msg, " ")
	if least, ok := c[category]; ok && level < least {
		e.Discard()
	}
}

// newLogOutput has an output's own level, or the one for all, if there is none or
// a later source has it.
func newLogOutput(set *config.Set, output string) logOutput {
	own, all := output+".level", "log.default.level"
	name := set.Text(own)
	if name == "" || set.Origin(all).Beyond(set.Origin(own)) {
		name = set.Text(all)
	}
	level, err := zerolog.ParseLevel(name)
	if err != nil { // the configuration is refused
		level = zerolog.InfoLevel
	}
	return logOutput{set.Text(output+".formatter") == "json", level}
}

// gate lets entries of a level and above through to an output.
type gate struct {
	zerolog.LevelWriter
	least atomic.Int32
}

// WriteLevel implements zerolog.LevelWriter.
func (g *gate) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	if int32(level) < g.least.Load() {
		return len(p), nil
	}
	return g.LevelWriter.WriteLevel(level, p)
}

// gate writes to out.
func (o logOutput) gate(out io.Writer) *gate {
	if !o.json {
		out = plainWriter(out)
	}
	g := &gate{LevelWriter: zerolog.LevelWriterAdapter{Writer: zerolog.SyncWriter(out)}}
	g.least.Store(int32(o.level))
	return g
}

// outputs are where a log goes.
type outputs struct {
	gates []*gate
	file  *logFile // nil without one
}

// setLevel has all outputs show a level and those above.
func (o *outputs) setLevel(name string) error {
	level, err := config.ParseLevel(name)
	if err != nil {
		return err
	}
	least, err := zerolog.ParseLevel(level)
	if err != nil {
		return err
	}
	for _, g := range o.gates {
		g.least.Store(int32(least))
	}
	return nil
}

// newLogger logs to out, which may be written by many goroutines at once, and to
// a file.
func newLogger(out io.Writer, s logSettings) (zerolog.Logger, *outputs, error) {
	o := new(outputs)
	if s.toConsole {
		o.gates = append(o.gates, s.console.gate(out))
	}
	if s.path != "" {
		var err error
		if o.file, err = openLogFile(s.path); err != nil {
			return zerolog.Nop(), nil, err
		}
		o.gates = append(o.gates, s.file.gate(o.file))
	}
	writers := make([]io.Writer, len(o.gates))
	for i, g := range o.gates {
		writers[i] = g
	}
	log := zerolog.New(zerolog.MultiLevelWriter(writers...)).With().Timestamp().Logger()
	if s.categories != nil {
		log = log.Hook(s.categories)
	}
	return log, o, nil
}

// announcer logs to standard output at every level, also where the log goes
// elsewhere: what starts brokers waits for what is said there.
func announcer(out io.Writer, s logSettings) zerolog.Logger {
	s.console.level = zerolog.InfoLevel
	return zerolog.New(s.console.gate(out)).With().Timestamp().Logger()
}

// plainWriter writes lines as RabbitMQ does:
//
//	2026-11-22 10:00:00.000000+00:00 [info] <0.1.0> text
func plainWriter(out io.Writer) io.Writer {
	colour := colourful(out)
	return zerolog.ConsoleWriter{
		Out: out, NoColor: !colour, TimeFormat: logTime,
		FormatTimestamp: func(t any) string { text, _ := t.(string); return text },
		FormatLevel:     func(l any) string { return plainLevel(l, colour) },
	}
}

// levelColours are codes of terminals.
var levelColours = map[string]string{"error": "\x1b[31m", "warning": "\x1b[33m", "debug": "\x1b[2m", "trace": "\x1b[2m"}

func plainLevel(l any, colour bool) string {
	name, _ := l.(string)
	text := "[" + name + "]"
	if code := levelColours[name]; colour && code != "" {
		text = code + text + "\x1b[0m"
	}
	return text + " " + logProcess
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

// logNotes logs what is to be said about the configuration.
func logNotes(set *config.Set, log zerolog.Logger) {
	levels := map[config.Level]zerolog.Level{config.Debug: zerolog.DebugLevel, config.Info: zerolog.InfoLevel, config.Warning: zerolog.WarnLevel}
	if len(set.Files) > 0 {
		log.Info().Msgf("config file(s): %s", strings.Join(set.Files, ", "))
	}
	for _, n := range set.Notes {
		log.WithLevel(levels[n.Level]).Msg(n.Text)
	}
	for _, v := range set.All() {
		if v.Origin.String() != "default" {
			log.Debug().Msgf("configuration: %s = %s (%s)", v.Name, v.Shown(), v.Origin)
		}
	}
}
