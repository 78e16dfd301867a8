package broker

import "github.com/leveretmq/leveret/storage"

// reason is why a message dies, in the words of x-death (DLX-01).
type reason string

const (
	rejected      reason = "rejected"
	expired       reason = "expired"
	maxlen        reason = "maxlen"
	deliveryLimit reason = "delivery_limit"
)

// discarding is the death of messages of a queue, which are not ready any more:
// with a dead-letter exchange they are dying until the undertaker has handed
// them on, without one they are gone. It is used with q.mu held, and with a unit
// open if the queue is stored.
type discarding struct {
	queue    *queue
	why      reason
	letter   *deadLettering // as at the moment of death (DLX-25)
	settling settling
	paged    []storage.Item // of those that are gone, what the page file has
}

func (q *queue) discard(why reason) discarding {
	return discarding{queue: q, why: why, letter: q.settings.deadLetter, settling: settling{queue: q}}
}

// add has a message die that is in memory. One without a position never was in
// the queue: nothing but a letter is left of it (LEN-07).
func (d *discarding) add(e *entry) {
	switch {
	case d.queue.deleted:
	case d.letter != nil:
		d.queue.die(parting{e.stowed(), d.why, d.letter})
	default:
		d.settling.add(e)
	}
}

// addStowed has a message die where it waits.
func (d *discarding) addStowed(s *stowed) {
	switch {
	case d.queue.deleted:
	case d.letter != nil:
		d.queue.die(parting{*s, d.why, d.letter})
	default:
		e := s.entry()
		d.settling.add(&e)
		if s.Place.Paged() {
			d.paged = append(d.paged, s.Item)
		}
	}
}

// end carries out what is left.
func (d *discarding) end() {
	d.settling.end()
	q := d.queue
	if len(d.paged) > 0 {
		q.vhost.pager.forget(d.paged)
	}
	if d.letter != nil && q.dying.ready() > 0 {
		q.vhost.undertaker.ask(q)
	}
}
