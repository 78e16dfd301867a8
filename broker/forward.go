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
	way    way
	run    run
	queues []*queue // that the run goes to

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

// errand is where a message is to be handed on.
type errand struct {
	parcel
	from  *namedExchange    // where it begins; nil: at the exchange of its origin
	to    []*queue          // where it ends; nil: where it is routed
	bars  func(*queue) bool // which queues it is not to come to; nil: it may come to all
	keeps bool              // what no queue takes is not lost: it need not become a letter
}

// add hands a message on. It returns whether there are queues that it comes to,
// and such as bar it.
func (f *forwarding) add(e *errand) (found, barred bool) {
	queues := e.to
	if queues == nil {
		queues = f.find(e)
	}
	if n := len(queues); e.bars != nil {
		queues = slices.DeleteFunc(queues, e.bars)
		barred = len(queues) < n
	}
	if len(queues) == 0 {
		return false, barred
	}
	if f.run.returns != e.keeps {
		f.flush()
		f.run.returns = e.keeps
	}
	f.send(&e.parcel, queues)
	return true, barred
}

// find finds the way of a message.
func (f *forwarding) find(e *errand) []*queue {
	f.vhost.mu.RLock()
	defer f.vhost.mu.RUnlock()
	if e.from == nil {
		f.way.find(f.vhost, e.origin, e.more, &e.content)
	} else {
		f.way.resumeAt(f.vhost, e.from, &e.parcel)
	}
	return f.way.queues
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
	for _, q := range f.queues {
		q.publish(&f.run)
	}
	slices.Sort(f.run.refused)
	for _, i := range slices.Compact(f.run.refused) {
		f.refused = append(f.refused, f.sent-len(f.run.contents)+i)
	}
	clear(f.queues)
	f.queues = f.queues[:0]
	keeps := f.run.returns
	f.run.reset()
	f.run.returns = keeps
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
