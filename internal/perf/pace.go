package perf

import "time"

// pace spreads messages over time. What could not be in time is made up for.
type pace struct {
	rate  float64 // a second; 0: no pace
	begun time.Time
	taken int
	timer *time.Timer
}

func newPace(rate float64) *pace {
	p := &pace{rate: rate, begun: time.Now()}
	if rate > 0 {
		p.timer = time.NewTimer(0)
	}
	return p
}

// wait waits until a message is due, and returns how many of n are; 0 if it was
// told to stop.
func (p *pace) wait(n int, stop <-chan struct{}) int {
	if p.rate <= 0 {
		return n
	}
	for {
		due := int(time.Since(p.begun).Seconds()*p.rate) + 1 - p.taken
		if due > 0 {
			return min(n, due)
		}
		next := time.Duration(float64(p.taken) / p.rate * float64(time.Second))
		p.timer.Reset(time.Until(p.begun.Add(next)) + 1)
		select {
		case <-p.timer.C:
		case <-stop:
			return 0
		}
	}
}

func (p *pace) took(n int) { p.taken += n }

func (p *pace) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
