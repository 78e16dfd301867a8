package broker

import (
	"cmp"
	"slices"
)

// level are the consumers of one priority, who get messages in turn. q.mu of
// their queue guards it.
type level struct {
	priority  int64
	consumers []*consumer
	turn      int  // consumers[turn] is the next to get a message
	shared    bool // two of the consumers are on one channel
}

// admit lets k get messages: at the level of its priority, as the last in turn.
func (q *queue) admit(k *consumer) {
	i, found := slices.BinarySearchFunc(q.levels, k.priority, func(l level, priority int64) int {
		return cmp.Compare(priority, l.priority) // the highest is the first
	})
	if !found {
		q.levels = slices.Insert(q.levels, i, level{priority: k.priority})
	}
	l := &q.levels[i]
	l.deferTurns()
	l.shared = l.shared || slices.ContainsFunc(l.consumers, k.sharesChannel)
	l.consumers = append(l.consumers, k)
	l.seat()
}

// dismiss ends that for those who have gone.
func (q *queue) dismiss(gone func(*consumer) bool) {
	for i := range q.levels {
		l := &q.levels[i]
		l.deferTurns()
		l.consumers = slices.DeleteFunc(l.consumers, gone)
		l.seat()
		if l.shared {
			l.findShared()
		}
	}
	q.levels = slices.DeleteFunc(q.levels, func(l level) bool { return len(l.consumers) == 0 })
	clear(q.playing[:cap(q.playing)]) // they may be gone
}

// deferTurns puts the consumer whose turn it is first, so that those who come
// and go do not change the turns of the others.
func (l *level) deferTurns() {
	if n := len(l.consumers); n > 0 && l.turn%n > 0 {
		t := l.turn % n
		l.consumers = append(slices.Clone(l.consumers[t:]), l.consumers[:t]...)
	}
	l.turn = 0
}

// seat numbers the consumers.
func (l *level) seat() {
	for i, k := range l.consumers {
		k.place = i
	}
}

// findShared notes whether a channel still has two of the consumers.
func (l *level) findShared() {
	channels := make(map[*channel]struct{}, len(l.consumers))
	for _, k := range l.consumers {
		channels[k.channel] = struct{}{}
	}
	l.shared = len(channels) < len(l.consumers)
}

func (k *consumer) sharesChannel(other *consumer) bool { return k.channel == other.channel }
