package broker

// reason is why a message dies, in the words of x-death (DLX-01).
type reason string

const (
	rejected      reason = "rejected"
	expired       reason = "expired"
	maxlen        reason = "maxlen"
	deliveryLimit reason = "delivery_limit"
)

// discarding is the death of messages of a queue, which are no longer in it. It
// is used with q.mu held, and with a unit open if the queue is stored.
type discarding struct {
	queue    *queue
	why      reason
	settling settling
}

func (q *queue) discard(why reason) discarding {
	return discarding{queue: q, why: why, settling: settling{queue: q}}
}

// add has a message die.
func (d *discarding) add(e *entry) {
	if d.queue.stored != nil {
		d.settling.add(e)
	}
}

// end carries out what is left.
func (d *discarding) end() { d.settling.end() }
