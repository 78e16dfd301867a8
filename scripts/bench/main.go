// Command bench measures AMQP 0-9-1 brokers side by side.
//
//	bench -broker NAME=HOST:PORT[,PID] [-broker ...] [-scenario REGEXP] [-rounds 3] [-seconds 5] [-markdown]
//	bench -store BINARY [-dir DIR] [-share 1] [FLAG OF leveret serve]...
//
// Every scenario runs on every broker in turn, round after round, so that a
// drift of the machine's speed hits all of them alike. A row gives the median
// of the rounds: messages published and delivered per second, the broker's
// CPU microseconds (user plus system) per delivered message, the peak of its
// resident memory and the bytes that it wrote to disks for each byte of a body,
// where a PID was given, percentiles of the latency, and the ratio of the
// delivered rate to the first broker's.
//
// The load is that of internal/perf, so that the broker is what saturates. A run whose
// counts do not match, or in which a connection is lost, counts as failed.
// The second form starts leveret itself and measures what it does with a data
// directory: starts, backlogs that outlive it, memory, bytes written.
//
// Logins are guest/guest on the virtual host "/".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// broker is one of those measured. Without a pid its CPU time and memory are
// not known.
type broker struct {
	name, addr string
	pid        int
}

// brokers is a flag that may be repeated.
type brokers []broker

func (bs *brokers) String() string { return fmt.Sprint(*bs) }

func (bs *brokers) Set(s string) error {
	name, rest, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=HOST:PORT[,PID]")
	}
	b := broker{name: name}
	var pid string
	if b.addr, pid, ok = strings.Cut(rest, ","); ok {
		var err error
		if b.pid, err = strconv.Atoi(pid); err != nil {
			return fmt.Errorf("PID: %w", err)
		}
	}
	*bs = append(*bs, b)
	return nil
}

func main() {
	var bs brokers
	pattern := flag.String("scenario", ".", "regular expression over scenario names")
	rounds := flag.Int("rounds", 3, "rounds")
	seconds := flag.Float64("seconds", 5, "seconds a run")
	list := flag.Bool("list", false, "list the scenarios")
	markdown := flag.Bool("markdown", false, "print one Markdown table at the end; progress goes to stderr")
	flag.Var(&bs, "broker", "NAME=HOST:PORT[,PID]; repeat it")
	s := storing{results: os.Stdout}
	flag.StringVar(&s.binary, "store", "", "measure instead what this leveret does with a data directory")
	flag.StringVar(&s.dir, "dir", "", "of -store: data directories are made in here")
	flag.Float64Var(&s.share, "share", 1, "of -store: this part of all numbers of messages")
	flag.Parse()
	if *list {
		for _, s := range scenarios {
			fmt.Printf("%-24s %s\n", s.name, s.about)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if s.binary != "" {
		s.flags = flag.Args()
		if err := s.measureStore(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	re, err := regexp.Compile(*pattern)
	if err != nil || len(bs) == 0 || flag.NArg() > 0 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	progress := os.Stdout
	if *markdown {
		progress = os.Stderr
	}
	var rows []row
	for _, s := range scenarios {
		if !re.MatchString(s.name) {
			continue
		}
		r := measure(ctx, s, bs, *rounds, time.Duration(*seconds*float64(time.Second)))
		if ctx.Err() != nil {
			os.Exit(1)
		}
		r.print(progress)
		rows = append(rows, r)
	}
	if *markdown {
		printMarkdown(os.Stdout, bs, rows)
	}
	for _, r := range rows {
		if r.failed() {
			os.Exit(1)
		}
	}
}

// measure runs one scenario on every broker in turn, rounds times.
func measure(ctx context.Context, s scenario, bs brokers, rounds int, d time.Duration) row {
	results := make([][]result, len(bs))
	for range rounds {
		for i, b := range bs {
			if ctx.Err() != nil {
				return row{}
			}
			r, err := s.run(ctx, b, d)
			r.err = err
			results[i] = append(results[i], r)
		}
	}
	return newRow(s, bs, results)
}
