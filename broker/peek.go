package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/leveretmq/leveret/storage"
)

// QueuedMessage is a message of a queue.
type QueuedMessage struct {
	StoredMessage

	// Unacknowledged tells that it was delivered and is not settled.
	Unacknowledged bool

	// Deliveries is how often it was given back.
	Deliveries int

	// ConsumerTag is of the consumer that has it; empty if it was got.
	ConsumerTag string
}

// queue returns a queue. The errors are ErrVhostNotFound and ErrQueueNotFound.
func (b *Broker) queue(vhost, name string) (*queue, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	if queues := v.named([]string{name}); len(queues) > 0 {
		return queues[0], nil
	}
	return nil, fmt.Errorf("%w: '%s'", ErrQueueNotFound, name)
}

// Peek returns the messages of a queue, and changes nothing: first those that
// are ready, in the order in which they will be delivered, but that some may rise
// (x-priority-aging), then in the order in which they came those that are
// unacknowledged, if Options.Changed has the queue remember them. All are of one
// moment, but what is on disk is read afterwards. The errors are ErrVhostNotFound
// and ErrQueueNotFound.
func (b *Broker) Peek(vhost, queue string) ([]QueuedMessage, error) {
	q, err := b.queue(vhost, queue)
	if err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		all, away := q.peek()
		err := q.fetch(all, away)
		if err == nil || tries == 3 { // others have taken what was to be read
			return all, err
		}
	}
}

// peek returns what there is, and by its index what is on disk.
func (q *queue) peek() (all []QueuedMessage, away map[int]storage.Item) {
	q.mu.Lock()
	defer q.mu.unlockUnchanged()
	all = make([]QueuedMessage, 0, q.ready.len()+len(q.unsettled.notes))
	away = map[int]storage.Item{}
	q.ready.each(func(it storage.Item, m *message) {
		if m == nil {
			away[len(all)] = it
		}
		all = append(all, show(it, m))
	})
	ready := len(all)
	for _, d := range q.unsettled.notes {
		shown := show(storage.Item{Seq: d.seq, Expires: d.expires, Deliveries: d.deliveries, Redelivered: d.redelivered}, d.message)
		shown.Unacknowledged = true
		if d.consumer != nil {
			shown.ConsumerTag = d.consumer.tag
		}
		all = append(all, shown)
	}
	slices.SortFunc(all[ready:], func(a, b QueuedMessage) int { return cmp.Compare(a.Position, b.Position) })
	return all, away
}

// show is a message as it is shown; without m it is filled in later.
func show(it storage.Item, m *message) (shown QueuedMessage) {
	shown.Position, shown.Redelivered, shown.Deliveries = it.Seq, it.Redelivered, int(it.Deliveries)
	shown.Expires = expiryOf(it)
	if m != nil {
		shown.fill(m)
	}
	return shown
}

// expiryOf is when a message expires, the zero time if never.
func expiryOf(it storage.Item) (t time.Time) {
	if it.Expires != 0 {
		t = time.UnixMilli(it.Expires)
	}
	return t
}

func (s *StoredMessage) fill(m *message) {
	s.Exchange, s.RoutingKey = m.exchange, m.key
	s.Properties, s.Body = m.content.Properties(), m.content.Body()
}

// fetch fills in what is on disk.
func (q *queue) fetch(all []QueuedMessage, away map[int]storage.Item) error {
	if len(away) == 0 {
		return nil
	}
	items, of := make([]storage.Item, 0, len(away)), make([]int, 0, len(away))
	for i, it := range away {
		items, of = append(items, it), append(of, i)
	}
	var failed error
	err := q.vhost.store.Load(q.storedID(), items, func(k int, b []byte) {
		m, err := new(decoder).message(b)
		if err != nil {
			failed = err
			return
		}
		all[of[k]].fill(m)
	})
	return cmp.Or(err, failed)
}

// each yields what is ready, in the order of deliveries; no message for what is
// on disk.
func (l *lanes) each(yield func(storage.Item, *message)) {
	if l.prioritized == nil {
		l.ready.each(yield)
		return
	}
	for _, r := range slices.Backward(l.lanes) {
		r.each(yield)
	}
}

func (r *ready) each(yield func(storage.Item, *message)) {
	if r.aside > 0 {
		r.eachSorted(yield)
	}
	returned := r.returned
	if !r.inTurn {
		returned = slices.SortedFunc(slices.Values(returned), func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	}
	for i := range returned {
		e := &returned[i]
		yield(storage.Item{Seq: e.seq, Expires: e.expires, Deliveries: e.deliveries, Redelivered: e.redelivered}, e.message)
	}
	for b := r.head; b != nil; b = b.next {
		for i := b.from; i < b.to; i++ {
			var m *message
			if b.messages != nil {
				m = b.messages[i]
			}
			yield(b.items[i], m)
		}
	}
}

// eachSorted yields what is sorted into groups, in the order in which it came.
func (r *ready) eachSorted(yield func(storage.Item, *message)) {
	type waiting struct {
		item    storage.Item
		message *message
	}
	var all []waiting
	r.groups.lists(func(l *ready) {
		l.each(func(it storage.Item, m *message) { all = append(all, waiting{it, m}) })
	})
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.item.Seq, b.item.Seq) })
	for _, w := range all {
		yield(w.item, w.message)
	}
}
