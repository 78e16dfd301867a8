package broker

import (
	"bytes"
	"slices"
	"sync"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// undertaker hands on the dead of queues as letters, one queue after the other:
// nobody's reader pays for a storm of them. There is a goroutine as long as there
// are some.
type undertaker struct {
	mu      sync.Mutex // guards what follows; a leaf
	asking  []*queue
	busy    bool // run is going on
	closing bool
	idle    sync.Cond // run has ended
}

func newUndertaker() *undertaker {
	u := new(undertaker)
	u.idle.L = &u.mu
	return u
}

// ask has the undertaker look after a queue, unless it knows already. q.mu is
// held.
func (u *undertaker) ask(q *queue) {
	if !q.dying.asked {
		q.dying.asked = u.add(q)
	}
}

// add puts a queue at the end of those that ask; false if it is too late.
func (u *undertaker) add(q *queue) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closing {
		return false
	}
	u.asking = append(u.asking, q)
	if !u.busy {
		u.busy = true
		go u.run() // until there are no dead; close waits
	}
	return true
}

// close waits until all who have asked so far had their turn. What is not handed
// on then dies again after the restart.
func (u *undertaker) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closing = true
	for u.busy {
		u.idle.Wait()
	}
}

// rest waits until there are no dead; worked tells that there were some.
func (u *undertaker) rest() (worked bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.busy {
		worked = true
		u.idle.Wait()
	}
	return worked
}

// next is the queue whose turn it is; nil if there is none.
func (u *undertaker) next(last *queue, more bool) *queue {
	u.mu.Lock()
	defer u.mu.Unlock()
	if more {
		u.asking = append(u.asking, last)
	}
	if len(u.asking) == 0 {
		u.busy, u.asking = false, nil
		u.idle.Broadcast()
		return nil
	}
	q := u.asking[0]
	u.asking = slices.Delete(u.asking, 0, 1)
	return q
}

func (u *undertaker) run() {
	var b burial
	for q := u.next(nil, false); q != nil; {
		q = u.next(q, b.turn(q))
	}
}

// burstSize is how many bytes of letters are stored before the undertaker waits
// for what came before them: so others find the committer free.
const burstSize = 1 << 20

// burial is the work of the undertaker. What it has is kept from turn to turn.
type burial struct {
	dead    []dead
	burst   int64         // bytes since it has waited last
	earlier storage.Group // of the burst before
}

// turn buries the first of a queue's dead, in one unit: so a crash neither loses
// nor doubles one. more tells that there are others.
func (b *burial) turn(q *queue) (more bool) {
	if q.delays != nil {
		return b.dueTurn(q)
	}
	v := q.vhost
	q.mu.Lock()
	n, size := q.dying.first()
	q.mu.Unlock()
	if v.store != nil {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	more, g := b.unit(q, n)
	b.rest(v, size, g)
	return more
}

// rest waits, when a burst of letters has been stored, for what came before them.
func (b *burial) rest(v *vhost, size int64, g storage.Group) {
	if b.burst += size; v.store != nil && b.burst > burstSize {
		_ = v.wait(b.earlier) // without a store that works, nobody cares how long it takes
		b.earlier, b.burst = g, 0
	}
}

// unit is the unit of a turn. The dead are taken within it: so it is not later
// than that in which their queue may be deleted.
func (b *burial) unit(q *queue, n int) (more bool, g storage.Group) {
	q.vhost.begin()
	defer func() { g = q.vhost.end() }()
	q.mu.Lock()
	b.dead = q.dying.take(min(n, q.dying.len()), b.dead[:0])
	q.mu.Unlock()
	more = q.bury(b.dead, q.handOn(b.dead))
	clear(b.dead)
	return more, g
}

// handOn sends letters of the dead to where they go. A unit is open. It returns
// which of them are to be tried again.
func (q *queue) handOn(all []dead) (again []int) {
	f := forwarding{vhost: q.vhost, keeps: len(all) > 0 && all[0].letter.insists}
	var sent []int // of all, by the number of the letter
	now := amqp.Timestamp(q.vhost.clock.Now().Unix())
	var l letter
	var last *dead
	for i := range all {
		d := &all[i]
		if last == nil || !d.alike(last) {
			l = (&death{queue: q.name, why: d.why, at: now, to: d.letter}).letter(d.message)
			last = d
		}
		found, barred := f.add(&parcel{l.origin, l.more, d.message.content.WithProperties(l.properties), l.traits}, l.bars())
		if found {
			sent = append(sent, i)
		} else if d.letter.insists && !barred {
			again = append(again, i)
		}
	}
	f.flush()
	for _, n := range f.refused {
		if i := sent[n]; all[i].letter.insists {
			again = append(again, i)
		}
	}
	slices.Sort(again)
	return again
}

// alike tells whether the letters of two of the dead differ in their bodies only.
func (d *dead) alike(other *dead) bool {
	return d.why == other.why && d.letter == other.letter && *d.message.origin == *other.message.origin &&
		bytes.Equal(d.message.content.Properties(), other.message.content.Properties())
}

// bars returns which queues the letter is not to come to; nil if it may come to
// all.
func (l *letter) bars() func(*queue) bool {
	if len(l.deaths) == 0 {
		return nil
	}
	return func(q *queue) bool { return l.returnsTo(q.name) }
}

// bury forgets the dead but for those that are to be tried again, which were
// handed on in the unit that is open. Nobody's publish is confirmed for it: the
// letters are not durable yet.
func (q *queue) bury(all []dead, again []int) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := settling{queue: q}
	for i := range all {
		if len(again) > 0 && again[0] == i {
			q.unsent(&all[i])
			again = again[1:]
			continue
		}
		q.dying.bytes -= int(all[i].size)
		q.dying.count--
		if !q.deleted {
			s.join(&all[i].entry)
		}
	}
	s.end()
	q.buried()
	q.dying.asked = q.dying.len() > 0
	return q.dying.asked
}
