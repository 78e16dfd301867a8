package watch

import (
	"math"
	"testing"
	"time"
)

func TestAShortageEndsOnlyWithAMargin(t *testing.T) {
	l := level{margin: 10}
	for i, tt := range []struct {
		spare          int64
		changed, short bool
	}{
		{100, false, false},
		{0, false, false}, // all that may be used is used
		{-1, true, true},
		{-100, false, true},
		{0, false, true},
		{9, false, true},
		{10, true, false},
		{9, false, false},
		{-1, true, true},
		{math.MaxInt64, true, false},
		{math.MinInt64, true, true},
	} {
		if changed := l.take(tt.spare); changed != tt.changed || l.short != tt.short {
			t.Errorf("reading %d, %d spare: changed %t, short %t", i, tt.spare, changed, l.short)
		}
	}
}

func TestWithoutALimitThereIsNoShortage(t *testing.T) {
	if l := (level{}); l.take(0) || l.short {
		t.Error("short of what there is no limit of")
	}
}

func TestTheCloserTheLimitTheSoonerTheNextLook(t *testing.T) {
	p := pace{rate: 1000, fast: 10 * time.Millisecond, lax: time.Second}
	for _, tt := range []struct {
		distance int64
		want     time.Duration
	}{
		{0, 10 * time.Millisecond},
		{1, 10 * time.Millisecond},
		{10, 10 * time.Millisecond},
		{500, 500 * time.Millisecond},
		{-500, 500 * time.Millisecond},
		{1000, time.Second},
		{5000, time.Second},
		{math.MaxInt64, time.Second},
		{math.MinInt64, time.Second},
	} {
		if got := p.wait(tt.distance); got != tt.want {
			t.Errorf("%d bytes away: %v, want %v", tt.distance, got, tt.want)
		}
	}
}
