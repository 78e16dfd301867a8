package broker

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// items gives a queue its messages.
func (r *recovery) items(id uint64, items []storage.Item) error {
	q := r.queues[id]
	if q == nil {
		r.stray += uint64(len(items))
		return fmt.Errorf("there are %d messages of it, and no queue", len(items))
	}
	if q.delays != nil {
		q.delays.calendar.restore(items)
	} else {
		q.ready.restore(r.part(q, items))
		q.ready.gaps = len(r.failed[q]) > 0
		if q.ready.ages() { // nobody knows when they came
			q.ready.aging.came(1, q.now())
		}
	}
	r.messages += len(items)
	return nil
}

// part keeps items apart that have failed too often, and returns the others: it was
// the crash that kept them from being handed on.
func (r *recovery) part(q *queue, items []storage.Item) (alive []storage.Item) {
	failed := func(it storage.Item) bool { return q.settings.failed(it.Deliveries) }
	if !slices.ContainsFunc(items, failed) {
		return items
	}
	for _, it := range items {
		if failed(it) {
			r.failed[q] = append(r.failed[q], it)
		} else {
			alive = append(alive, it)
		}
	}
	return alive
}

// bury has those die that have failed.
func (r *recovery) bury() {
	for q, items := range r.failed {
		q.enter()
		d := q.discard(deliveryLimit)
		for _, it := range items {
			d.addStowed(&stowed{Item: it})
		}
		d.end()
		q.leave()
	}
}
