package perf

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest time that is told from longer ones, in microseconds.
const longest = int64(time.Hour / time.Microsecond)

// Latency is how times are distributed, all in microseconds, to three digits.
type Latency struct {
	Count  int64   `json:"count"`
	Min    int64   `json:"min"`
	Median int64   `json:"median"`
	P75    int64   `json:"p75"`
	P95    int64   `json:"p95"`
	P99    int64   `json:"p99"`
	P999   int64   `json:"p999"`
	Max    int64   `json:"max"`
	Mean   float64 `json:"mean"`
}

// timer takes times from many goroutines.
type timer struct {
	mu     sync.Mutex
	recent *hdrhistogram.Histogram // since the last sample; guarded by mu
	all    *hdrhistogram.Histogram // until then; guarded by mu
}

func newTimer() *timer {
	return &timer{recent: hdrhistogram.New(1, longest, 3), all: hdrhistogram.New(1, longest, 3)}
}

// record takes some, in microseconds.
func (t *timer) record(times []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, us := range times {
		// It cannot fail: what it gets is in its range.
		_ = t.recent.RecordValue(min(max(us, 0), longest))
	}
}

// sample is what has come since the last one.
func (t *timer) sample() Latency {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := latencyOf(t.recent)
	t.all.Merge(t.recent)
	t.recent.Reset()
	return l
}

// total is all that has come.
func (t *timer) total() Latency {
	t.sample()
	t.mu.Lock()
	defer t.mu.Unlock()
	return latencyOf(t.all)
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	q := h.ValueAtPercentilesSlice([]float64{50, 75, 95, 99, 99.9})
	return Latency{
		Count: h.TotalCount(), Min: h.Min(), Max: h.Max(), Mean: h.Mean(),
		Median: q[0], P75: q[1], P95: q[2], P99: q[3], P999: q[4],
	}
}
