package perf

import (
	"testing"
	"time"
)

func TestPercentilesAreWithinAThousandth(t *testing.T) {
	for _, scale := range []int64{1, 1000} {
		taken := newTimer()
		for i := range int64(1000) {
			taken.record([]int64{(i + 1) * scale})
			if i == 300 {
				taken.sample() // which takes nothing away from the total
			}
		}
		got := taken.total()
		for what, figures := range map[string][2]int64{
			"min": {got.Min, 1}, "median": {got.Median, 500}, "75th": {got.P75, 750}, "95th": {got.P95, 950},
			"99th": {got.P99, 990}, "99.9th": {got.P999, 999}, "max": {got.Max, 1000},
		} {
			if want := figures[1] * scale; figures[0] < want-want/1000 || figures[0] > want+want/1000 {
				t.Errorf("%s is %d, want %d", what, figures[0], want)
			}
		}
		if got.Count != 1000 {
			t.Errorf("%d were counted", got.Count)
		}
	}
}

func TestTimesBeyondTheScaleAreItsEnds(t *testing.T) {
	taken := newTimer()
	taken.record([]int64{-5, (24 * time.Hour).Microseconds()})
	got := taken.total()
	if got.Count != 2 || got.Min != 0 || got.Max < longest || got.Max > longest+longest/1000 {
		t.Errorf("got %+v", got)
	}
}

func TestASampleIsOfWhatCameSince(t *testing.T) {
	taken := newTimer()
	taken.record([]int64{100, 100})
	if got := taken.sample(); got.Count != 2 || got.Median != 100 {
		t.Errorf("got %+v", got)
	}
	taken.record([]int64{7})
	if got := taken.sample(); got.Count != 1 || got.Max != 7 {
		t.Errorf("got %+v", got)
	}
	if got := taken.sample(); got != (Latency{}) {
		t.Errorf("got %+v", got)
	}
}
