package crash

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The harness finds what a broker without a store loses, and blames it for that
// alone: what it confirmed is gone, and what it declared.
func TestABrokerWithoutAStoreIsCaught(t *testing.T) {
	p := newPlan(t)
	p.forgetful = true
	for i := range 10 {
		r, err := p.newRound(i, "")
		if err != nil {
			t.Fatal(err)
		}
		err = r.play()
		if err == nil {
			continue
		}
		var found verdict
		if !errors.As(err, &found) {
			t.Fatalf("nothing was missed, and something else went wrong: %v", err)
		}
		lost := 0
		for _, f := range found {
			switch {
			case strings.HasPrefix(f, isLost):
				lost++
			case !strings.HasPrefix(f, isTopology):
				t.Error("it is blamed for", f)
			}
		}
		if lost > 0 {
			t.Logf("round %d: %d messages were missed", i, lost)
			return
		}
	}
	t.Error("ten rounds of kills, and nothing was missed")
}

// The harness finds nothing where the broker stays and only the clients leave.
func TestABrokerThatIsNotKilledIsNotBlamed(t *testing.T) {
	p := newPlan(t)
	p.forgetful = true
	r, err := p.newRound(0, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.log.Close()
	broker, err := r.up()
	if err != nil {
		t.Fatal(err)
	}
	defer broker.kill()
	for i := range 3 {
		l := r.newLife(broker)
		if i == 0 {
			if err := l.prepare(); err != nil {
				t.Fatal(err)
			}
		}
		l.employ()
		broker.exitedWithin(300 * time.Millisecond)
		l.dying.Store(true)
		if err := l.finish(); err != nil {
			t.Fatal(err)
		}
	}
	l := r.newLife(broker)
	l.start("drain", func(w *worker) error {
		ch, err := w.channel()
		if err != nil {
			return err
		}
		d := &drainer{worker: w, ch: ch}
		for _, q := range r.everyQueue() {
			if err := d.empty(q); err != nil {
				return err
			}
		}
		return d.emptyCourses()
	})
	l.work.Wait()
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	for _, f := range check(r.history.all()) {
		switch {
		case strings.HasPrefix(f, isOld), strings.HasPrefix(f, isTopology): // did not end
		case strings.HasPrefix(f, isRank) && strings.Contains(f, r.prefix+"aged "): // ages were not forgotten
		default:
			t.Error(f)
		}
	}
	t.Log(len(r.history.all()), "events")
}
