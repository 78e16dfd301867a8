package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is what the rounds of one scenario have shown, one cell a broker.
type row struct {
	scenario scenario
	cells    []cell
}

// cell holds the medians of one broker's rounds.
type cell struct {
	name                   string
	published, delivered   float64 // a second
	cpuMicros, peakMiB     float64
	writtenPerByte         float64
	p50, p99, maxLatency   float64 // microseconds
	filled, drained        float64 // a second, of a backlog
	ratio                  float64 // delivered, to the first broker's
	rounds, failures, good int
	err                    error // of the first round that failed
}

func newRow(s scenario, bs brokers, results [][]result) row {
	r := row{scenario: s}
	for i, b := range bs {
		c := newCell(b.name, results[i])
		if c.good > 0 && (i == 0 || r.cells[0].delivered > 0) {
			c.ratio = 1
			if i > 0 {
				c.ratio = c.delivered / r.cells[0].delivered
			}
		}
		r.cells = append(r.cells, c)
	}
	return r
}

func newCell(name string, results []result) cell {
	c := cell{name: name, rounds: len(results)}
	good := slices.DeleteFunc(slices.Clone(results), func(r result) bool {
		if r.err != nil && c.err == nil {
			c.err = r.err
		}
		return r.err != nil
	})
	c.good, c.failures = len(good), len(results)-len(good)
	if c.good == 0 {
		return c
	}
	median := func(of func(*result) float64) float64 {
		v := make([]float64, 0, len(good))
		for i := range good {
			v = append(v, of(&good[i]))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	c.published = median(func(r *result) float64 { return float64(r.published) / r.seconds })
	c.delivered = median(func(r *result) float64 { return float64(r.delivered) / r.seconds })
	c.cpuMicros = median((*result).cpuMicrosPerMessage)
	c.peakMiB = median(func(r *result) float64 { return r.peakMiB })
	c.writtenPerByte = median(func(r *result) float64 { return r.writtenPerByte })
	c.p50 = median(func(r *result) float64 { return float64(r.latency.Median) })
	c.p99 = median(func(r *result) float64 { return float64(r.latency.P99) })
	c.maxLatency = median(func(r *result) float64 { return float64(r.latency.Max) })
	c.filled = median(func(r *result) float64 { return r.filled })
	c.drained = median(func(r *result) float64 { return r.drained })
	return c
}

// failed reports whether any round of any broker failed.
func (r row) failed() bool {
	return slices.ContainsFunc(r.cells, func(c cell) bool { return c.failures > 0 })
}

func (r row) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", r.scenario.name, r.scenario.about)
	fmt.Fprintf(w, "  %-12s %10s %10s %9s %8s %7s %9s %9s %9s %7s\n",
		"broker", "pub/s", "deliver/s", "cpu us/m", "peak MiB", "disk/B", "p50 us", "p99 us", "max us", "ratio")
	for _, c := range r.cells {
		if c.good == 0 {
			fmt.Fprintf(w, "  %-12s failed: %v\n", c.name, c.err)
			continue
		}
		fmt.Fprintf(w, "  %-12s %10.0f %10.0f %9.2f %8.0f %7.2f %9.0f %9.0f %9.0f %7.2f",
			c.name, c.published, c.delivered, c.cpuMicros, c.peakMiB, c.writtenPerByte, c.p50, c.p99, c.maxLatency, c.ratio)
		if c.filled > 0 {
			fmt.Fprintf(w, "  filled at %.0f/s, drained at %.0f/s", c.filled, c.drained)
		}
		if c.failures > 0 {
			fmt.Fprintf(w, "  (%d of %d rounds failed: %v)", c.failures, c.rounds, c.err)
		}
		fmt.Fprintln(w)
	}
}

// printMarkdown prints one table: a line a scenario, five columns a broker,
// and a sixth for the ratio to the first.
func printMarkdown(w io.Writer, bs brokers, rows []row) {
	head, rule := "| scenario |", "|---|"
	for i, b := range bs {
		head += fmt.Sprintf(" %s msg/s | CPU us/msg | p50 / p99 ms | peak MiB | written/byte |", b.name)
		rule += "---:|---:|---:|---:|---:|"
		if i > 0 {
			head += fmt.Sprintf(" times %s |", bs[0].name)
			rule += "---:|"
		}
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, r := range rows {
		line := "| " + r.scenario.name + " |"
		for i, c := range r.cells {
			if c.good == 0 {
				line += " failed | | | | |" + strings.Repeat(" |", min(i, 1))
				continue
			}
			line += fmt.Sprintf(" %s | %.2f | %s / %s | %.0f | %.2f |",
				thousands(c.delivered), c.cpuMicros, millis(c.p50), millis(c.p99), c.peakMiB, c.writtenPerByte)
			if i > 0 {
				line += fmt.Sprintf(" %.*f |", decimals(c.ratio), c.ratio)
			}
		}
		fmt.Fprintln(w, line)
	}
}

// millis shows microseconds as milliseconds.
func millis(us float64) string { return fmt.Sprintf("%.*f", decimals(us/1000), us/1000) }

// decimals keeps small figures readable and large ones short.
func decimals(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 100:
		return 1
	default:
		return 0
	}
}

// thousands shows 1234567 as 1,234,567.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
