package crash

import (
	"fmt"
	"slices"
)

// checkers find what must not be in a history that ends with everything
// drained and settled. Each returns a sentence for every fault.
var checkers = []struct {
	name  string
	check func(*book) []string
}{
	{"nothing confirmed is lost", lost},
	{"nothing is invented", invented},
	{"no duplicate without redelivered", duplicated},
	{"what is settled stays settled", returned},
	{"first deliveries are in the order of publishing", disordered},
	{"units are whole", halved},
	{"transient messages end with the broker", outlived},
	{"what has gone on does not come back", backward},
	{"x-death is the way it went", misreported},
	{"nothing goes on before its time", early},
	{"what is refused is not there", intruded},
	{"higher priorities come first", outranked},
	{"nothing is tried too often", overtried},
	{"a group is with one consumer, in order", mingled},
	{"duplicates are dropped", repeated},
	{"what has waited long enough goes first", starved},
	{"the topology is as acknowledged", changed},
}

// check runs all checkers.
func check(events []event) (faults []string) {
	b := newBook(events)
	for _, c := range checkers {
		for _, f := range c.check(b) {
			faults = append(faults, c.name+": "+f)
		}
	}
	return faults
}

// lost finds copies that were confirmed and neither delivered nor, after a
// delivery that nobody settled, delivered again.
func lost(b *book) (faults []string) {
	for _, c := range b.copies {
		if c.Transient || c.repeat || c.unit.confirmed < 0 || b.settledIn(c, 0) {
			continue
		}
		what := "was never delivered"
		if n := len(c.deliveries); n > 0 {
			what = fmt.Sprintf("was delivered %d times up to life %d, not settled, and did not come back", n, b.events[c.deliveries[n-1]].Life)
		}
		faults = append(faults, fmt.Sprintf("message %s, confirmed in life %d, %s from queue %s", name(c.ID), c.Life, what, c.queue))
	}
	return faults
}

// invented finds deliveries of what was not published there, or differs, or
// belongs to a transaction that nobody tried to commit.
func invented(b *book) (faults []string) {
	faults = b.invented
	for _, c := range b.copies {
		if len(c.deliveries) > 0 && !c.unit.attempted {
			faults = append(faults, fmt.Sprintf("queue %s delivered message %s of a transaction that was never committed", c.queue, name(c.ID)))
		}
	}
	return faults
}

// duplicated finds repeated deliveries that are not marked as such. Of those of
// one life, to several consumers, a later one may have been noted first. What a
// crash has undone that brought a message to its queue, is done again.
func duplicated(b *book) (faults []string) {
	for _, c := range b.copies {
		unmarked, first, marked := map[leg]int{}, map[leg]int{}, map[leg]string{}
		for n, i := range c.deliveries {
			e := &b.events[i]
			l := e.leg()
			if _, some := first[l]; !some || first[l] != e.Life && (l.generation > 0 || c.Delay > 0) {
				unmarked[l], first[l], marked[l] = 0, e.Life, ""
			}
			if e.Redelivered {
				marked[l] = e.Who
				continue
			}
			if unmarked[l]++; unmarked[l] > 1 || e.Life != first[l] || marked[l] == e.Who {
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d for the %d. time, not redelivered", c.queue, name(c.ID), e.Life, n+1))
			}
		}
	}
	return faults
}

// returned finds deliveries after a settlement that had reached the broker:
// in the same life, or known to be durable.
func returned(b *book) (faults []string) {
	for _, c := range b.copies {
		for _, i := range c.deliveries {
			for _, s := range c.settles {
				if b.settledBefore(s, i) {
					faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d, after it was settled for good in life %d", c.queue, name(c.ID), b.events[i].Life, s.life))
				}
			}
		}
	}
	return faults
}

// settledBefore tells whether the broker knew of a settlement when it made the
// delivery at index i.
func (b *book) settledBefore(s settlement, i int) bool {
	switch {
	case i < s.at:
		return false
	case s.unit != nil:
		return s.unit.confirmed >= 0 && s.unit.confirmed < i
	default:
		stop, stopping := b.stopping[s.life]
		here := b.events[i].Life == s.life && !(stopping && stop < i) // what a closing broker is sent, it drops
		return here || s.fenced >= 0 && s.fenced < i
	}
}

// disordered finds first deliveries of a life that came to a consumer before
// an earlier message of the same publisher. Where a consumer has left, what was
// on its way to it comes later, and marked. In a course, those of a priority or a
// delay are in order, and letters where nobody has had them before.
func disordered(b *book) (faults []string) {
	type line struct {
		life      int
		who       string
		queue     string
		publisher uint64
		level     int
		delay     int64
	}
	last := map[line]uint64{}
	first := map[place]int{} // the last life in which it was delivered
	for i := range b.events {
		e := &b.events[i]
		if e.Kind != deliver || !b.inOrder(e) {
			continue
		}
		p := place{e.ID, e.queue()}
		again := first[p] == e.Life
		first[p] = e.Life
		if again || e.Redelivered && b.left[stay{e.Life, p.queue}] {
			continue
		}
		l := line{life: e.Life, who: e.Who, queue: p.queue, publisher: publisherOf(e.ID), level: b.levelOf(e)}
		if m := b.messages[e.ID]; m != nil {
			l.delay = m.Delay
		}
		if last[l] > e.ID {
			faults = append(faults, fmt.Sprintf("queue %s delivered message %s to %s in life %d after %s", p.queue, name(e.ID), e.Who, e.Life, name(last[l])))
		}
		last[l] = max(last[l], e.ID)
	}
	return faults
}

// inOrder tells whether messages come to a queue in the order of publishing. What
// is given back to a quorum queue comes in the order of that, and groups pass each
// other.
func (b *book) inOrder(e *event) bool {
	s := stageOf(b.courses[e.Queues[0]], e.Stage)
	return s == nil || !s.Groups && (len(e.Deaths) == 0 || s.InOrder) && !(s.Type == "quorum" && e.Redelivered)
}

// queue is the one from which a delivery came.
func (e *event) queue() string {
	if e.Stage != "" {
		return e.Stage
	}
	return e.Queues[0]
}

// halved finds units of which a part survived its life and another did not.
func halved(b *book) (faults []string) {
	for _, u := range b.units {
		if u.confirmed >= 0 || !u.attempted || b.fate(u) != fateKept {
			continue // of what was confirmed, lost and returned tell
		}
		for _, c := range u.copies {
			if !c.Transient && !c.repeat && !b.deliveredAfter(c, u.life) && !b.settledIn(c, u.life) {
				faults = append(faults, fmt.Sprintf("unit %s of life %d is in other queues, and message %s is not in %s", name(u.number), u.life, name(c.ID), c.queue))
			}
		}
		for _, c := range u.settles {
			if b.deliveredAfter(c, u.life) {
				faults = append(faults, fmt.Sprintf("unit %s of life %d is there, and message %s, which it settled, came back to %s", name(u.number), u.life, name(c.ID), c.queue))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// outlived finds transient messages that came after a restart.
func outlived(b *book) (faults []string) {
	for _, c := range b.copies {
		if c.Transient && b.deliveredAfter(c, c.Life) {
			faults = append(faults, fmt.Sprintf("queue %s delivered message %s, transient and of life %d, in a later life", c.queue, name(c.ID), c.Life))
		}
	}
	return faults
}
