package amqp

import "time"

// Clock is the time by which a broker lives: that of heartbeats (HB-01 to
// HB-09), and of whatever else is done after a while. Deadlines of sockets,
// those of the handshake and of closing among them, follow the time of the
// operating system. Its methods are called by any goroutine, some with locks
// held: they must not wait, and never call f themselves.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// AfterFunc calls f in a goroutine of its own once d is over.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is what a Clock is to do. A *time.Timer is one.
type Timer interface {
	// Stop has the function not called; false if it was, or the timer has been
	// stopped.
	Stop() bool
	// Reset has the function called when d is over from now on, and not when it
	// was to be; false if it was called, or the timer has been stopped.
	Reset(d time.Duration) bool
}

// RealClock is the time of the operating system.
var RealClock Clock = realClock{}

type realClock struct{}

func (realClock) Now() time.Time                            { return time.Now() }
func (realClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
