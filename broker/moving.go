package broker

import (
	"cmp"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// burial moves messages from a queue to where they are sent: they arrive and
// leave in one unit, so a crash neither loses nor doubles one. What it has is kept
// from turn to turn.
type burial struct {
	batch   []parting
	burst   int64         // bytes since it has waited last
	last    storage.Group // of the last unit
	earlier storage.Group // of the burst before
}

// burstSize is how many bytes are stored before a burial waits for what came
// before them: so others find the committer free.
const burstSize = 1 << 20

// move moves the batch, and returns which of it stay: they lead nowhere or were
// refused, and their errands keep them. They are with the caller then. No lock is
// held but that for those who move messages of the queue.
func (b *burial) move(q *queue, errand func(*parting) errand) (stay []int, err error) {
	if err := q.unstow(b.batch); err != nil {
		return nil, err
	}
	v, size := q.vhost, int64(0)
	for i := range b.batch {
		size += int64(b.batch[i].Size)
	}
	if v.store != nil {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	stay = b.unit(q, errand)
	b.rest(v, size)
	return stay, nil
}

// unit is the unit of a batch.
func (b *burial) unit(q *queue, errand func(*parting) errand) (stay []int) {
	q.vhost.begin()
	defer func() { b.last = q.vhost.end() }()
	stay = b.send(q.vhost, errand)
	q.depart(b.batch, stay)
	return stay
}

// rest waits, when a burst has been stored, for what came before it.
func (b *burial) rest(v *vhost, size int64) {
	if b.burst += size; v.store != nil && b.burst > burstSize {
		_ = v.wait(b.earlier) // without a store that works, nobody cares how long it takes
		b.earlier, b.burst = b.last, 0
	}
}

// send hands the batch on, in a unit that is open. It returns which stay.
func (b *burial) send(v *vhost, errand func(*parting) errand) (stay []int) {
	f := forwarding{vhost: v}
	var sent []int // of the batch, by their numbers in f; those alone that may stay count
	for i := range b.batch {
		e := errand(&b.batch[i])
		found, barred := f.add(&e)
		switch {
		case found && e.keeps:
			sent = append(sent, i)
		case found:
			sent = append(sent, -1)
		case e.keeps && !barred:
			stay = append(stay, i)
		}
	}
	f.flush()
	for _, n := range f.refused {
		if sent[n] >= 0 {
			stay = append(stay, sent[n])
		}
	}
	slices.Sort(stay)
	return stay
}

// depart has the store forget messages, but for those that stay, in the unit in
// which others got them. It confirms nothing: what becomes of them is not durable
// yet.
func (q *queue) depart(all []parting, stay []int) {
	if q.stored == nil {
		return
	}
	gone := make([]entry, 0, len(all))
	for i := range all {
		if len(stay) > 0 && stay[0] == i {
			stay = stay[1:]
			continue
		}
		gone = append(gone, all[i].entry())
	}
	slices.SortFunc(gone, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return
	}
	s := settling{queue: q}
	for i := range gone {
		s.join(&gone[i])
	}
	s.end()
}
