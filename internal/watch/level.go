package watch

import (
	"math"
	"time"
)

// level decides from one reading after the other whether there is a shortage.
type level struct {
	margin int64 // how much must be spare again for a shortage to be over
	short  bool
}

// take takes a reading, how many bytes are spare beyond the limit, and tells
// whether it changes what holds.
func (l *level) take(spare int64) (changed bool) {
	was := l.short
	if l.short {
		l.short = spare < l.margin
	} else {
		l.short = spare < 0
	}
	return l.short != was
}

// pace is how often to look at a resource.
type pace struct {
	rate      float64 // bytes a second that it changes by at most
	fast, lax time.Duration
}

// wait is the time until the next look: the limit that is so many bytes away
// should not be far behind by then.
func (p pace) wait(distance int64) time.Duration {
	seconds := math.Abs(float64(distance)) / p.rate
	return time.Duration(min(max(seconds, p.fast.Seconds()), p.lax.Seconds()) * float64(time.Second))
}
