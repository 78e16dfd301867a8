package perf

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Sample is what has happened in an interval, and since the beginning.
type Sample struct {
	ID      string
	Elapsed time.Duration // since the beginning
	// Rates, in messages a second.
	Sent, Confirmed, Nacked, Returned, Received float64
	Consumed, Confirms                          Latency

	load *Load
}

// Result is what a test has measured.
type Result struct {
	ID               string  `json:"id"`
	Seconds          float64 `json:"seconds"`           // from the first message on
	SendingSeconds   float64 `json:"sending_seconds"`   // until producers were done
	ReceivingSeconds float64 `json:"receiving_seconds"` // until the last message had come
	SendingRate      float64 `json:"sending_rate"`      // messages a second
	ReceivingRate    float64 `json:"receiving_rate"`    // messages a second

	Published uint64 `json:"published"`
	Confirmed uint64 `json:"confirmed"`
	Nacked    uint64 `json:"nacked"`
	Returned  uint64 `json:"returned"`
	Delivered uint64 `json:"delivered"`
	Recovered uint64 `json:"recovered,omitempty"` // connections that were lost and opened again
	Expected  uint64 `json:"expected,omitempty"`  // deliveries, where consumers were to get all

	Consumed Latency       `json:"consumer_latency_us"`
	Confirms Latency       `json:"confirm_latency_us"`
	Verified *Verification `json:"verify,omitempty"`
	Error    string        `json:"error,omitempty"`
}

// sample reports at every interval until done.
func (t *Test) sample(done <-chan struct{}) {
	if t.load.Report == nil {
		return
	}
	var before [5]uint64
	last, next := t.begun, time.NewTimer(t.load.Interval)
	defer next.Stop()
	for {
		select {
		case <-done:
			return
		case <-next.C:
		}
		now := time.Now()
		next.Reset(t.load.Interval)
		counts := [5]uint64{t.published.Load(), t.confirmed.Load(), t.nacked.Load(), t.returned.Load(), t.delivered.Load()}
		var rates [5]float64
		for i := range counts {
			rates[i] = float64(counts[i]-before[i]) / now.Sub(last).Seconds()
		}
		before, last = counts, now
		t.load.Report(Sample{
			ID: t.load.ID, Elapsed: now.Sub(t.begun), load: &t.load,
			Sent: rates[0], Confirmed: rates[1], Nacked: rates[2], Returned: rates[3], Received: rates[4],
			Consumed: t.consumeTimes.sample(), Confirms: t.confirmTimes.sample(),
		})
	}
}

// result is what there is at the end. Producers were done at sent.
func (t *Test) result(sent time.Time) Result {
	r := Result{
		ID: t.load.ID, Seconds: time.Since(t.begun).Seconds(), SendingSeconds: sent.Sub(t.begun).Seconds(),
		Published: t.published.Load(), Confirmed: t.confirmed.Load(), Nacked: t.nacked.Load(),
		Returned: t.returned.Load(), Delivered: t.delivered.Load(), Recovered: t.recovered.Load(),
		Consumed: t.consumeTimes.total(), Confirms: t.confirmTimes.total(),
	}
	from := t.begun
	if t.load.Backlog {
		from = sent
	}
	if at := t.latest.Load(); at > 0 {
		r.ReceivingSeconds = time.Unix(0, at).Sub(from).Seconds()
	}
	r.SendingRate = rate(r.Published, r.SendingSeconds)
	r.ReceivingRate = rate(r.Delivered, r.ReceivingSeconds)
	if t.load.Drain {
		r.Expected = t.expected()
	}
	if t.audit != nil {
		r.Verified = t.audit.end(t.producers)
	}
	return r
}

func rate(n uint64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// String is a line as PerfTest prints it.
func (s Sample) String() string {
	line := fmt.Sprintf("id: %s, time: %.3fs", s.ID, s.Elapsed.Seconds())
	for _, r := range []struct {
		what  string
		value float64
		shown bool
	}{
		{"sent", s.Sent, s.load.Producers > 0},
		{"returned", s.Returned, s.load.Mandatory},
		{"confirmed", s.Confirmed, s.load.Confirm > 0},
		{"nacked", s.Nacked, s.load.Confirm > 0},
		{"received", s.Received, s.load.Consumers > 0},
	} {
		if r.shown {
			line += fmt.Sprintf(", %s: %.0f msg/s", r.what, r.value)
		}
	}
	if s.Consumed.Count > 0 {
		line += fmt.Sprintf(", min/median/75th/95th/99th consumer latency: %s", s.Consumed.short())
	}
	if s.Confirms.Count > 0 {
		line += fmt.Sprintf(", confirm latency: %s", s.Confirms.short())
	}
	return line
}

func (l Latency) short() string {
	return fmt.Sprintf("%d/%d/%d/%d/%d µs", l.Min, l.Median, l.P75, l.P95, l.P99)
}

func (l Latency) long() string {
	return fmt.Sprintf("%d/%d/%d/%d/%d/%d µs", l.Min, l.Median, l.P75, l.P95, l.P99, l.Max)
}

// WriteJSON writes it as one object.
func (r Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the lines with which PerfTest ends, and what is more here.
func (r Result) WriteText(w io.Writer) error {
	lines := []string{
		fmt.Sprintf("sending rate avg: %.0f msg/s", r.SendingRate),
		fmt.Sprintf("receiving rate avg: %.0f msg/s", r.ReceivingRate),
	}
	if r.Consumed.Count > 0 {
		lines = append(lines, "consumer latency min/median/75th/95th/99th/max "+r.Consumed.long())
	}
	if r.Confirms.Count > 0 {
		lines = append(lines, "confirm latency min/median/75th/95th/99th/max "+r.Confirms.long())
	}
	if r.Nacked+r.Returned > 0 {
		lines = append(lines, fmt.Sprintf("%d nacked, %d returned", r.Nacked, r.Returned))
	}
	if r.Recovered > 0 {
		lines = append(lines, fmt.Sprintf("%d times a connection was lost and opened again", r.Recovered))
	}
	if v := r.Verified; v != nil {
		lines = append(lines, v.lines()...)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "id: %s, %s\n", r.ID, line); err != nil {
			return err
		}
	}
	return nil
}

func (v *Verification) lines() []string {
	if v.OK() {
		return []string{fmt.Sprintf("verified: %d messages, nothing lost, doubled, reordered or changed", v.Checked-v.Foreign)}
	}
	return append([]string{fmt.Sprintf("NOT verified: of %d messages %d were lost, %d doubled, %d reordered, %d changed, %d unexpected",
		v.Checked, v.Lost, v.Doubled, v.Reordered, v.Changed, v.Unexpected)}, v.Faults...)
}
