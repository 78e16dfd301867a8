package broker

import (
	"math"

	"github.com/leveretmq/leveret/storage"
)

// entry is a message at its position in a queue.
type entry struct {
	seq         uint64 // position: ascending in publish order, unique in the queue
	message     *message
	redelivered bool
	deliveries  uint16 // how often it was given back, as far as is known
}

// again is the entry when it is given back.
func (e entry) again() entry {
	e.redelivered = true
	e.deliveries += min(1, math.MaxUint16-e.deliveries)
	return e
}

// ready holds the messages of a queue that wait for a consumer, in the order
// of their positions. Deliveries are taken at the front, so whatever comes
// back (a requeue) belongs before all that was never delivered: returned
// messages are a heap, fresh ones a list of blocks.
type ready struct {
	returned []entry // min-heap by seq
	head     *block  // first fresh block; nil when there is none
	tail     *block
	fresh    int // number of fresh messages
	bytes    int // size of all contents
}

const blockLen = 256

// block is a piece of the list of fresh messages.
type block struct {
	entries  [blockLen]entry
	from, to int
	next     *block
}

func (r *ready) len() int { return len(r.returned) + r.fresh }

// push adds a message behind all others.
func (r *ready) push(e entry) {
	if r.tail == nil || r.tail.to == blockLen {
		b := newBlock()
		if r.tail == nil {
			r.head = b
		} else {
			r.tail.next = b
		}
		r.tail = b
	}
	r.tail.entries[r.tail.to] = e
	r.tail.to++
	r.fresh++
	r.bytes += e.message.content.Size()
}

// pop removes the first message. There must be one.
func (r *ready) pop() entry {
	if len(r.returned) > 0 {
		e := r.popReturned()
		r.bytes -= e.message.content.Size()
		return e
	}
	b := r.head
	e := b.entries[b.from]
	b.entries[b.from] = entry{}
	b.from++
	r.fresh--
	r.bytes -= e.message.content.Size()
	if b.from == b.to {
		r.head = b.next
		if r.head == nil {
			r.tail = nil
		}
		b.release()
	}
	return e
}

// giveBack puts a message that was delivered back to its position, marked as
// redelivered.
func (r *ready) giveBack(e entry) {
	r.bytes += e.message.content.Size()
	h := append(r.returned, e.again())
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].seq < h[i].seq {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	r.returned = h
}

func (r *ready) popReturned() entry {
	h := r.returned
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = entry{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].seq < h[least].seq {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	r.returned = h
	if last == 0 {
		r.returned = nil
	}
	return first
}

// purge removes all messages and returns how many there were.
func (r *ready) purge() int {
	n := r.len()
	*r = ready{}
	return n
}

// ranges yields where ready messages are. What is not ready is not in them,
// unless it has gone.
func (r *ready) ranges(yield func(storage.Range)) {
	for i := range r.returned {
		yield(storage.Range{From: r.returned[i].seq, To: r.returned[i].seq})
	}
	if r.fresh > 0 {
		yield(storage.Range{From: r.head.entries[r.head.from].seq, To: r.tail.entries[r.tail.to-1].seq})
	}
}

// resident yields all messages that are in memory.
func (r *ready) resident(yield func(*message)) {
	for i := range r.returned {
		yield(r.returned[i].message)
	}
	for b := r.head; b != nil; b = b.next {
		for i := b.from; i < b.to; i++ {
			yield(b.entries[i].message)
		}
	}
}
