package broker

import "github.com/leveretmq/leveret/storage"

// ready holds the messages of a queue, or of one priority in it, that wait for
// a consumer, in the order of their positions. Deliveries are taken at the front, so whatever comes
// back (a requeue) belongs before all that was never delivered: returned
// messages are a heap, fresh ones a list of blocks, of which those in the
// middle may be on disk:
//
//	head ... away ... rest ... tail
//	in memory | on disk | in memory
type ready struct {
	returned []entry // min-heap by seq, or with inTurn in the order in which they came back
	inTurn   bool    // immutable
	head     *block  // first fresh block; nil when there is none
	away     *block  // first block that is on disk; the same as rest when none is
	rest     *block  // first block behind those; nil when there is none
	tail     *block
	fresh    int // number of fresh messages
	absent   int // of those, from away on; 0 when none is on disk
	bytes    int // size of all messages
	bodies   int // of those, bytes of bodies
	disk     int // size of those that are on disk
	front    int // size of the blocks before away
	back     int // size of those that came back, or are aside

	gaps bool // between the fresh ones may be some that are dying, since a restart

	groups *groups // nil: the queue has no message groups
	aside  int     // messages that are sorted into those
}

func (r *ready) len() int { return len(r.returned) + r.aside + r.fresh }

// available is how many messages can be taken before one that is on disk.
func (r *ready) available() int { return len(r.returned) + r.fresh - r.absent }

// loaded is the size of the messages in memory.
func (r *ready) loaded() int { return r.bytes - r.disk }

// push adds a message behind all others.
func (r *ready) push(e *entry) {
	b := r.tail
	if b == nil || b.to == len(b.items) || b.size >= blockSize {
		b = r.grow()
	}
	size := e.message.Size()
	it := &b.items[b.to] // set in place: to copy what was just put together takes as long as all else
	body := e.message.content.BodySize()
	it.Seq, it.Place, it.Expires, it.Size, it.Head = e.seq, 0, e.expires, uint32(size), uint32(size-body)
	it.Deliveries, it.Priority, it.Redelivered = e.deliveries, e.priority, e.redelivered
	b.messages[b.to] = e.message
	b.to++
	b.size += size
	r.fresh++
	r.bytes += size
	r.bodies += body
	if r.absent > 0 {
		r.absent++
	}
}

// grow adds a block at the end.
func (r *ready) grow() *block {
	b := newBlock(r.tail == nil)
	r.link(b)
	if r.rest == nil {
		r.rest = b
		if r.absent == 0 {
			r.away = b
		}
	}
	return b
}

func (r *ready) link(b *block) {
	if r.tail == nil {
		r.head = b
	} else {
		r.tail.next = b
	}
	r.tail = b
}

// pop removes the first message. It must be available.
func (r *ready) pop() (e entry) {
	r.popTo(&e)
	return e
}

// popTo is pop that puts it where it is to be.
func (r *ready) popTo(e *entry) {
	if len(r.returned) > 0 {
		*e = r.popReturned()
		r.bytes -= int(e.size)
		r.back -= int(e.size)
		r.bodies -= e.message.content.BodySize()
		return
	}
	b := r.head
	it := &b.items[b.from]
	e.seq, e.message, e.expires, e.size = it.Seq, b.messages[b.from], it.Expires, it.Size
	e.deliveries, e.priority, e.redelivered = it.Deliveries, it.Priority, it.Redelivered
	b.messages[b.from] = nil
	b.from++
	r.fresh--
	r.bytes -= int(e.size)
	r.bodies -= int(it.Size - it.Head)
	if b.from == b.to {
		r.shift()
	}
}

// first is what is known of the first message, which may be on disk; false if
// there is none.
func (r *ready) first() (it storage.Item, ok bool) {
	switch {
	case r.aside > 0:
		return r.groups.oldest().waiting.first()
	case len(r.returned) > 0:
		return r.returned[0].stowed().Item, true
	case r.head != nil:
		return r.head.items[r.head.from], true
	}
	return it, false
}

// dropFirst removes the first message, wherever it is. There is one. If it is in
// the page file, it stays there until the pager is told.
func (r *ready) dropFirst() (s stowed) {
	if r.aside > 0 {
		return r.dropAside()
	}
	if r.available() > 0 {
		var place storage.Place
		if len(r.returned) == 0 {
			place = r.head.items[r.head.from].Place // pop does not tell
		}
		e := r.pop()
		s = e.stowed()
		s.Place = place
		return s
	}
	b := r.head // the same as r.away
	s.Item = b.items[b.from]
	b.from++
	b.size -= int(s.Size)
	r.fresh--
	r.absent--
	r.bytes -= int(s.Size)
	r.bodies -= int(s.Size - s.Head)
	r.disk -= int(s.Size)
	if b.from == b.to {
		r.unlink()
	}
	return s
}

// unlink takes the first block, which is on disk, out of the list.
func (r *ready) unlink() {
	b := r.head
	r.head, r.away = b.next, b.next
	if r.away == r.rest {
		r.absent = 0
	}
	if b.next == nil {
		r.tail = nil
	}
	b.next = nil
}

// shift removes the first block, all of which was taken.
func (r *ready) shift() {
	b := r.head
	r.head = b.next
	if r.head == nil {
		r.tail = nil
	}
	if b == r.rest { // none is on disk
		r.away, r.rest = b.next, b.next
	} else {
		r.front -= b.size
	}
	b.release()
}

// giveBack puts a message back to its position.
func (r *ready) giveBack(e entry) {
	if r.groups != nil {
		r.giveBackGrouped(e)
		return
	}
	if e.size == 0 { // it never waited
		e.size = uint32(e.message.Size())
	}
	r.bytes += int(e.size)
	r.back += int(e.size)
	r.bodies += e.message.content.BodySize()
	if r.inTurn {
		r.returned = append(r.returned, e)
		return
	}
	r.pushReturned(e)
}

// purge removes all messages and returns how many there were.
func (r *ready) purge() int {
	n := r.len()
	*r = ready{inTurn: r.inTurn, groups: r.groups}
	if r.groups != nil {
		r.groups.purge()
	}
	return n
}
