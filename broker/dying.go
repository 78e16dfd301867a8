package broker

import (
	"errors"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// parting is a message that leaves its queue for another one: as a letter, because
// it was delayed and is due, or because somebody moves it. The store has it in its
// queue until it has arrived.
type parting struct {
	stowed
	why    reason         // it died
	letter *deadLettering // where it goes then
}

// dying are the dead of a queue that are still to be handed on, in the order of
// their deaths (DLX-22). Nobody counts them as messages of the queue, and a purge
// leaves them alone. Those that are on disk stay there until their turn, and so
// do those that come when there are many: as little of them is in memory as of a
// backlog.
type dying struct {
	dead   fifo[parting]
	late   fifo[parting] // letters that no queue has taken (QQ-19); in memory
	due    int           // of those, the first, which are to be tried again now
	later  int           // size of late
	count  int           // all of them, with those that are being handed on
	bytes  int           // size of those
	bodies int           // of that, bytes of bodies
	loaded int           // size of what of dead is in memory
	shed   int           // of dead, the first, which are on disk if they can be
	asked  bool          // the undertaker knows of them
	again  amqp.Timer
	timed  bool // it goes
}

const (
	// burialLen and burialSize bound what is handed on in one unit.
	burialLen  = 256
	burialSize = 256 << 10

	// graveSize is how many bytes of a queue's dead are in memory before those are
	// not any more that come next.
	graveSize = 8 << 20

	// lateLen and lateSize are how many letters that no queue takes hold up the
	// others.
	lateLen  = 1024
	lateSize = graveSize

	// lateness is how long a letter that no queue has taken is not tried again.
	lateness = 10 * time.Second
)

// die has a message die. q.mu is held.
func (q *queue) die(p parting) {
	d := &q.dying
	d.count++
	d.bytes += int(p.Size)
	d.bodies += int(p.Size - p.Head)
	if p.message != nil {
		d.loaded += int(p.Size)
	}
	if d.dead.push(p); d.loaded > graveSize {
		q.shedDead()
	}
}

// shedDead forgets bodies that are on disk, as far as the committer has come.
func (q *queue) shedDead() {
	d := &q.dying
	for ; d.shed < d.dead.len(); d.shed++ {
		p := d.dead.at(d.shed)
		if p.message == nil {
			continue
		}
		if p.Place == 0 {
			p.Place = q.placeOf(p.message)
		}
		switch {
		case p.Place != 0:
			p.message = nil
			d.loaded -= int(p.Size)
		case q.stores(p.message):
			return
		}
	}
}

// ready is how many can be handed on: those that were late first. When too many
// are late, the others wait with them.
func (d *dying) ready() int {
	switch {
	case d.due > 0:
		return d.due
	case d.late.len() >= lateLen || d.later >= lateSize:
		return 0
	}
	return d.dead.len()
}

// take removes the first ones, as many as are handed on at once. They count until
// they are buried.
func (d *dying) take(to []parting) []parting {
	for n, size := min(d.ready(), burialLen), 0; n > 0 && size < burialSize; n-- {
		p := d.next()
		size += int(p.Size)
		to = append(to, p)
	}
	return to
}

func (d *dying) next() (p parting) {
	if d.due > 0 {
		p = d.late.pop()
		d.due--
		d.later -= int(p.Size)
		return p
	}
	p = d.dead.pop()
	d.shed = max(0, d.shed-1)
	if p.message != nil {
		d.loaded -= int(p.Size)
	}
	return p
}

// buried counts what was handed on, but for those that stay. q.mu is held. A
// queue that went meanwhile, with its vhost, has none to count.
func (q *queue) buried(all []parting, stay []int) {
	if q.deleted {
		return
	}
	d := &q.dying
	for i := range all {
		p := &all[i]
		if len(stay) > 0 && stay[0] == i {
			stay = stay[1:]
			d.late.push(*p)
			d.later += int(p.Size)
			continue
		}
		d.count--
		d.bytes -= int(p.Size)
		d.bodies -= int(p.Size - p.Head)
	}
	q.relieve()
	q.balance()
	if d.late.len() > 0 && !d.timed && !q.asleep && !q.deleted {
		q.waitLate()
	}
}

// waitLate sets the timer for letters that no queue has taken.
func (q *queue) waitLate() {
	d := &q.dying
	d.timed = true
	if d.again == nil {
		d.again = q.vhost.clock.AfterFunc(lateness, q.tryAgain)
	} else {
		d.again.Reset(lateness)
	}
}

// tryAgain has the undertaker try letters once more that were not taken.
func (q *queue) tryAgain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dying.timed = false
	if !q.asleep && !q.deleted {
		q.hurry()
		q.vhost.undertaker.ask(q)
	}
}

// hurry has those be tried again that are late. q.mu is held.
func (q *queue) hurry() { q.dying.due = q.dying.late.len() }

// errDying stops a deletion while there is too much to hand on in its unit.
var errDying = errors.New("messages are dying")

// mayEnd returns errDying if there is. q.moving is held.
func (d *dying) mayEnd() error {
	few := d.due == 0 && d.dead.len() <= burialLen && d.loaded <= burialSize && d.loaded == d.bytes-d.later
	if few || d.ready() == 0 {
		return nil
	}
	return errDying
}

// endDying is for a queue that is deleted. It returns those that are still to be
// handed on, as far as they are in memory. Letters that are late are gone, and what
// waits with them.
func (q *queue) endDying() (rest []parting) {
	d := &q.dying
	var gone []storage.Item
	d.due = 0
	for some := d.ready() > 0; d.dead.len() > 0; {
		if p := d.next(); p.message != nil && some {
			rest = append(rest, p)
		} else {
			gone = append(gone, p.Item)
		}
	}
	if p := q.vhost.pager; p != nil {
		p.forget(gone)
	}
	*d = dying{asked: d.asked, again: d.again}
	return rest
}
