package broker

import (
	"cmp"
	"slices"
	"sort"
)

// delivery is a message that was delivered and not yet settled.
type delivery struct {
	entry
	tag      uint64
	queue    *queue    // nil: settled meanwhile, the place is empty
	consumer *consumer // nil: it was got with basic.get
	body     uint32    // bytes: nobody has to look at the message when it is settled
}

// newDelivery is one to a consumer, or to one who got it.
func newDelivery(e *entry, tag uint64, q *queue, k *consumer) (d delivery) {
	d.set(e, tag, q, k)
	return d
}

// set makes d such a delivery, in place.
func (d *delivery) set(e *entry, tag uint64, q *queue, k *consumer) {
	d.entry, d.tag, d.queue, d.consumer = *e, tag, q, k
	d.body = uint32(e.message.content.BodySize())
}

// vacate leaves the place of a delivery that is settled empty.
func (d *delivery) vacate() {
	tag := d.tag
	*d = delivery{}
	d.tag = tag
}

// unacked is the window of unsettled deliveries of a channel, in the order of
// their tags.
type unacked struct {
	window []delivery
	from   int // window[:from] is settled
	live   int // deliveries that are not settled
}

func (u *unacked) push(d delivery) { *u.extend() = d }

// extend adds a place, all of which is to be set at once.
func (u *unacked) extend() *delivery {
	n := len(u.window)
	if n == cap(u.window) {
		u.grow()
		n = len(u.window)
	}
	u.window = u.window[:n+1]
	u.live++
	return &u.window[n]
}

// grow makes room for another delivery.
func (u *unacked) grow() {
	if u.live*2 <= len(u.window) {
		u.compact()
	}
	u.window = slices.Grow(u.window, 1)
}

// last are the n deliveries that were pushed last.
func (u *unacked) last(n int) []delivery { return u.window[len(u.window)-n:] }

// compact drops all settled places.
func (u *unacked) compact() {
	keep := u.window[:0]
	for _, d := range u.window[u.from:] {
		if d.queue != nil {
			keep = append(keep, d)
		}
	}
	clear(u.window[len(keep):])
	u.window, u.from = keep, 0
}

// find returns the index of the delivery with a tag; false if there is none.
func (u *unacked) find(tag uint64) (int, bool) {
	w := u.window[u.from:]
	if len(w) == 0 || tag < w[0].tag {
		return 0, false
	}
	i := int(min(tag-w[0].tag, uint64(len(w)-1))) // where it is unless tags are missing
	if w[i].tag != tag {
		i = sort.Search(len(w), func(i int) bool { return w[i].tag >= tag })
		if i == len(w) || w[i].tag != tag {
			return 0, false
		}
	}
	return u.from + i, w[i].queue != nil
}

// take removes the delivery with a tag and appends it to dst; false if there
// is none.
func (u *unacked) take(dst []delivery, tag uint64) ([]delivery, bool) {
	i, ok := u.find(tag)
	if !ok {
		return dst, false
	}
	dst = append(dst, u.window[i])
	u.window[i].vacate()
	u.live--
	u.trim()
	return dst, true
}

// takeRange removes the deliveries with the tags of a range and appends them to
// dst. It ends at the first tag that is missing; 0: none is.
func (u *unacked) takeRange(dst []delivery, r ackRange) (_ []delivery, missing uint64) {
	i, ok := u.find(r.from)
	if !ok {
		return dst, r.from
	}
	before := len(dst)
	for tag := r.from; tag <= r.to; tag++ {
		if i == len(u.window) || u.window[i].tag != tag || u.window[i].queue == nil {
			missing = tag
			break
		}
		dst = append(dst, u.window[i])
		u.window[i].vacate()
		i++
	}
	u.live -= len(dst) - before
	u.trim()
	return dst, missing
}

// takeThrough removes all deliveries up to and including tag, which must be
// outstanding.
func (u *unacked) takeThrough(dst []delivery, tag uint64) ([]delivery, bool) {
	i, ok := u.find(tag)
	if !ok {
		return dst, false
	}
	return u.takeUntil(dst, i+1), true
}

// takeAll removes all deliveries.
func (u *unacked) takeAll(dst []delivery) []delivery {
	return u.takeUntil(dst, len(u.window))
}

func (u *unacked) takeUntil(dst []delivery, end int) []delivery {
	for i := u.from; i < end; i++ {
		if d := &u.window[i]; d.queue != nil {
			dst = append(dst, *d)
			u.live--
		}
		u.window[i].vacate()
	}
	u.from = end
	u.trim()
	return dst
}

// takeOf removes all deliveries of one queue.
func (u *unacked) takeOf(dst []delivery, q *queue) []delivery {
	for i := u.from; i < len(u.window); i++ {
		if d := &u.window[i]; d.queue == q {
			dst = append(dst, *d)
			d.vacate()
			u.live--
		}
	}
	u.trim()
	return dst
}

// restore puts deliveries back that were taken.
func (u *unacked) restore(ds []delivery) {
	if len(ds) == 0 {
		return
	}
	u.compact()
	u.window = append(u.window, ds...)
	u.live += len(ds)
	slices.SortFunc(u.window, byTag)
}

// byTag orders deliveries.
func byTag(a, b delivery) int { return cmp.Compare(a.tag, b.tag) }

// leastWindow is how many places an empty window may keep in any case.
const leastWindow = 64

// trim drops settled places at the front, and with the last one memory that
// was not needed since the window was empty before.
func (u *unacked) trim() {
	for u.from < len(u.window) && u.window[u.from].queue == nil {
		u.from++
	}
	if u.from < len(u.window) {
		return
	}
	if used := len(u.window); cap(u.window) > leastWindow && used < cap(u.window)/4 {
		u.window = nil // so much was needed once
	}
	u.window, u.from = u.window[:0], 0
}
