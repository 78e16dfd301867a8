package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// storing measures what leveret does with a data directory: times of starts,
// backlogs, memory, bytes written.
type storing struct {
	binary  string    // of leveret
	dir     string    // the data go below it
	flags   []string  // of leveret serve
	share   float64   // of all numbers of messages
	results io.Writer // a table
}

// measureStore measures all of it, one after the other.
func (s storing) measureStore(ctx context.Context) error {
	fmt.Fprintln(s.results, "| what | figure |\n|---|---:|")
	for _, part := range []func(context.Context) error{s.startEmpty, s.keepUp, s.queued, s.small, s.fillAndDrain} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s storing) row(figure string, what string, args ...any) {
	fmt.Fprintf(s.results, "| "+what+" | %s |\n", append(args, figure)...)
}

// startEmpty takes the time up to a first confirmed message.
func (s storing) startEmpty(ctx context.Context) error {
	var took []time.Duration
	for range 5 {
		d, err := s.firstConfirm(ctx)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	s.row(took[2].Round(time.Millisecond/10).String(), "start on an empty directory to the first confirmed message (median of 5)")
	return nil
}

func (s storing) firstConfirm(ctx context.Context) (time.Duration, error) {
	p, err := s.begin(ctx, "empty")
	if err != nil {
		return 0, err
	}
	defer p.discard()
	r := storeRun(p, 100)
	return r.fill(ctx, 1), r.err
}

// keepUp publishes as long as a consumer takes all.
func (s storing) keepUp(ctx context.Context) error {
	p, err := s.begin(ctx, "kept up")
	if err != nil {
		return err
	}
	defer p.discard()
	i := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == "durable-confirm-w2000" })
	res, err := scenarios[i].run(ctx, p.broker, time.Duration(5*s.share*float64(time.Second)))
	s.row(fmt.Sprintf("%.2f", res.writtenPerByte), "bytes written for each of a body, consumers keep up (%s)", scenarios[i].name)
	return err
}

// queued fills a queue, restarts the broker and drains it.
func (s storing) queued(ctx context.Context) error { return s.backlog(ctx, 1_000_000, 1<<10) }

func (s storing) small(ctx context.Context) error { return s.backlog(ctx, 10_000_000, 16) }

func (s storing) backlog(ctx context.Context, n, size int) error {
	n = int(float64(n) * s.share)
	of := fmt.Sprintf("%s messages of %d bytes", thousands(float64(n)), size)
	p, err := s.begin(ctx, of)
	if err != nil {
		return err
	}
	defer func() { p.discard() }()
	r := storeRun(p, size)
	filled := r.fill(ctx, n)
	s.row(rate(n, filled), "%s: filled, messages a second", of)
	s.row(mib(peakMiB(p.broker.pid)), "%s: peak of resident memory while it is filled", of)
	calm(p)
	s.row(mib(rssMiB(p.broker.pid)), "%s: resident memory when it is filled", of)
	for _, how := range []string{"a stop", "a kill"} {
		if p, err = s.again(ctx, p, how == "a kill"); err != nil {
			return err
		}
		r = storeRun(p, size)
		first, err := r.firstDelivery(ctx)
		if err != nil {
			return err
		}
		s.row(first.Round(time.Millisecond).String(), "%s: start after %s to the first delivery", of, how)
		s.row(mib(rssMiB(p.broker.pid)), "%s: resident memory then", of)
		n-- // which was delivered
	}
	drained := r.drain(ctx, n)
	s.row(rate(n, drained), "%s: drained, messages a second", of)
	s.row(mib(peakMiB(p.broker.pid)), "%s: peak of resident memory from the start to then", of)
	return r.err
}

// fillAndDrain takes the bytes that are written for backlogs that come and go.
func (s storing) fillAndDrain(ctx context.Context) error {
	for _, n := range []int{300_000, 3_000_000} {
		n = int(float64(n) * s.share)
		if err := s.comeAndGo(ctx, n, 1<<10); err != nil {
			return err
		}
	}
	return nil
}

func (s storing) comeAndGo(ctx context.Context, n, size int) error {
	of := fmt.Sprintf("%s messages of %d bytes, filled and drained", thousands(float64(n)), size)
	p, err := s.begin(ctx, of)
	if err != nil {
		return err
	}
	defer p.discard()
	r := storeRun(p, size)
	before := written(p.broker.pid)
	filled, drained := r.fill(ctx, n), r.drain(ctx, n)
	calm(p)
	s.row(rate(n, filled+drained), "%s: messages a second", of)
	s.row(rate(n, filled), "%s: filled, messages a second", of)
	s.row(rate(n, drained), "%s: drained, messages a second", of)
	s.row(fmt.Sprintf("%.2f", (written(p.broker.pid)-before)/float64(n*size)), "%s: bytes written for each of a body", of)
	s.row(mib(peakMiB(p.broker.pid)), "%s: peak of resident memory", of)
	s.row(mib(directorySize(p.data)/(1<<20)), "%s: size of the directory afterwards", of)
	return r.err
}

func mib(n float64) string { return fmt.Sprintf("%.0f MiB", n) }

func rate(n int, d time.Duration) string { return thousands(float64(n) / d.Seconds()) }
