package broker

import "container/heap"

// groups are the message groups of a queue that has x-message-groups: the
// messages of a group are delivered in their order and to one consumer at a
// time, which has the group as long as it has not settled all of them.
//
// What comes is in the ready list of the queue. From there messages are sorted
// into their groups as far as is needed to find one for a consumer that has
// room, each once; so a group that nobody can take from does not cost those
// that come for others anything, and all that is sorted was there before all
// that is not. A group is known as long as it has messages, sorted or
// delivered. Everything here is guarded by q.mu of the queue.
type groups struct {
	queue    *queue
	known    map[string]*group // by id
	out      map[uint64]*group // of messages that are delivered and not settled, by position
	loose    group             // what belongs to no group: it has no consumer and may go to any
	free     groupHeap         // those that any consumer may have
	stranded groupHeap         // those that nobody may have: what is out was got, or its consumer has gone
	away     groupHeap         // those whose first message is on disk
	ended    []*group          // of which nothing is out any more, since they were last looked at
	most     int               // of them that were known at once
	fresh    uint64            // position of what is being published; 0: nothing

	disk   int      // size of what is sorted and on disk
	limit  int      // bytes of what is sorted and in memory for which the pager is asked
	long   []*group // of which some may have to go to disk
	hungry []*group // of which some may have to come from there
}

// group is a message group.
type group struct {
	id      string
	holder  *consumer // who has it; nil: nobody
	out     int       // messages of it that are delivered and not settled
	waiting ready     // those that are sorted
	first   uint64    // position of the first of them
	in      *groupHeap
	at      int  // where it is in that
	long    bool // it is in the list of those
	hungry  bool // likewise
}

func newGroups(q *queue) *groups {
	g := &groups{queue: q}
	g.reset()
	return g
}

// reset gives back what maps keep.
func (gs *groups) reset() {
	gs.known, gs.out, gs.most = map[string]*group{}, map[uint64]*group{}, 0
}

// of is the group of a message, a new one if it is not known.
func (gs *groups) of(m *message) *group {
	id := groupID(m.content.Properties())
	if id == "" {
		return &gs.loose
	}
	g := gs.known[id]
	if g == nil {
		g = &group{id: id}
		gs.known[id] = g
		gs.most = max(gs.most, len(gs.known))
	}
	return g
}

// place puts a group where those are found that may take from it. It follows
// any change of the group.
func (gs *groups) place(g *group) {
	if g.holder != nil && g.holder.place == aside { // it has gone
		g.holder = nil
	}
	it, some := g.waiting.first()
	g.first = it.Seq
	to := &gs.free
	switch {
	case !some:
		to = nil
	case g.waiting.available() == 0:
		to = &gs.away
	case g.holder != nil:
		to = &g.holder.groups
	case g.out > 0:
		to = &gs.stranded
	}
	if to == g.in {
		if to != nil {
			heap.Fix(to, g.at)
		}
		return
	}
	if g.in != nil {
		heap.Remove(g.in, g.at)
	}
	if g.in = to; to != nil {
		heap.Push(to, g)
	}
}

// next is the group from which a consumer may take the message that came
// first, of all that are sorted; nil if there is none. Without a consumer it is
// one that nobody has.
func (gs *groups) next(k *consumer) (g *group) {
	if len(gs.free) > 0 {
		g = gs.free[0]
	}
	if k != nil && len(k.groups) > 0 && (g == nil || k.groups[0].first < g.first) {
		g = k.groups[0]
	}
	return g
}

// deliver notes that a message of a group is on its way to a consumer, which
// will settle it, or to one who got it.
func (gs *groups) deliver(g *group, e *entry, k *consumer) {
	if g != &gs.loose {
		g.holder = k
		g.out++
		gs.out[e.seq] = g
	}
	gs.place(g)
}

// settled notes that deliveries are settled, whatever becomes of them. A group
// of which nothing is out any more is for others when its consumer has had its
// turn: it gets what follows as long as it has room.
func (gs *groups) settled(ds []delivery) {
	for i := range ds {
		g := gs.out[ds[i].seq]
		if g == nil {
			continue
		}
		delete(gs.out, ds[i].seq)
		if g.out--; g.out == 0 {
			gs.ended = append(gs.ended, g)
			gs.place(g)
		}
	}
}

// release frees the groups of which nothing is out any more, and forgets those
// that have nothing either. It returns whether some can be taken now.
func (gs *groups) release() (some bool) {
	for i, g := range gs.ended {
		gs.ended[i] = nil
		if g.out == 0 && g.holder != nil && g.waiting.len() > 0 {
			g.holder = nil
			gs.place(g)
			some = true
		}
		gs.forget(g)
	}
	gs.ended = gs.ended[:0]
	return some
}

// largeMap is how many groups are known before their maps are given back.
const largeMap = 1 << 10

// forget forgets a group that has nothing.
func (gs *groups) forget(g *group) {
	if g.out > 0 || g.waiting.len() > 0 || gs.known[g.id] != g {
		return
	}
	delete(gs.known, g.id)
	if len(gs.known) == 0 && gs.most > largeMap {
		gs.reset()
	}
}

// leave has a consumer that has gone leave what waits to others, once what it
// has is settled.
func (gs *groups) leave(k *consumer) {
	for len(k.groups) > 0 {
		g := k.groups[0]
		g.holder = nil
		gs.place(g)
	}
	k.groups = nil
}

// groupHeap are groups of which something waits, that with the first message
// on top.
type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].first < h[j].first }
func (h groupHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *groupHeap) Push(g any) {
	g.(*group).at = len(*h)
	*h = append(*h, g.(*group))
}

func (h *groupHeap) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return g
}
