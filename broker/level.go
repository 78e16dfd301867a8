package broker

import (
	"cmp"
	"slices"
)

// level are the consumers of one priority, who get messages in turn: who got
// one goes to the end of the line. Who has no room when his turn comes is
// passed over, and goes to the end of the line once he has room again
// (CONS-14). Everything here is guarded by q.mu of their queue.
type level struct {
	priority int64
	members  int         // consumers, in line or passed over
	line     []*consumer // a circle
	turn     int         // line[turn] is the first in line
	shared   bool        // two of the consumers, in line or not, are on one channel
}

// place is where a consumer stands. All but standing aside belong to a level.
type place int

const (
	aside      place = iota // another one is the single active consumer, or k has gone
	inLine                  // its turn comes
	passedOver              // its turn came when it had no room
)

// level finds the level of a priority, or where it belongs: the highest is the
// first.
func (q *queue) level(priority int64) (i int, found bool) {
	return slices.BinarySearchFunc(q.levels, priority, func(l level, priority int64) int {
		return cmp.Compare(priority, l.priority)
	})
}

// admit lets k, which is one of q.consumers, get messages.
func (q *queue) admit(k *consumer) {
	i, found := q.level(k.priority)
	if !found {
		q.levels = slices.Insert(q.levels, i, level{priority: k.priority})
	}
	l := &q.levels[i]
	l.shared = l.shared || slices.ContainsFunc(q.consumers, func(other *consumer) bool {
		return other.channel == k.channel && other != k && l.has(other)
	})
	l.members++
	l.join(k)
}

// has tells whether k is one of the level's consumers.
func (l *level) has(k *consumer) bool { return k.place != aside && k.priority == l.priority }

// join puts k at the end of the line.
func (l *level) join(k *consumer) {
	k.place = inLine
	l.line = slices.Insert(l.line, l.turn, k)
	l.advance(1)
}

// advance lets the first n in line go to its end.
func (l *level) advance(n int) { l.turn = (l.turn + n) % len(l.line) }

// pass takes the i-th in line out of it; ever is how many of the queue were
// passed over before.
func (l *level) pass(i int, ever uint64) {
	k := l.take(i)
	k.place, k.passed = passedOver, ever
}

// take takes the i-th in line out of it.
func (l *level) take(i int) *consumer {
	i = (l.turn + i) % len(l.line)
	k := l.line[i]
	l.line = slices.Delete(l.line, i, i+1)
	if i < l.turn {
		l.turn--
	}
	if l.turn == len(l.line) {
		l.turn = 0
	}
	return k
}

// serve lets the i-th in line, who got a message, go to its end.
func (l *level) serve(i int) {
	if i == 0 {
		l.advance(1)
		return
	}
	l.join(l.take(i))
}

// rejoin puts a consumer that was passed over back in line, if it may have
// room. Whether it has is seen when its turn comes.
func (q *queue) rejoin(k *consumer) {
	if k.mayRejoin() {
		i, _ := q.level(k.priority)
		q.levels[i].join(k)
	}
}

func (k *consumer) mayRejoin() bool { return k.place == passedOver && k.credit > 0 && k.granted > 0 }

// rejoinAll does it for several, in the order in which they were passed over.
func (q *queue) rejoinAll(of func(*consumer) bool) {
	var back []*consumer
	for _, k := range q.consumers {
		if k.mayRejoin() && of(k) {
			back = append(back, k)
		}
	}
	slices.SortFunc(back, func(a, b *consumer) int { return cmp.Compare(a.passed, b.passed) })
	for _, k := range back {
		q.rejoin(k)
	}
}

// dismiss takes those who have gone out of q.consumers and of their levels.
func (q *queue) dismiss(gone func(*consumer) bool) {
	var touched []*level
	q.consumers = slices.DeleteFunc(q.consumers, func(k *consumer) bool {
		if !gone(k) {
			return false
		}
		if k.place != aside {
			i, _ := q.level(k.priority)
			l := &q.levels[i]
			if l.members--; len(touched) == 0 || touched[len(touched)-1] != l {
				touched = append(touched, l)
			}
			k.place = aside
			if q.ready.groups != nil {
				q.ready.groups.leave(k)
			}
		}
		return true
	})
	for _, l := range touched {
		l.leave()
		if l.shared {
			l.shared = l.findShared(q.consumers)
		}
	}
	q.levels = slices.DeleteFunc(q.levels, func(l level) bool { return l.members == 0 })
	clear(q.playing[:cap(q.playing)]) // they may be gone
}

// leave takes those who have gone out of the line. Who was first stays it, or
// who stood behind.
func (l *level) leave() {
	before := 0
	for _, k := range l.line[:l.turn] {
		if k.place == aside {
			before++
		}
	}
	l.line = slices.DeleteFunc(l.line, func(k *consumer) bool { return k.place == aside })
	l.turn -= before
	if l.turn == len(l.line) {
		l.turn = 0
	}
}

// findShared tells whether a channel has two of the level's consumers.
func (l *level) findShared(all []*consumer) bool {
	channels := map[*channel]struct{}{}
	for _, k := range all {
		if !l.has(k) {
			continue
		}
		if _, again := channels[k.channel]; again {
			return true
		}
		channels[k.channel] = struct{}{}
	}
	return false
}
