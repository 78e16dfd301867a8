package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// transaction is what the next tx.commit of a channel is to carry out.
type transaction struct {
	publishes []heldRun     // in their order
	settles   []heldSettles // likewise
	size      int64         // about what the store would have to keep of it
}

const (
	// largestTransaction bounds what the store keeps at once.
	largestTransaction = 2 << 30
	// storedOverhead is more than the store notes on a message of a queue.
	storedOverhead = 64
)

// grow notes a publish to so many queues that may store it; an error if that is
// too much for one commit.
func (t *transaction) grow(size, queues int) error {
	if t.size += int64(size) + int64(queues)*storedOverhead; t.size > largestTransaction {
		return amqp.PreconditionFailed.Errorf("transaction of more than %d bytes", int64(largestTransaction))
	}
	return nil
}

// heldRun is a run of publishes that go the same way.
type heldRun struct {
	run
	queues    []string // names of those that routing came to (TX-06)
	delayed   []*queue // those of delayed exchanges, which have no names
	mandatory bool
}

// heldSettles is what is to become of deliveries that have left the window:
// successive methods that want the same are one (TX-08).
type heldSettles struct {
	deliveries []delivery
	fate       fate
}

// runTo returns the run that a publish for queues with the given names is to
// join. o must never change; queues is not referred to afterwards.
func (t *transaction) runTo(o *origin, queues []string, delayed []*queue, mandatory bool) *heldRun {
	last := len(t.publishes) - 1
	if last < 0 || !t.publishes[last].takes(o, queues, delayed, mandatory) {
		t.publishes = append(t.publishes, heldRun{run{origin: o}, slices.Clone(queues), delayed, mandatory})
		last++
	}
	return &t.publishes[last]
}

// takes tells whether another message may join the run.
func (h *heldRun) takes(o *origin, queues []string, delayed []*queue, mandatory bool) bool {
	return len(h.contents) < longestRun && h.mandatory == mandatory && *h.origin == *o &&
		slices.Equal(h.queues, queues) && slices.Equal(h.delayed, delayed)
}

// settle holds what is to become of deliveries.
func (t *transaction) settle(ds []delivery, f fate) {
	last := len(t.settles) - 1
	if last < 0 || t.settles[last].fate != f {
		t.settles = append(t.settles, heldSettles{fate: f})
		last++
	}
	h := &t.settles[last]
	h.deliveries = append(h.deliveries, ds...)
}

// stores tells whether there is something that queues may have stored or are to
// store.
func (t *transaction) stores(v *vhost) bool {
	for i := range t.publishes {
		if h := &t.publishes[i]; h.persistent > 0 || quorums(v.named(h.queues)) > 0 {
			return true
		}
	}
	for _, v := range t.settles {
		for i := range v.deliveries {
			if d := &v.deliveries[i]; d.queue.stores(d.message) {
				return true
			}
		}
	}
	return false
}

// refused tells whether a queue has not taken a publish.
func (t *transaction) refused() bool {
	return slices.ContainsFunc(t.publishes, func(h heldRun) bool { return len(h.run.refused) > 0 })
}

// settled are all deliveries that are held.
func (t *transaction) settled() (all []delivery) {
	for _, v := range t.settles {
		all = append(all, v.deliveries...)
	}
	return all
}
