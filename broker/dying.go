package broker

import (
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// dead is a message that has died. The store has it still.
type dead struct {
	entry
	why    reason
	letter *deadLettering // where it goes
}

// dying are the dead of a queue that are still to be handed on, in the order of
// their deaths (DLX-22). Nobody counts them as messages of the queue, and a purge
// leaves them alone.
type dying struct {
	dead  []dead
	from  int    // dead[:from] has been taken
	late  []dead // letters that no queue has taken, to be tried again (QQ-19)
	count int    // of those that are in dead or late, or being handed on
	bytes int    // of their messages
	asked bool   // the undertaker knows of them
	again amqp.Timer
}

func (d *dying) len() int { return len(d.dead) - d.from }

func (d *dying) push(m dead) {
	if m.size == 0 { // it never waited
		m.size = uint32(m.message.Size())
	}
	d.bytes += int(m.size)
	d.count++
	d.append(m)
}

// append puts one of those that count behind the others.
func (d *dying) append(m dead) {
	if d.from > len(d.dead)/2 && len(d.dead) == cap(d.dead) { // rather than grow
		n := copy(d.dead, d.dead[d.from:])
		clear(d.dead[n:])
		d.dead, d.from = d.dead[:n], 0
	}
	d.dead = append(d.dead, m)
}

// first is how many are handed on at once, and how many bytes of them may have
// to be stored.
func (d *dying) first() (n int, stored int64) {
	for size := 0; n < min(d.len(), burialLen) && size < burialSize; n++ {
		m := &d.dead[d.from+n]
		size += int(m.size)
		if m.message.persistent() {
			stored += int64(m.size)
		}
	}
	return n, stored
}

// take removes the first n, whose bytes count until they are buried.
func (d *dying) take(n int, to []dead) []dead {
	next := d.dead[d.from : d.from+n]
	to = append(to, next...)
	clear(next)
	if d.from += n; d.from == len(d.dead) {
		d.dead, d.from = d.dead[:0], 0
		if cap(d.dead) > mostIdle {
			d.dead = nil
		}
	}
	return to
}

const (
	// burialLen and burialSize bound what is handed on in one unit.
	burialLen  = 256
	burialSize = 256 << 10

	// mostIdle is for how many dead a queue keeps memory when there are none.
	mostIdle = 256

	// graveSize is how many bytes may be dying in a queue before it has no more
	// brought from disk for that.
	graveSize = 8 << 20

	// lateness is how long a letter that no queue has taken is not tried again.
	lateness = 10 * time.Second
)

// unsent notes that a letter was not taken by any queue, or refused by one. q.mu is
// held.
func (q *queue) unsent(m *dead) {
	d := &q.dying
	if q.deleted {
		return
	}
	d.late = append(d.late, *m)
	if len(d.late) > 1 || q.asleep {
		return
	}
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
	if q.asleep {
		return
	}
	d := &q.dying
	for _, m := range d.late {
		d.append(m)
	}
	if d.late = nil; d.len() > 0 {
		q.vhost.undertaker.ask(q)
	}
}

// end is when the queue is deleted: all that are not buried are returned.
func (d *dying) end() []dead {
	all := append(d.take(d.len(), nil), d.late...)
	d.late = nil
	return all
}

// full tells whether so much dies already that nothing more is to be brought from
// disk for that.
func (d *dying) full() bool { return d.bytes > graveSize }

// buried lets those go on who waited for the dead to be handed on: others that
// are to die, and what is behind them. When the broker ends they die again after
// the restart: it does not wait for all of them. q.mu is held, and a unit is open
// if the queue is stored.
func (q *queue) buried() {
	if !q.asleep && q.dispatchSome() {
		q.rouse(q.now())
	}
}
