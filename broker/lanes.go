package broker

import (
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// lanes hold what is ready in a queue. Without x-max-priority there is one
// lane, and the embedded one is it (PRI-04). With it each level that has
// messages has a lane of its own: they are taken from the highest one, and in
// the order of their positions there (PRI-01).
type lanes struct {
	ready
	*prioritized // nil: the queue has no priorities
}

// newLanes returns the lanes of a queue whose messages have at most such a
// priority, and rise one level each period, in milliseconds; 0 is never.
func newLanes(maxPriority uint8, period int64) lanes {
	if maxPriority == 0 {
		return lanes{}
	}
	p := new(prioritized)
	if period > 0 {
		p.aging = &aging{period: period}
	}
	return lanes{prioritized: p}
}

func (l *lanes) len() int {
	if l.prioritized != nil {
		return l.sum.messages
	}
	return l.ready.len()
}

// size is that of all messages.
func (l *lanes) size() int {
	if l.prioritized != nil {
		return l.sum.bytes
	}
	return l.ready.bytes
}

// bodySize is that of their bodies.
func (l *lanes) bodySize() int {
	if l.prioritized != nil {
		return l.sum.bodies
	}
	return l.bodies
}

// available is how many messages can be taken before one that is on disk; if
// they rise as they wait there may be more.
func (l *lanes) available() (n int) {
	if l.prioritized == nil {
		return l.ready.available()
	}
	switch {
	case l.sum.split == 0:
		return l.sum.messages
	case l.aging != nil:
		return l.certain()
	}
	for _, r := range slices.Backward(l.lanes) {
		if n += r.available(); r.absent > 0 {
			break
		}
	}
	return n
}

// push adds a message behind all others of its priority.
func (l *lanes) push(e *entry) {
	if l.prioritized == nil {
		l.ready.push(e)
		return
	}
	r := l.lane(e.priority)
	bytes, bodies := r.bytes, r.bodies
	r.push(e)
	l.sum.messages++
	l.sum.bytes += r.bytes - bytes
	l.sum.bodies += r.bodies - bodies
}

// pop removes the first message. It must be available.
func (l *lanes) pop() (e entry) {
	l.popTo(&e)
	return e
}

// popTo is pop that puts it where it is to be.
func (l *lanes) popTo(e *entry) {
	if l.prioritized == nil {
		l.ready.popTo(e)
		return
	}
	r, i := l.next()
	bodies := r.bodies
	r.popTo(e)
	l.sum.messages--
	l.sum.bytes -= int(e.size)
	l.sum.bodies -= bodies - r.bodies
	if r.len() == 0 {
		l.remove(i, e.priority)
	}
}

// first is what is known of the first message: of the highest priority, and of
// those the oldest (LEN-12, PRI-07). See ready.first.
func (l *lanes) first() (it storage.Item, ok bool) {
	if l.prioritized == nil {
		return l.ready.first()
	}
	if r, _ := l.next(); r != nil {
		return r.first()
	}
	return it, false
}

// deadline is when the first message expires; see ready.deadline.
func (l *lanes) deadline() int64 {
	if l.prioritized == nil {
		return l.ready.deadline()
	}
	if r, _ := l.next(); r != nil {
		return r.deadline()
	}
	return 0
}

// overdue tells whether the first message has expired.
func (l *lanes) overdue(now int64) bool {
	at := l.deadline()
	return at != 0 && at <= now
}

// dropFirst removes it; see ready.dropFirst.
func (l *lanes) dropFirst() stowed {
	if l.prioritized == nil {
		return l.ready.dropFirst()
	}
	r, i := l.next()
	before := r.tally()
	s := r.dropFirst()
	l.changed(r, before)
	if r.len() == 0 {
		l.remove(i, s.Priority)
	}
	return s
}

// giveBack puts a message back to its position among those of its priority
// (PRI-05).
func (l *lanes) giveBack(e entry) {
	if l.prioritized == nil {
		l.ready.giveBack(e)
		return
	}
	r := l.lane(e.priority)
	before := r.tally()
	r.giveBack(e)
	l.changed(r, before)
	l.reorder()
}

// putFirst puts messages back that were taken at the head, before all that has
// come back since.
func (l *lanes) putFirst(taken []entry) {
	later := l.returned
	if l.inTurn {
		l.returned = nil
	}
	for _, e := range taken {
		l.giveBack(e)
	}
	if l.inTurn {
		l.returned = append(l.returned, later...)
	}
}

// purge removes all messages and returns how many there were.
func (l *lanes) purge() int {
	if l.prioritized == nil {
		return l.ready.purge()
	}
	n := l.sum.messages
	*l.prioritized = prioritized{aging: l.aging}
	l.reorder()
	return n
}

// restore fills empty lanes with messages that are on disk. It keeps items.
func (l *lanes) restore(items []storage.Item) {
	if l.prioritized == nil {
		l.ready.restore(items)
		return
	}
	for level, items := range byPriority(items) {
		if len(items) > 0 {
			r := l.lane(uint8(level))
			r.restore(items)
			l.changed(r, tally{})
		}
	}
}
