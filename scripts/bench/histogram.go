package main

import (
	"math"
	"time"
)

// histogram counts durations in buckets 2 % wide, from one microsecond up.
type histogram struct {
	counts [2048]uint64
	n      uint64
	max    float64 // microseconds
}

var bucketWidth = math.Log(1.02)

func (h *histogram) add(d time.Duration) {
	us := max(1, float64(d)/1e3)
	i := min(int(math.Log(us)/bucketWidth), len(h.counts)-1)
	h.counts[i]++
	h.n++
	h.max = max(h.max, us)
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile is in microseconds.
func (h *histogram) quantile(q float64) float64 {
	want := uint64(q * float64(h.n))
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen > want {
			return math.Exp(float64(i) * bucketWidth)
		}
	}
	return 0
}
