package broker

import (
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// loaded is the size of the messages in memory.
func (l *lanes) loaded() int {
	if l.prioritized != nil {
		return l.sum.bytes - l.sum.disk
	}
	return l.ready.loaded()
}

// split tells whether some messages are on disk.
func (l *lanes) split() bool {
	if l.prioritized != nil {
		return l.sum.split > 0
	}
	return l.absent > 0 || l.groups != nil && l.groups.disk > 0
}

// headAway tells whether all was taken that comes before a message on disk.
func (l *lanes) headAway() bool {
	if l.groups != nil && l.absent == 0 && len(l.groups.away) == 0 {
		return false
	}
	return l.split() && l.available() <= 0
}

// short returns the lane from which less than size bytes can be taken before a
// message that is on disk, counting what is taken before; nil if there is none.
func (l *lanes) short(size int) *ready {
	switch {
	case !l.split():
		return nil
	case l.prioritized == nil:
		if l.groups != nil {
			if r := l.groups.short(size); r != nil {
				return r
			}
		}
		if l.absent > 0 && l.front < size {
			return &l.ready
		}
		return nil
	case l.aging != nil:
		return l.shortAnywhere(size)
	}
	for _, r := range slices.Backward(l.lanes) {
		if r.absent > 0 {
			if r.front < size {
				return r
			}
			return nil
		}
		size -= r.loaded()
	}
	return nil
}

// shortAnywhere does it if each lane may be the next: it is the next one, if
// that is short.
func (p *prioritized) shortAnywhere(size int) (short *ready) {
	for _, r := range p.lanes {
		if r.absent > 0 && r.front < size {
			short = r
		}
	}
	if r, _ := p.next(); r.absent > 0 && r.front < size {
		return r
	}
	return short
}

// overtaking tells whether messages may be taken although others that came
// before were on disk: they are of a higher priority.
func (l *lanes) overtaking() bool { return l.prioritized != nil && l.split() && l.available() > 0 }

// behind is the size of what is in memory behind the fronts of all lanes.
func (l *lanes) behind() (n int) {
	if l.prioritized == nil {
		return l.ready.behind()
	}
	for _, r := range l.lanes {
		n += r.behind()
	}
	return n
}

// over tells whether a lane has more than window bytes in memory behind its
// front, and all of them more than limit.
func (l *lanes) over(limit, window int) bool {
	switch {
	case l.prioritized == nil:
		return l.ready.over(max(limit, window)) || l.groups != nil && l.groups.over(window)
	case l.loaded() <= max(limit, window):
		return false
	}
	return l.behind() > limit && slices.ContainsFunc(l.lanes, func(r *ready) bool { return r.over(window) })
}

// shed forgets messages in the middle of lanes; see ready.shed.
func (l *lanes) shed(window int, place func(*message) storage.Place) (stuck *block, more bool) {
	if l.prioritized == nil {
		stuck, more = l.ready.shed(window, place)
		if l.groups == nil || more {
			return stuck, more
		}
		if b, more := l.groups.shed(window, place); stuck == nil {
			return b, more
		}
		return stuck, false
	}
	for _, r := range l.lanes {
		before := r.tally()
		b, more := r.shed(window, place)
		l.changed(r, before)
		if more {
			return nil, true
		}
		if stuck == nil {
			stuck = b
		}
	}
	return stuck, false
}

// of is the lane to which a block belongs, or did; nil if its level has none.
// All of its messages are of one priority.
func (l *lanes) of(b *block) *ready {
	if b.group != nil {
		return &b.group.waiting
	}
	if l.prioritized == nil {
		return &l.ready
	}
	if level := b.items[0].Priority; l.has(level) {
		return l.lane(level)
	}
	return nil
}

// rests tells whether b is the first block of the rest of its lane.
func (l *lanes) rests(b *block) bool {
	r := l.of(b)
	return r != nil && r.rest == b
}

// wants tells whether b is the block that is to be installed next in its lane.
func (l *lanes) wants(b *block) bool {
	r := l.of(b)
	return r != nil && r.wants(b)
}

// drop forgets the messages of b, which rests, and which are on disk.
func (l *lanes) drop(b *block) {
	r := l.of(b)
	before := r.tally()
	r.drop()
	l.counted(b, r, before)
}

// install puts the messages of b, which is wanted, where they were.
func (l *lanes) install(b *block, messages []*message) {
	r := l.of(b)
	before := r.tally()
	r.install(b, messages)
	l.counted(b, r, before)
}

// counted counts what has become of the list of a block since it had so much in
// it.
func (l *lanes) counted(b *block, r *ready, before tally) {
	switch {
	case l.prioritized != nil:
		l.prioritized.changed(r, before)
	case b.group != nil:
		l.groups.starve(b.group)
		l.ready.regroup(b.group, before)
	}
}

// lists yields the first block of each lane.
func (l *lanes) lists(yield func(head *block)) {
	if l.prioritized == nil {
		l.ready.heads(yield)
		return
	}
	for _, r := range l.lanes {
		if r.head != nil {
			yield(r.head)
		}
	}
}

// resident yields the messages that are not on disk.
func (l *lanes) resident(yield func(*message)) {
	if l.prioritized == nil {
		l.ready.resident(yield)
		return
	}
	for _, r := range l.lanes {
		r.resident(yield)
	}
}
