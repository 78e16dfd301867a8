package broker

import (
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// What waits in a group is paged as if the group was a queue: a window at its
// head and one at its tail stay in memory.

// starve notes that a group may need messages that are on disk.
func (gs *groups) starve(g *group) {
	if g.waiting.absent > 0 && !g.hungry {
		g.hungry = true
		gs.hungry = append(gs.hungry, g)
	}
}

// lengthen notes that a group has more than one block.
func (gs *groups) lengthen(g *group) {
	if len(gs.long) > 2*len(gs.known)+16 { // most of them have gone
		gs.shorten()
	}
	g.long = true
	gs.long = append(gs.long, g)
}

// shorten takes groups that have no more than that off the list of those that
// have.
func (gs *groups) shorten() {
	gs.long = slices.DeleteFunc(gs.long, func(g *group) bool {
		g.long = g.waiting.head != g.waiting.tail
		return !g.long
	})
}

// short returns a list of which less than size bytes can be taken before a
// message that is on disk; nil if there is none.
func (gs *groups) short(size int) *ready {
	for len(gs.hungry) > 0 {
		g := gs.hungry[0]
		if g.waiting.absent > 0 && g.waiting.front < size {
			return &g.waiting
		}
		g.hungry = false
		gs.hungry[0] = nil
		gs.hungry = gs.hungry[1:]
	}
	gs.hungry = nil
	return nil
}

// over tells whether so much of what is sorted is in memory that some may have
// to go.
func (gs *groups) over(window int) bool {
	loaded := gs.queue.ready.back
	gs.limit = min(gs.limit, loaded+window/4)
	return len(gs.long) > 0 && loaded > max(gs.limit, window)
}

// keep lets what is in memory stay there, and somewhat more.
func (gs *groups) keep(window int) { gs.limit = gs.queue.ready.back + window/4 }

// shed forgets messages in the middle of groups; see ready.shed.
func (gs *groups) shed(window int, place func(*message) storage.Place) (stuck *block, more bool) {
	r := &gs.queue.ready.ready
	gs.shorten()
	for _, g := range gs.long {
		before := g.waiting.tally()
		b, more := g.waiting.shed(window, place)
		gs.starve(g)
		r.regroup(g, before)
		if more {
			return nil, true
		}
		if stuck == nil {
			stuck = b
		}
	}
	gs.keep(window)
	return stuck, false
}
