package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leveretmq/leveret/internal/expression"
)

// Kind is what values a key takes.
type Kind struct {
	Want  string // in words: "want " and this is what a fault says
	parse func(text string) (any, error)
}

// errValue is a text that is not of the kind; the fault tells what is wanted.
var errValue = errors.New("not of the kind")

func kind[T any](want string, parse func(string) (T, bool)) Kind {
	return Kind{want, func(text string) (any, error) {
		v, ok := parse(text)
		if !ok {
			return nil, errValue
		}
		return v, nil
	}}
}

var (
	// text is anything.
	text = kind("a text", func(s string) (string, bool) { return s, true })

	// name is what fits into a short string of AMQP.
	name = kind(fmt.Sprintf("1 to %d bytes of UTF-8", math.MaxUint8), func(s string) (string, bool) {
		return s, s != "" && len(s) <= math.MaxUint8 && utf8.ValidString(s)
	})

	// regex is what the broker can compile: without its user nobody could log in.
	regex = kind("a regular expression without look-around but ahead at the beginning", func(s string) (string, bool) {
		_, err := expression.Compile(s)
		return s, err == nil
	})

	boolean = kind("true or false", func(s string) (bool, bool) { return s == "true", s == "true" || s == "false" })

	none = choice("none")

	size = kind("a size such as 536870912, 512MiB or 1GB", parseSize)

	// part is a part of the memory.
	part = kind("a part of the memory, 0 to 1, such as 0.6", func(s string) (Amount, bool) {
		a, ok := parsePart(s)
		return a, ok && a.Part <= 1
	})

	// multiple is likewise, and may be more.
	multiple = kind("a multiple of the memory such as 1.5", parsePart)

	absolute = kind(size.Want, func(s string) (Amount, bool) {
		n, ok := parseSize(s)
		return Amount{Bytes: n}, ok
	})

	watermark = kind("a size such as 536870912, 512MiB or 1GB, or a part of the memory, 0 to 1, such as 0.6", func(s string) (Amount, bool) {
		a, ok := parseAmount(s)
		return a, ok && a.Part <= 1
	})

	diskLimit = kind("a size such as 536870912, 512MiB or 1GB, or a multiple of the memory such as 1.5", parseAmount)

	// heartbeat is what connection.tune can carry.
	heartbeat = kind(fmt.Sprintf("whole seconds from 0 to %d", math.MaxUint16), func(s string) (time.Duration, bool) {
		d, ok := parseTime(s, time.Second)
		return d, ok && d%time.Second == 0 && d <= math.MaxUint16*time.Second
	})

	milliseconds = kind("milliseconds, or a time such as 90s or 30m", func(s string) (time.Duration, bool) {
		return parseTime(s, time.Millisecond)
	})

	address = kind("a port from 0 to 65535, or host:port", parseAddress)

	loopback = kind("a loopback address, host:port", func(s string) (string, bool) {
		host, _, err := net.SplitHostPort(s)
		ip, ipErr := netip.ParseAddr(host)
		return s, err == nil && (host == "localhost" || ipErr == nil && ip.IsLoopback())
	})

	// file is one that can be read.
	file = Kind{"a file that can be read", func(s string) (any, error) {
		f, err := os.Open(s)
		if err != nil {
			return nil, err
		}
		return s, f.Close()
	}}

	directory = kind("a directory", func(s string) (string, bool) { return s, s != "" })

	level = kind("trace, debug, info, notice, warning, error, critical, alert, emergency or none", parseLevel)
)

// choice is one of some words.
func choice(words ...string) Kind {
	want := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			want += " or " + w
		} else {
			want += ", " + w
		}
	}
	return kind(want, func(s string) (string, bool) { return s, slices.Contains(words, s) })
}

// number is a whole one within bounds.
func number(low, high uint64) Kind {
	return kind(fmt.Sprintf("%d to %d", low, high), func(s string) (uint64, bool) {
		n, err := strconv.ParseUint(s, 10, 64)
		return n, err == nil && n >= low && n <= high
	})
}

// limit is a number, or infinity: 0 is no limit.
var limit = kind("a number, or infinity", func(s string) (uint64, bool) {
	if s == "infinity" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return n, err == nil
})

// bytes is a size within bounds.
func bytes(low, high uint64) Kind {
	return kind(fmt.Sprintf("%d to %d bytes", low, high), func(s string) (uint64, bool) {
		n, ok := parseSize(s)
		return n, ok && n >= low && n <= high
	})
}

// parseTime reads a number of a unit, or a time with units of its own.
func parseTime(s string, unit time.Duration) (time.Duration, bool) {
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		return time.Duration(n) * unit, n <= uint64(math.MaxInt64/unit)
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// parseAddress reads what listeners.tcp.default may be: 5672, 127.0.0.1:5672,
// ::1:5672 or [::1]:5672, and gives it as host:port. No host is every address
// of the machine. The port may be the name of a service.
func parseAddress(s string) (string, bool) {
	host, port := "", s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = strings.TrimSuffix(strings.TrimPrefix(s[:i], "["), "]"), s[i+1:]
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", false
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" || strings.ContainsAny(host, "/ \t[]") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

// ParseLevel gives a level, by RabbitMQ's name or zerolog's, zerolog's name.
func ParseLevel(s string) (string, error) {
	name, ok := parseLevel(s)
	if !ok {
		return "", fmt.Errorf("want %s, got %q", level.Want, s)
	}
	return name, nil
}

// parseLevel gives RabbitMQ's names of levels, and zerolog's, as zerolog's: what
// it has no level for is the next one that shows more.
func parseLevel(s string) (string, bool) {
	switch s {
	case "trace", "debug", "info", "warning", "error":
		return s, true
	case "notice":
		return "info", true
	case "warn":
		return "warning", true
	case "critical", "alert", "emergency":
		return "error", true
	case "none":
		return "disabled", true
	}
	return "", false
}
