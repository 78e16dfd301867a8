package crash

import (
	"fmt"
	"syscall"
	"time"
)

// stopLimit is how long a broker may take to stop when it is asked to, give or
// take what a busy machine takes.
const stopLimit = 12 * time.Second

// moments are what a broker is most often killed after.
var moments = []kind{confirm, confirm, confirm, done, commit, deliver, publish, settle, fence}

// end ends the life: most often the broker is killed at work, sometimes it is
// asked to stop, and sometimes killed while it stops.
func (l *life) end() error {
	defer l.over()
	l.awaitMoment()
	select {
	case <-l.broker.exited:
		return fmt.Errorf("life %d: the broker has ended by itself: %w", l.number, l.broker.ended())
	default:
	}
	l.expectEnd()
	switch n := l.rand.IntN(10); n {
	case 0:
		return l.broker.stop(stopLimit)
	case 1:
		if err := l.broker.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		l.broker.exitedWithin(l.short(30 * time.Millisecond))
	}
	l.broker.kill()
	return nil
}

// expectEnd notes that the broker may end connections from now on: then what is
// on its way to one consumer goes to another that is still there.
func (l *life) expectEnd() {
	l.dying.Store(true)
	l.note(event{Kind: leave, Who: everybody, Queues: append(l.everyQueue(), l.stages()...)})
}

// awaitMoment waits for the moment to kill the broker: any, or up to three
// milliseconds after something that it was heard to have kept.
func (l *life) awaitMoment() {
	if l.rand.IntN(4) == 0 {
		l.broker.exitedWithin(l.short(500 * time.Millisecond))
		return
	}
	k := moments[l.rand.IntN(len(moments))]
	come := l.history.await(k, 1+l.rand.IntN(1000))
	select {
	case <-come:
	case <-l.broker.exited:
	case <-time.After(time.Second):
	}
	l.broker.exitedWithin(l.short(3 * time.Millisecond))
}

// short is a random time up to limit.
func (r *round) short(limit time.Duration) time.Duration {
	return time.Duration(r.rand.Int64N(int64(limit)))
}

// exitedWithin waits for the end of a process for some time.
func (p *process) exitedWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// interrupted starts the broker up to five times and kills it before, or just
// when, it is ready. One time out of three; otherwise it does nothing.
func (r *round) interrupted() error {
	if r.rand.IntN(3) > 0 {
		return nil
	}
	for range 1 + r.rand.IntN(5) {
		p, err := r.serve()
		if err != nil {
			return err
		}
		if p.exitedWithin(r.short(r.starting + r.starting/4)) {
			return fmt.Errorf("the broker has ended while it started: %w", p.ended())
		}
		p.kill()
	}
	return nil
}
