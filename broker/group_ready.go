package broker

import "github.com/leveretmq/leveret/storage"

// What is sorted into groups still counts in the ready list of its queue: it is
// aside there, and as what came back before all that is not sorted.

// regroup counts what has become of what waits in a group since it was so much,
// and places the group.
func (r *ready) regroup(g *group, before tally) {
	now := g.waiting.tally()
	bytes, disk := now.bytes-before.bytes, now.disk-before.disk
	r.aside += now.messages - before.messages
	r.bytes += bytes
	r.bodies += now.bodies - before.bodies
	r.disk += disk
	r.back += bytes - disk
	r.groups.disk += disk
	r.groups.place(g)
}

// sort puts the first message that is not sorted into its group. It must be
// available.
func (r *ready) sort() {
	place := r.head.items[r.head.from].Place // pop does not tell
	e := r.pop()
	g := r.groups.of(e.message)
	l, before := &g.waiting, g.waiting.tally()
	l.push(&e)
	b := l.tail
	b.items[b.to-1].Place, b.group = place, g
	if l.head != b && !g.long {
		r.groups.lengthen(g)
	}
	r.regroup(g, before)
}

// takeOf removes the first message of a group, which is in memory.
func (r *ready) takeOf(g *group) entry {
	before := g.waiting.tally()
	e := g.waiting.pop()
	r.groups.starve(g)
	r.regroup(g, before)
	return e
}

// dropAside removes the first of all sorted messages; see dropFirst.
func (r *ready) dropAside() stowed {
	g := r.groups.oldest()
	before := g.waiting.tally()
	s := g.waiting.dropFirst()
	r.groups.starve(g)
	r.regroup(g, before)
	r.groups.forget(g)
	return s
}

// giveBackGrouped is giveBack where there are groups.
func (r *ready) giveBackGrouped(e entry) {
	g := r.groups.of(e.message)
	before := g.waiting.tally()
	g.waiting.giveBack(e)
	r.regroup(g, before)
}

// nextOf is the group from which a consumer gets its next message, found by
// sorting at most so many more; nil if there is none. left is how many more may
// be sorted then.
func (r *ready) nextOf(k *consumer, most int) (g *group, left int) {
	for g = r.groups.next(k); g == nil && most > 0 && r.available() > 0; most-- {
		r.sort()
		g = r.groups.next(k)
	}
	return g, most
}

// oldest is the group that has the first of all sorted messages, whoever may
// take it; nil if none is sorted.
func (gs *groups) oldest() (g *group) {
	older := func(h groupHeap) {
		if len(h) > 0 && (g == nil || h[0].first < g.first) {
			g = h[0]
		}
	}
	older(gs.free)
	older(gs.stranded)
	older(gs.away)
	for _, k := range gs.queue.consumers {
		older(k.groups)
	}
	return g
}

// lists yields the lists of what is sorted.
func (gs *groups) lists(yield func(*ready)) {
	yield(&gs.loose.waiting)
	for _, g := range gs.known {
		yield(&g.waiting)
	}
}

// heads yields the first blocks of what is not sorted and of what is.
func (r *ready) heads(yield func(*block)) {
	if r.head != nil {
		yield(r.head)
	}
	if r.groups != nil {
		r.groups.lists(func(l *ready) {
			if l.head != nil {
				yield(l.head)
			}
		})
	}
}

// purge forgets all that is sorted, but not what is out.
func (gs *groups) purge() {
	gs.loose.waiting, gs.loose.long, gs.loose.hungry = ready{}, false, false
	gs.place(&gs.loose)
	for _, g := range gs.known {
		g.waiting, g.long, g.hungry = ready{}, false, false
		gs.place(g)
		gs.forget(g)
	}
	gs.disk, gs.limit = 0, 0
	gs.long, gs.hungry = nil, nil
}

// positions yields the positions of all that is in a list, and no others: what
// lies between them is in other groups, or delivered.
func (r *ready) positions(yield func(storage.Range)) {
	for i := range r.returned {
		yield(storage.Range{From: r.returned[i].seq, To: r.returned[i].seq})
	}
	for b := r.head; b != nil; b = b.next {
		for i := b.from; i < b.to; {
			p := storage.Range{From: b.items[i].Seq, To: b.items[i].Seq}
			for i++; i < b.to && b.items[i].Seq == p.To+1; i++ {
				p.To++
			}
			yield(p)
		}
	}
}
