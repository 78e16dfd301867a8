package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// maxMessageSizeLimit is the largest message that RabbitMQ can be set to
// accept, 512 MiB.
const maxMessageSizeLimit = 512 << 20

// The journal has eight segments: less than the least would be mere overhead,
// and more than the most would have segments in which offsets do not fit.
const (
	leastJournal = 1 << 20
	mostJournal  = 16 << 30
)

// settings are the checked flags of leveret serve.
type settings struct {
	listen    []string
	pprof     string // empty: no profiles
	logLevel  zerolog.Level
	logFormat string
	memory    amount // more than this in use raises the alarm
	diskFree  amount // less than this free does
	broker    broker.Options
}

// readSettings reports every fault of the flags at once.
func readSettings(c *cli.Context) (settings, error) {
	var faults []error
	check := func(name string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", name, err))
		}
	}
	s := settings{
		listen:    c.StringSlice(flagListen),
		pprof:     c.String(flagPprof),
		logFormat: c.String(flagLogFormat),
		memory:    *c.Generic(flagMemoryMark).(*amount),
		diskFree:  *c.Generic(flagDiskFreeLimit).(*amount),
		broker: broker.Options{
			ConsumerTimeout: consumerTimeout(c),
			Vhosts:          c.StringSlice(flagVhost),
			DefaultUser:     c.String(flagDefaultUser),
			DefaultPass:     c.String(flagDefaultPass),
			Heartbeat:       heartbeat(c),
			FrameMax:        uint32(c.Uint(flagFrameMax)),
			ChannelMax:      uint16(c.Uint(flagChannelMax)),
			MaxMessageSize:  c.Uint64(flagMaxMessageSize),
			Version:         c.String(flagServerVersion),
			JournalSize:     int64(c.Generic(flagJournalSize).(*size).bytes),
			AcceptLoss:      c.Bool(flagAcceptLoss),
		},
	}
	if c.Args().Present() {
		faults = append(faults, fmt.Errorf("unexpected argument %q", c.Args().First()))
	}
	for _, addr := range s.listen {
		check(flagListen, checkAddress(addr))
	}
	var err error
	s.broker.DataDir, err = dataDir(c)
	check(flagDataDir, err)
	s.broker.Durability, err = parseDurability(c.String(flagDurability))
	check(flagDurability, err)
	check(flagJournalSize, checkRange(uint64(s.broker.JournalSize), leastJournal, mostJournal))
	for _, name := range s.broker.Vhosts {
		check(flagVhost, checkShortString(name))
	}
	check(flagDefaultUser, checkShortString(s.broker.DefaultUser))
	check(flagDefaultPass, checkShortString(s.broker.DefaultPass))
	check(flagFrameMax, checkRange(uint64(c.Uint(flagFrameMax)), amqp.MinFrameMax, math.MaxInt32))
	check(flagChannelMax, checkRange(uint64(c.Uint(flagChannelMax)), 1, math.MaxUint16))
	check(flagMaxMessageSize, checkRange(s.broker.MaxMessageSize, 1, maxMessageSizeLimit))
	if d := c.Duration(flagConsumerTimeout); d < 0 {
		check(flagConsumerTimeout, fmt.Errorf("want a time of 0 or more, got %v", d))
	}
	if s.memory.part > 1 {
		check(flagMemoryMark, fmt.Errorf("want a part of 0 to 1, got %s", s.memory.text))
	}
	check(flagServerVersion, checkShortString(s.broker.Version))
	if s.pprof != "" {
		check(flagPprof, checkLoopback(s.pprof))
	}
	s.logLevel, err = parseLogLevel(c.String(flagLogLevel))
	check(flagLogLevel, err)
	check(flagLogFormat, checkLogFormat(s.logFormat))
	return s, errors.Join(faults...)
}

// dataDir is where to keep what is durable, empty with --memory.
func dataDir(c *cli.Context) (string, error) {
	dir := c.String(flagDataDir)
	switch {
	case c.Bool(flagMemory) && c.IsSet(flagDataDir) && dir != os.Getenv("LEVERET_DATA_DIR"): // the flag wins over the variable
		return "", fmt.Errorf("want no directory with --%s, got %q", flagMemory, dir)
	case c.Bool(flagMemory):
		return "", nil
	case dir == "":
		return "", errors.New("want a directory")
	}
	return dir, nil
}

// Values of --durability.
const (
	durabilityDisk = "disk"
	durabilityOS   = "os"
)

func parseDurability(class string) (storage.Durability, error) {
	switch class {
	case durabilityDisk:
		return storage.Disk, nil
	case durabilityOS:
		return storage.OS, nil
	}
	return 0, fmt.Errorf("want disk or os, got %q", class)
}

// heartbeat is the flag in the broker's terms, where negative offers none.
func heartbeat(c *cli.Context) time.Duration {
	if s, ok := c.Generic(flagHeartbeat).(*seconds); ok && *s > 0 {
		return time.Duration(*s)
	}
	return -1
}

// consumerTimeout is likewise.
func consumerTimeout(c *cli.Context) time.Duration {
	if d := c.Duration(flagConsumerTimeout); d > 0 {
		return d
	}
	return -1
}

func checkRange(n, low, high uint64) error {
	if n < low || n > high {
		return fmt.Errorf("want %d to %d, got %d", low, high, n)
	}
	return nil
}

func checkShortString(s string) error {
	if s == "" || len(s) > math.MaxUint8 {
		return fmt.Errorf("want 1 to %d bytes, got %d", math.MaxUint8, len(s))
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("want UTF-8, got %q", s)
	}
	return nil
}

// checkAddress wants host:port, where the host may be empty for every
// address of the machine and the port may be a number or a service's name.
func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("want host:port, got %q", addr)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("want a port from 0 to 65535 in %q", addr)
	}
	return nil
}

func checkLoopback(addr string) error {
	if err := checkAddress(addr); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(addr)
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("want a loopback address, got %q", addr)
}
