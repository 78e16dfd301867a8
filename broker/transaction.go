package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// transaction is what the next tx.commit of a channel is to carry out.
type transaction struct {
	publishes []heldRun     // in their order
	settles   []heldVerdict // likewise
}

// heldRun is a run of publishes that go the same way.
type heldRun struct {
	run
	queues    []string // names of those that routing came to (TX-06)
	mandatory bool
}

// heldVerdict is what is to become of deliveries that have left the window:
// successive methods that want the same are one (TX-08).
type heldVerdict struct {
	deliveries []delivery
	requeue    bool
}

// publish holds a message, which it copies, for queues with the given names.
// o must never change; queues is not referred to afterwards.
func (t *transaction) publish(o *origin, queues []string, mandatory bool, content amqp.Content) {
	last := len(t.publishes) - 1
	if last < 0 || !t.publishes[last].takes(o, queues, mandatory) {
		t.publishes = append(t.publishes, heldRun{run{origin: o}, slices.Clone(queues), mandatory})
		last++
	}
	t.publishes[last].hold(content)
}

// takes tells whether another message may join the run.
func (h *heldRun) takes(o *origin, queues []string, mandatory bool) bool {
	return len(h.contents) < longestRun && h.mandatory == mandatory && *h.origin == *o && slices.Equal(h.queues, queues)
}

// settle holds what is to become of deliveries.
func (t *transaction) settle(ds []delivery, requeue bool) {
	last := len(t.settles) - 1
	if last < 0 || t.settles[last].requeue != requeue {
		t.settles = append(t.settles, heldVerdict{requeue: requeue})
		last++
	}
	v := &t.settles[last]
	v.deliveries = append(v.deliveries, ds...)
}

// settled are all deliveries that are held.
func (t *transaction) settled() (all []delivery) {
	for _, v := range t.settles {
		all = append(all, v.deliveries...)
	}
	return all
}
