package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// forwarding hands messages on that are not published by a connection: each
// finds its way, and those that go the same way go as runs, in their order. No
// lock is held, and a unit is open if the vhost has a store. The zero forwarding
// of a vhost is ready.
type forwarding struct {
	vhost  *vhost
	from   *namedExchange // where all of them begin; nil: each at that of its origin
	way    way
	run    run
	queues []*queue // that the run goes to

	keeps   bool  // what is refused is not lost: it need not become a letter
	sent    int   // messages so far
	refused []int // which of them a queue has refused, ascending
}

// parcel is a message to be handed on. Its content has memory of its own.
type parcel struct {
	origin  *origin
	more    []string // further routing keys
	content amqp.Content
	traits  traits
}

// add hands a message on, to all queues that it comes to but those that are
// barred; nil bars none. It returns whether there are any that are not, and any
// that are.
func (f *forwarding) add(p *parcel, bars func(*queue) bool) (found, barred bool) {
	f.vhost.mu.RLock()
	if f.from == nil {
		f.way.find(f.vhost, p.origin, p.more, &p.content)
	} else {
		f.way.resumeAt(f.vhost, f.from, p)
	}
	f.vhost.mu.RUnlock()
	queues := f.way.queues
	if n := len(queues); bars != nil {
		queues = slices.DeleteFunc(queues, bars)
		barred = len(queues) < n
	}
	if len(queues) > 0 {
		f.send(p, queues)
	}
	return len(queues) > 0, barred
}

// send hands a message on to queues, of which there are some.
func (f *forwarding) send(p *parcel, queues []*queue) {
	r := &f.run
	if len(r.contents) == 0 || len(r.contents) >= longestRun || *r.origin != *p.origin || !slices.Equal(f.queues, queues) {
		f.flush()
		r.origin, f.queues = p.origin, append(f.queues[:0], queues...)
	}
	r.bring(p, f.queues)
	f.sent++
}

// flush hands on what was added.
func (f *forwarding) flush() {
	f.run.returns = f.keeps
	for _, q := range f.queues {
		q.publish(&f.run)
	}
	slices.Sort(f.run.refused)
	for _, i := range slices.Compact(f.run.refused) {
		f.refused = append(f.refused, f.sent-len(f.run.contents)+i)
	}
	clear(f.queues)
	f.queues = f.queues[:0]
	f.run.reset()
}

// bring adds a content that has memory of its own, and goes to queues.
func (r *run) bring(p *parcel, queues []*queue) {
	r.contents = append(r.contents, p.content)
	r.note(storing(queues), p.traits.persistent)
	r.noteQuorum(quorums(queues))
	r.characterise(p.traits)
	m := &message{origin: r.origin, content: p.content}
	r.annotate(len(r.kept), m)
	r.kept = append(r.kept, m)
}
