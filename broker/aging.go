package broker

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// agingArgument has messages that wait rise one level each time so many
// milliseconds have passed, so that those of low priority do not starve.
const agingArgument = "x-priority-aging"

// aging is the order of a queue whose messages rise as they wait, above the
// highest level as well. All that wait rise alike, so which of two goes first
// does not depend on the time: a message stands where one of the next level
// would that came a period later. It suffices to compare the first ones of the
// lanes.
type aging struct {
	period   int64     // milliseconds
	arrivals []arrival // ascending
	most     int       // of them, before they are thinned
	leader   int       // the lane from which is taken while its first message is below until
	until    uint64    // 0: the lane is to be looked for
}

// arrival notes that a message, and those up to the next arrival, came at a
// time, in milliseconds since 1970, or up to a sixteenth of a period later.
type arrival struct {
	seq uint64
	at  int64
}

// leastArrivals is how many arrivals a queue remembers in any case.
const leastArrivals = 64

// came notes the time when the messages from a position on came.
func (a *aging) came(from uint64, now int64) {
	n := len(a.arrivals)
	switch {
	case n > 0 && now < a.arrivals[n-1].at+max(1, a.period/16):
		return
	case n > 0 && a.arrivals[n-1].seq == from: // nothing came then
		a.arrivals = a.arrivals[:n-1]
	case n >= max(a.most, leastArrivals):
		a.thin(now)
	}
	a.arrivals = append(a.arrivals, arrival{from, now})
	a.until = 0
}

// thin forgets arrivals, of the older ones more: the age of a message is known to
// a sixteenth of it. So their number grows with the logarithm of the time only.
func (a *aging) thin(now int64) {
	kept, last := a.arrivals[:1], len(a.arrivals)-1
	for i := 1; i < last; i++ {
		if next := a.arrivals[i+1].at; next-kept[len(kept)-1].at > (now-next)/16 {
			kept = append(kept, a.arrivals[i])
		}
	}
	a.arrivals = append(kept, a.arrivals[last])
	a.most = 2 * len(a.arrivals)
}

// standing is where a message stands: before those of which it is higher.
type standing struct {
	since int64 // when it would have come if it had level 0
	seq   uint64
}

func (s standing) compare(t standing) int {
	return cmp.Or(cmp.Compare(s.since, t.since), cmp.Compare(s.seq, t.seq))
}

// standing is that of a message at a position.
func (a *aging) standing(seq uint64, priority uint8) standing {
	i, is := slices.BinarySearchFunc(a.arrivals, seq, func(a arrival, seq uint64) int { return cmp.Compare(a.seq, seq) })
	if !is {
		i = max(i-1, 0)
	}
	s := standing{seq: seq}
	if len(a.arrivals) > 0 {
		s.since = a.arrivals[i].at - int64(priority)*a.period
	}
	return s
}

// lead returns the lane whose first message stands before those of all others.
// There is one.
func (p *prioritized) lead() int {
	a := p.aging
	if a.until > 0 {
		if seq, _ := p.lanes[a.leader].position(); seq < a.until {
			return a.leader
		}
	}
	last := standing{math.MaxInt64, math.MaxUint64}
	first, second, level := last, last, uint8(0)
	for i, r := range p.lanes {
		seq, priority := r.position()
		switch s := a.standing(seq, priority); {
		case s.compare(first) < 0:
			a.leader, level, first, second = i, priority, s, first
		case s.compare(second) < 0:
			second = s
		}
	}
	a.until = math.MaxUint64
	if second != last {
		a.until = max(a.since(second.since+int64(level)*a.period), first.seq+1)
	}
	return a.leader
}

// since is the position from which on messages came at a time or later, as far
// as there are such.
func (a *aging) since(at int64) uint64 {
	i, _ := slices.BinarySearchFunc(a.arrivals, at, func(a arrival, at int64) int { return cmp.Compare(a.at, at) })
	if i == len(a.arrivals) {
		return math.MaxUint64
	}
	return a.arrivals[i].seq
}

// position is that of the first message, with its priority.
func (r *ready) position() (seq uint64, priority uint8) {
	if len(r.returned) > 0 {
		return r.returned[0].seq, r.returned[0].priority
	}
	it := &r.head.items[r.head.from]
	return it.Seq, it.Priority
}

// ages tells whether messages rise as they wait.
func (l *lanes) ages() bool { return l.prioritized != nil && l.aging != nil }

// reorder has the lane be looked for from which is taken next.
func (p *prioritized) reorder() {
	if p.aging != nil {
		p.aging.until = 0
	}
}

// certain is how many messages can be taken in any case before one that is on
// disk.
func (p *prioritized) certain() int {
	n := p.sum.messages
	for _, r := range p.lanes {
		if r.absent > 0 {
			n = min(n, r.available())
		}
	}
	if r, _ := p.next(); n == 0 && r != nil && r.available() > 0 {
		return 1
	}
	return n
}

// agingOf is the period that the arguments of a queue ask for; 0 is none.
func agingOf(args amqp.Table) int64 {
	v, _ := args.Get(agingArgument)
	n, _ := integer(v)
	return n
}

// checkAging accepts a period for queues with priorities.
func checkAging(v any, args amqp.Table) error {
	if err := integers(1, tenYears, "value_too_large")(v, args); err != nil {
		return err
	}
	most, _ := args.Get("x-max-priority")
	if n, _ := integer(most); n == 0 {
		return errors.New("priority_aging_but_no_max_priority_defined")
	}
	return nil
}
