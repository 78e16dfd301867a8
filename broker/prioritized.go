package broker

import (
	"math/bits"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// prioritized are the lanes of a queue with x-max-priority. A level costs
// nothing as long as it has no messages, and each lane is paged as if it were
// a queue.
type prioritized struct {
	used  [4]uint64 // levels that have a lane, a bit each
	lanes []*ready  // by rising level; none is empty
	spare *ready    // an empty one, to use again; or nil
	aging *aging    // nil: the highest level always goes first
	sum   tally
}

// tally counts what is in lanes.
type tally struct {
	messages int
	bytes    int // size of all messages
	bodies   int // of those, bytes of bodies
	disk     int // size of those that are on disk
	split    int // lanes of which some are on disk
}

// tally counts what is in one lane.
func (r *ready) tally() tally {
	return tally{messages: r.len(), bytes: r.bytes, bodies: r.bodies, disk: r.disk, split: min(r.absent, 1)}
}

// index is where the lane of a level is, if it has one, or belongs.
func (p *prioritized) index(level uint8) (i int) {
	word := level / 64
	for _, w := range p.used[:word] {
		i += bits.OnesCount64(w)
	}
	return i + bits.OnesCount64(p.used[word]&(1<<(level%64)-1))
}

func (p *prioritized) has(level uint8) bool { return p.used[level/64]>>(level%64)&1 != 0 }

// lane returns the lane of a level, a new one if it has none.
func (p *prioritized) lane(level uint8) *ready {
	i := p.index(level)
	if p.has(level) {
		return p.lanes[i]
	}
	r := p.spare
	if p.spare = nil; r == nil {
		r = new(ready)
	}
	p.lanes = slices.Insert(p.lanes, i, r)
	p.reorder()
	p.used[level/64] |= 1 << (level % 64)
	return r
}

// remove removes the lane at i, which is empty and was that of a level.
func (p *prioritized) remove(i int, level uint8) {
	p.spare = p.lanes[i]
	p.lanes = slices.Delete(p.lanes, i, i+1)
	p.reorder()
	p.used[level/64] &^= 1 << (level % 64)
}

// changed counts what has become of a lane since it had so much in it.
func (p *prioritized) changed(l *ready, before tally) {
	now := l.tally()
	p.sum.messages += now.messages - before.messages
	p.sum.bytes += now.bytes - before.bytes
	p.sum.bodies += now.bodies - before.bodies
	p.sum.disk += now.disk - before.disk
	p.sum.split += now.split - before.split
}

// next is the lane from which the next message is taken, and where it is; nil
// if nothing is ready.
func (p *prioritized) next() (r *ready, i int) {
	if i = len(p.lanes) - 1; i < 0 {
		return nil, i
	}
	if p.aging != nil {
		i = p.lead()
	}
	return p.lanes[i], i
}

// byPriority parts items, those of one priority in their order.
func byPriority(items []storage.Item) (parts [256][]storage.Item) {
	var count [256]int
	for i := range items {
		count[items[i].Priority]++
	}
	all := make([]storage.Item, len(items))
	for level, n := range count {
		parts[level], all = all[:0:n], all[n:]
	}
	for i := range items {
		part := &parts[items[i].Priority]
		*part = append(*part, items[i])
	}
	return parts
}
