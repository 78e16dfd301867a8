package perf

import "time"

// wakesPerSecond is how often producers that keep a rate wake at most, all of
// them together: waking for each message of thousands a second would take more
// of the machine than the broker does.
const wakesPerSecond = 20_000

// pace spreads messages over time. What could not be in time is made up for.
type pace struct {
	rate  float64       // a second; 0: no pace
	grain time.Duration // of a wait; what is due then is due at once
	begun time.Time
	taken int
	timer *time.Timer
}

func newPace(rate float64, grain time.Duration) *pace {
	p := &pace{rate: rate, grain: grain, begun: time.Now()}
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
		p.timer.Reset(max(p.grain, time.Until(p.begun.Add(next))+1))
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
