package broker

// delays are the messages that wait in a delayed exchange. The timer of their
// queue, set for the first of them alone, asks the undertaker, who hands on what
// is due, batch after batch.
type delays struct {
	exchange *namedExchange // immutable
	calendar calendar       // q.mu of the queue
}

const (
	// dueLen is how many messages go on in one unit, and dueSize about how many
	// bytes.
	dueLen  = 256
	dueSize = 1 << 20
)

// awaitDue sets the timer for the first message, unless the undertaker is asked
// anyway. q.mu is held.
func (q *queue) awaitDue() {
	c := &q.delays.calendar
	if !q.dying.asked && c.len() > 0 && c.next() != q.expiry.due {
		q.rouse(c.next())
	}
}

// dueTurn hands on the first of what is due; more tells that there may be more.
// q.moving is held.
func (b *burial) dueTurn(q *queue) (more bool) {
	if b.batch = q.takeDue(); b.batch == nil {
		return false
	}
	_, err := b.move(q, func(p *parting) errand {
		return errand{parcel: p.message.onward(), from: q.delays.exchange}
	})
	if err != nil {
		q.unreadable(err)
	}
	return true
}

// takeDue removes messages that are due. If there are none, the undertaker will
// be asked when there are.
func (q *queue) takeDue() (batch []parting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.asleep && q.vhost.failed.Err() == nil {
		batch = q.delays.calendar.take(q.now(), dueLen, dueSize)
	}
	if batch == nil {
		q.dying.asked = false
		q.awaitDue()
	}
	q.weigh()
	return batch
}
