package storage

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// State is what was found when a directory was opened. It is the caller's.
type State struct {
	Entities []Entity          // by kind and id
	Queues   map[uint64][]Item // ascending by Seq
	Next     map[uint64]uint64 // by queue, a number above all that any Seq of it had
	Clean    bool              // the stop before was in order; else what is in Queues may have been delivered
	Lost     Loss              // with AcceptLoss
}

// building gathers a state from changes, in the order in which they happened.
type building struct {
	entities map[entityKey][]byte
	queues   map[uint64]*queueState
	maxID    uint64
}

type entityKey struct {
	kind EntityKind
	id   uint64
}

// queueState is a queue of a state. An item without a place was settled.
type queueState struct {
	items []Item
	dead  int
	next  uint64 // above every seq
}

func newBuilding() *building {
	return &building{entities: make(map[entityKey][]byte), queues: make(map[uint64]*queueState)}
}

func (b *building) put(e Entity) {
	b.maxID = max(b.maxID, e.ID)
	b.entities[entityKey{e.Kind, e.ID}] = bytes.Clone(e.Value)
}

func (b *building) drop(kind EntityKind, id uint64) {
	b.maxID = max(b.maxID, id)
	delete(b.entities, entityKey{kind, id})
}

func (b *building) queue(id uint64) *queueState {
	q := b.queues[id]
	if q == nil {
		b.maxID = max(b.maxID, id)
		q = new(queueState)
		b.queues[id] = q
	}
	return q
}

func (b *building) message(queue uint64, it Item) {
	q := b.queue(queue)
	q.items = append(q.items, it)
	q.next = max(q.next, it.Seq+1)
}

// top notes a seq that a queue has had.
func (b *building) top(queue, seq uint64) {
	q := b.queue(queue)
	q.next = max(q.next, seq+1)
}

func (b *building) settle(queue uint64, r Range) {
	if r.To+1 != 0 { // it may mean all there are
		b.top(queue, r.To)
	}
	q := b.queue(queue)
	for i := findItem(q.items, r.From); i < len(q.items) && q.items[i].Seq <= r.To; i++ {
		if q.items[i].Place != 0 {
			q.items[i].Place = 0
			q.dead++
		}
	}
	if q.dead > 4096 && q.dead > len(q.items)/2 {
		q.compact()
	}
}

func (q *queueState) compact() {
	q.items = slices.DeleteFunc(q.items, func(it Item) bool { return it.Place == 0 })
	q.dead = 0
}

func (b *building) requeue(queue, seq uint64, deliveries uint16) {
	q := b.queues[queue]
	if q == nil {
		return
	}
	if i := findItem(q.items, seq); i < len(q.items) && q.items[i].Seq == seq {
		q.items[i].Deliveries, q.items[i].Redelivered = deliveries, true
	}
}

func (b *building) deleted(queue uint64) {
	b.maxID = max(b.maxID, queue)
	delete(b.queues, queue)
}

// has tells whether a message is there.
func (b *building) has(queue, seq uint64) bool {
	q := b.queues[queue]
	if q == nil {
		return false
	}
	i := findItem(q.items, seq)
	return i < len(q.items) && q.items[i].Seq == seq && q.items[i].Place != 0
}

// state is what was gathered. Messages with places before redelivered may have
// been delivered.
func (b *building) state(redelivered Place) *State {
	s := &State{Queues: make(map[uint64][]Item, len(b.queues)), Next: make(map[uint64]uint64, len(b.queues))}
	for k, v := range b.entities {
		s.Entities = append(s.Entities, Entity{k.kind, k.id, v})
	}
	slices.SortFunc(s.Entities, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	for id, q := range maps.All(b.queues) {
		q.compact()
		s.Next[id] = q.next
		if len(q.items) == 0 {
			continue
		}
		for i := range q.items {
			q.items[i].Redelivered = q.items[i].Redelivered || q.items[i].Place < redelivered
		}
		s.Queues[id] = q.items
	}
	return s
}

// findItem returns the index of the first item from seq on.
func findItem(items []Item, seq uint64) int {
	i, _ := slices.BinarySearchFunc(items, seq, func(it Item, seq uint64) int { return cmp.Compare(it.Seq, seq) })
	return i
}
