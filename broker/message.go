package broker

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/raw"
)

// origin is where messages were published: what basic.deliver repeats, and what
// consumers are not to know.
// Messages of one run share it.
type origin struct {
	exchange, key string
	hidden        string // routing keys of the header BCC, see hide
}

// message is a message that queues or channels hold. It is shared by all of
// them, and immutable but for what is noted in keeping.
type message struct {
	*origin
	content  amqp.Content
	*keeping // nil unless durable queues store the message
}

// persistentMode is the delivery mode of messages that durable queues store.
const persistentMode = 2

const (
	slabSize  = 64 << 10 // most bytes of small contents kept in one piece
	slabCount = 85       // most messages allocated in one piece, of 4 KiB
)

// run is a run of publishes from one read of a connection that go to the same
// queues. Its contents lie in the read buffer: one that is delivered at once
// to a consumer without acknowledgement is never copied anywhere else; one
// that is to stay, in a queue or unacknowledged, is kept as a message.
//
// The small messages that are kept of one run share memory in pieces: one that
// stays for long may hold a piece of slabSize bytes, not more.
type run struct {
	origin   *origin
	contents []amqp.Content
	notes    []note     // on contents, by index; none if no queue stores messages and they are not confirmed
	confirms *confirms  // of the channel; nil unless it is in confirm mode
	dedup    *dedup     // of the exchange; nil unless that drops duplicates
	kept     []*message // what keep returned, by index
	messages []message  // allocated, not yet used
	slab     []byte     // likewise, for contents
	keepings []keeping  // likewise
	traits   []traits   // of contents, by index; those without are ordinary
	now      int64      // milliseconds since 1970, once somebody has asked

	returns bool  // who hands it on keeps what is refused
	refused []int // those that a queue has not taken; one may be there several times

	persistent int // how many of them queues are to store
	early      int // how many of those were settled before one had stored them
}

// keep returns the i-th publish as a message; the same one each time.
func (r *run) keep(i int) *message {
	if len(r.kept) <= i {
		r.kept = append(r.kept, make([]*message, len(r.contents)-len(r.kept))...)
	}
	if r.kept[i] != nil {
		return r.kept[i]
	}
	c := &r.contents[i]
	size := c.KeepSize()
	if size == 0 { // a body with memory of its own, which no neighbour may hold
		r.kept[i] = &message{origin: r.origin, content: *c}
		r.annotate(i, r.kept[i])
		return r.kept[i]
	}
	if len(r.messages) == 0 {
		r.messages = make([]message, r.small(i))
	}
	if cap(r.slab)-len(r.slab) < size {
		r.slab = raw.Bytes(r.slabFor(i))[:0]
	}
	m := &r.messages[0]
	r.messages = r.messages[1:]
	m.origin = r.origin
	m.content, r.slab = c.Keep(r.slab)
	r.annotate(i, m)
	r.kept[i] = m
	return m
}

// keepAlone is keep for a message that may stay when those that came with it
// have long gone: it shares memory with none.
func (r *run) keepAlone(i int) *message {
	for len(r.kept) <= i {
		r.kept = append(r.kept, nil)
	}
	if r.kept[i] == nil {
		alone := new(struct {
			message
			keeping [1]keeping
		})
		alone.origin = r.origin
		c := &r.contents[i]
		alone.content, _ = c.Keep(make([]byte, 0, c.KeepSize()))
		r.keepings = alone.keeping[:]
		r.annotate(i, &alone.message)
		r.keepings, r.kept[i] = nil, &alone.message
	}
	return r.kept[i]
}

// hold adds a content, kept at once. Memory comes in pieces that grow with the
// run. Queues that store messages are to store it if that is one of its traits.
func (r *run) hold(c amqp.Content, t traits) {
	i := len(r.contents)
	if len(r.messages) == 0 {
		r.messages = make([]message, min(max(i, 1), slabCount))
	}
	if n := c.KeepSize(); cap(r.slab)-len(r.slab) < n {
		r.slab = raw.Bytes(max(n, min(2*cap(r.slab), slabSize)))[:0]
	}
	r.contents = append(r.contents, c)
	r.note(1, t.persistent)
	r.characterise(t)
	r.contents[i] = r.keep(i).content
}

// small is how many contents from the i-th on share memory, slabCount at most.
func (r *run) small(i int) (n int) {
	for ; i < len(r.contents) && n < slabCount; i++ {
		if r.contents[i].KeepSize() > 0 {
			n++
		}
	}
	return n
}

// slabFor is the size of the piece of memory for contents from the i-th on.
func (r *run) slabFor(i int) int {
	size := r.contents[i].KeepSize()
	for _, c := range r.contents[i+1:] {
		n := size + c.KeepSize()
		if n > slabSize {
			break
		}
		size = n
	}
	return size
}

// reset forgets everything; memory for references is kept for the next run.
func (r *run) reset() {
	clear(r.contents)
	clear(r.kept)
	*r = run{contents: r.contents[:0], kept: r.kept[:0], notes: r.notes[:0], traits: r.traits[:0], refused: r.refused[:0]}
}
