package broker

import "math"

// publishGrouped takes a run where there are groups.
func (q *queue) publishGrouped(r *run) {
	for i := range r.contents {
		if q.admits(r, i) {
			q.add(r, i)
			q.ready.groups.fresh = q.lastSeq // it may be handed out though it expires at once (TTL-03)
			q.dealGroups(longestDeal)
			q.ready.groups.fresh = 0
			q.limit()
			q.expire()
		}
	}
}

// dealGroups hands ready messages to consumers, as deal does: in turn, each the
// first one that it may have. It looks at no more than so many, and returns how
// many it has looked at.
func (q *queue) dealGroups(most int) int {
	if q.ready.groups.fresh == 0 && !q.expire() {
		return 0
	}
	left := most
	for {
		for left > 0 && q.dealGrouped(&left) {
		}
		if left <= 0 || !q.ready.groups.release() {
			return most - left
		}
	}
}

// dealGrouped hands out one message; false if none was. It counts down what it
// looks at.
//
// Who stands in line has room, or it is not known that he has none: who has
// room and no message keeps his place.
func (q *queue) dealGrouped(left *int) bool {
	for i := range q.levels {
		l := &q.levels[i]
		for n := 0; n < len(l.line); {
			k := l.line[(l.turn+n)%len(l.line)]
			if q.ready.groups.next(k) == nil && q.ready.available() == 0 {
				n++
				continue
			}
			limited := k.limited()
			if k.room(limited) == 0 {
				l.pass(n, q.passes)
				q.passes++
				continue
			}
			var g *group
			if g, *left = q.nextFor(k, *left); g != nil {
				*left--
				q.handOne(k, g)
				l.serve(n)
				return true
			}
			if limited {
				k.channel.unreserve()
			}
			n++
		}
	}
	return false
}

// nextFor is the group from which a consumer, or nil for one who gets it, takes
// the next message, found by looking at most at so many; nil if there is none.
// What has expired dies on the way: nobody gets it, although others may have come
// before it (TTL-02).
func (q *queue) nextFor(k *consumer, most int) (g *group, left int) {
	for {
		if g, most = q.ready.nextOf(k, most); g == nil || !q.stale(g) {
			return g, most
		}
		e := q.ready.takeOf(g)
		q.ready.groups.forget(g)
		d := q.discard(expired)
		d.add(&e)
		d.end()
		most--
	}
}

// stale tells whether the first message of a group has expired.
func (q *queue) stale(g *group) bool {
	at := g.waiting.deadline()
	return at != 0 && g.first != q.ready.groups.fresh && at <= q.now()
}

// handOne gives a consumer the first message of a group. It has room.
func (q *queue) handOne(k *consumer, g *group) {
	gs := q.ready.groups
	e := q.ready.takeOf(g)
	q.pace.drained += int(e.size)
	if k.noAck {
		gs.place(g)
		gs.forget(g)
	} else {
		gs.deliver(g, &e, k)
	}
	q.items, q.playing = append(q.items[:0], item{entry: e}), append(q.playing[:0], k)
	k.take(nil, q.items, 0, 1)
	if q.stored != nil {
		q.storeDealt(nil)
	}
	clear(q.items)
}

// getGrouped takes the first message of those that no consumer has; false if
// there is none in memory.
func (q *queue) getGrouped(noAck bool) (e entry, ok bool) {
	gs := q.ready.groups
	g, _ := q.nextFor(nil, math.MaxInt)
	if g == nil {
		return e, false
	}
	e = q.ready.takeOf(g)
	if noAck {
		gs.place(g)
		gs.forget(g)
	} else {
		gs.deliver(g, &e, nil)
	}
	return e, true
}
