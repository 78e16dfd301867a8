package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/certs"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/storage"
)

// settings are the configuration of leveret serve.
type settings struct {
	listen, listenTLS []string
	pprof             string // empty: no profiles
	socket            string // for commands; empty: in its place
	log               logSettings
	memory            config.Amount // more than this in use raises the alarm
	diskFree          config.Amount // less than this free does
	tls               certs.Files
	options           broker.Options
	definitions       definitionsToLoad
}

// loadConfig reads the configuration of a command line, with RabbitMQ's own
// files if that is asked for. What is wrong with it is reported at once.
func loadConfig(c *cli.Context, system bool) (*config.Set, error) {
	files := c.StringSlice(flagConfig)
	if named := os.Getenv(variableConfig); len(files) == 0 && named != "" {
		files = strings.Split(named, ",")
	}
	set, err := config.Load(config.Sources{
		Files:   files,
		System:  system,
		Environ: os.Environ(),
		Flags:   given(c),
	})
	if c.Args().Present() {
		err = errors.Join(err, fmt.Errorf("unexpected argument %q", c.Args().First()))
	}
	return set, err
}

// newSettings gives the configuration its meaning.
func newSettings(set *config.Set) (settings, error) {
	dir, dirErr := dataDir(set)
	files, tlsErr := tlsFiles(set)
	s := settings{
		listen:    set.Texts("listeners.tcp"),
		listenTLS: listenTLS(set),
		tls:       files,
		pprof:     set.Text("leveret.pprof"),
		socket:    set.Text("leveret.socket"),
		log:       newLogSettings(set),
		memory:    set.Amount("vm_memory_high_watermark"),
		diskFree:  set.Amount("disk_free_limit"),

		definitions: newDefinitionsToLoad(set),

		options: broker.Options{
			Vhosts:           vhosts(set),
			Heartbeat:        orNever(set.Time("heartbeat")),
			FrameMax:         uint32(set.Number("frame_max")),
			ChannelMax:       orMost(set.Number("max_channels_per_connection")),
			MaxMessageSize:   set.Number("max_message_size"),
			HandshakeTimeout: set.Time("handshake_timeout"),
			ConsumerTimeout:  orNever(set.Time("consumer_timeout")),
			DefaultQueueType: set.Text("default_queue_type"),
			Version:          set.Text("product.version"),
			ClusterName:      set.Text("cluster_name"),
			DataDir:          dir,
			Durability:       durabilities[set.Text("leveret.durability")],
			AcceptLoss:       set.Bool("leveret.accept_loss"),
			JournalSize:      int64(set.Number("leveret.journal_size")),
		},
	}
	setAccess(&s.options, set)
	var err error
	if len(s.listen)+len(s.listenTLS) == 0 {
		err = errNoDoors
	}
	return s, errors.Join(dirErr, tlsErr, err)
}

var durabilities = map[string]storage.Durability{"disk": storage.Disk, "os": storage.OS}

// dataDir is where to keep what is durable, empty if nowhere. A directory from
// a source that wins over the one that says memory is one.
func dataDir(set *config.Set) (string, error) {
	memory, dir := set.Origin("leveret.memory"), set.Origin("leveret.data_dir")
	switch {
	case !set.Bool("leveret.memory"), dir.Beyond(memory):
		return set.Text("leveret.data_dir"), nil
	case !memory.Beyond(dir) && dir.IsFlag():
		return "", fmt.Errorf("%s: want no directory with %s, got %q", dir, memory, set.Text("leveret.data_dir"))
	}
	return "", nil
}

func vhosts(set *config.Set) []string {
	if v := set.Text("default_vhost"); v != "" {
		return []string{v}
	}
	return set.Texts("leveret.vhosts")
}

// orNever is a time in the broker's terms, where negative is none.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// orMost is a limit of channels, of which 0 is none.
func orMost(n uint64) uint16 {
	if n == 0 {
		return math.MaxUint16
	}
	return uint16(n)
}
