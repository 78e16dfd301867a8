package main

import (
	"os"
	"time"

	"github.com/urfave/cli/v2"
)

// Names of flags that are read in more than one place.
const (
	flagListen          = "listen"
	flagDataDir         = "data-dir"
	flagDurability      = "durability"
	flagJournalSize     = "journal-size"
	flagAcceptLoss      = "accept-loss"
	flagMemory          = "memory"
	flagVhost           = "vhost"
	flagDefaultUser     = "default-user"
	flagDefaultPass     = "default-pass"
	flagHeartbeat       = "heartbeat"
	flagFrameMax        = "frame-max"
	flagChannelMax      = "channel-max"
	flagMaxMessageSize  = "max-message-size"
	flagConsumerTimeout = "consumer-timeout"
	flagServerVersion   = "server-version"
	flagMemoryMark      = "memory-high-watermark"
	flagDiskFreeLimit   = "disk-free-limit"
	flagLogLevel        = "log-level"
	flagLogFormat       = "log-format"
	flagPprof           = "pprof"
	flagVersion         = "version"
)

// serveFlags are the settings of leveret serve.
func serveFlags() []cli.Flag { return append(storeFlags(), brokerFlags()...) }

// storeFlags are about what is kept, and what there is room for.
func storeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: flagDataDir, EnvVars: []string{"LEVERET_DATA_DIR"}, Value: "./leveret-data",
			Usage: "keep what is durable in `DIR`, which is made if it is not there",
		},
		&cli.StringFlag{
			Name: flagDurability, EnvVars: []string{"LEVERET_DURABILITY"}, Value: durabilityDisk,
			Usage: "`CLASS` of what is confirmed: disk, synced to disk, or os, handed to the operating system",
		},
		&cli.GenericFlag{
			Name: flagJournalSize, EnvVars: []string{"LEVERET_JOURNAL_SIZE"}, Value: newSize("256MiB"),
			Usage: "`SIZE` that the journal may grow to before the oldest messages in it move on",
		},
		&cli.BoolFlag{
			Name: flagAcceptLoss, EnvVars: []string{"LEVERET_ACCEPT_LOSS"},
			Usage: "start on a damaged data directory, without what is lost", DisableDefaultText: true,
		},
		&cli.BoolFlag{
			Name: flagMemory, EnvVars: []string{"LEVERET_MEMORY"},
			Usage: "keep nothing on disk", DisableDefaultText: true,
		},
		&cli.GenericFlag{
			Name: flagMemoryMark, EnvVars: []string{"LEVERET_MEMORY_HIGH_WATERMARK"}, Value: newAmount("0.6"),
			Usage: "hold up publishers while the broker uses more memory than `AMOUNT`: a part of what it may use at most, or a size such as 512MiB",
		},
		&cli.GenericFlag{
			Name: flagDiskFreeLimit, EnvVars: []string{"LEVERET_DISK_FREE_LIMIT"}, Value: newAmount("50MB"),
			Usage: "hold up publishers while less than `AMOUNT` of disk space is free: a size, or a multiple of the memory such as 1.5",
		},
	}
}

// brokerFlags are about the rest. Their defaults are RabbitMQ's.
func brokerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{
			Name: flagListen, EnvVars: []string{"LEVERET_LISTEN"},
			Value: cli.NewStringSlice(":5672"),
			Usage: "accept AMQP connections on `ADDR`, host:port; repeat it, or separate by commas",
		},
		&cli.StringSliceFlag{
			Name: flagVhost, EnvVars: []string{"LEVERET_VHOST"},
			Value: cli.NewStringSlice("/"),
			Usage: "virtual host `NAME`; repeat it, or separate by commas",
		},
		&cli.StringFlag{
			Name: flagDefaultUser, EnvVars: []string{"LEVERET_DEFAULT_USER"}, Value: "guest",
			Usage: "`NAME` of the user; guest may log in from this machine only",
		},
		&cli.StringFlag{
			Name: flagDefaultPass, EnvVars: []string{"LEVERET_DEFAULT_PASS"}, Value: "guest",
			Usage: "`PASSWORD` of the user", DefaultText: "guest",
		},
		&cli.GenericFlag{
			Name: flagHeartbeat, EnvVars: []string{"LEVERET_HEARTBEAT"}, Value: newSeconds(time.Minute),
			Usage: "`SECONDS` between heartbeats offered to clients; 0 offers none",
		},
		&cli.UintFlag{
			Name: flagFrameMax, EnvVars: []string{"LEVERET_FRAME_MAX"}, Value: 131072,
			Usage: "largest frame in `BYTES`, at least 4096",
		},
		&cli.UintFlag{
			Name: flagChannelMax, EnvVars: []string{"LEVERET_CHANNEL_MAX"}, Value: 2047,
			Usage: "largest `NUMBER` of channels of a connection, 1 to 65535",
		},
		&cli.Uint64Flag{
			Name: flagMaxMessageSize, EnvVars: []string{"LEVERET_MAX_MESSAGE_SIZE"}, Value: 128 << 20,
			Usage: "largest message body in `BYTES`, up to 536870912",
		},
		&cli.DurationFlag{
			Name: flagConsumerTimeout, EnvVars: []string{"LEVERET_CONSUMER_TIMEOUT"}, Value: 30 * time.Minute,
			Usage: "close a channel that does not acknowledge a delivery within `TIME`, such as 90s or 30m; 0 is never",
		},
		&cli.StringFlag{
			Name: flagServerVersion, EnvVars: []string{"LEVERET_SERVER_VERSION"}, Value: "3.13.7",
			Usage: "`VERSION` told to clients, some of which choose features by it",
		},
		&cli.StringFlag{
			Name: flagLogLevel, EnvVars: []string{"LEVERET_LOG_LEVEL"}, Value: "info",
			Usage: "`LEVEL`: trace, debug, info, warn or error",
		},
		&cli.StringFlag{
			Name: flagLogFormat, EnvVars: []string{"LEVERET_LOG_FORMAT"}, Value: "console",
			Usage: "`FORMAT`: console or json",
		},
		&cli.StringFlag{
			Name: flagPprof, EnvVars: []string{"LEVERET_PPROF"}, Hidden: true,
			Usage: "serve profiles over HTTP on `ADDR`, a loopback address",
		},
	}
}

// forgetEmpty has empty environment variables count as not set, as it is with
// most programs: containers are often given them.
func forgetEmpty(flags []cli.Flag) {
	for _, f := range flags {
		for _, name := range f.(cli.DocGenerationFlag).GetEnvVars() {
			if os.Getenv(name) == "" {
				os.Unsetenv(name)
			}
		}
	}
}
