package broker

import "github.com/leveretmq/leveret/storage"

// Kill has the store keep nothing more, as if the process had ended at this
// moment: what is not durable by now is lost, and never confirmed. Clients see
// nothing of it until their connections are cut, and Shutdown is called. It is for
// tests.
func (b *Broker) Kill() {
	b.giveUp(storage.ErrKilled)
	if b.store != nil {
		b.store.Kill()
	}
}

// CancelConsumers ends the consumers of a queue, or with a tag those that have it,
// and returns how many. Their clients are told by basic.cancel if they can be
// (CONS-19), and what they have not settled stays theirs. The errors are
// ErrVhostNotFound and ErrQueueNotFound.
func (b *Broker) CancelConsumers(vhost, queue, tag string) (n int, err error) {
	q, err := b.queue(vhost, queue)
	if err != nil {
		return 0, err
	}
	gone := q.endConsumers(func(k *consumer) bool { return tag == "" || k.tag == tag }, q.dispatch)
	for _, k := range gone {
		k.channel.cancelled(k)
	}
	return len(gone), nil
}

// What follows is for who stands between connections and the broker, see
// Options.Backend: the channels that OpenChannel returns have these methods
// besides those of amqp.Channel.

// Confirming tells whether the channel is in confirm mode.
func (ch *channel) Confirming() bool { return ch.confirms != nil }

// Skip stands for a publish that is not taken: it is answered by basic.nack, or
// never. It returns false if the channel is not in confirm mode.
func (ch *channel) Skip(nack bool) bool {
	c, s := ch.confirms, ch.session
	if c == nil {
		return false
	}
	s.flushRun() // what is refused of earlier ones is noted before
	if c.publish() {
		s.confirming = append(s.confirming, ch)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if nack {
		c.window.refuse(c.published)
	} else {
		c.withholdLocked()
	}
	return true
}

// Withhold has the last publish never confirmed, however it fares, unless it is
// already.
func (ch *channel) Withhold() {
	c := ch.confirms
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withholdLocked()
}

func (c *confirms) withholdLocked() {
	if c.withheld == nil {
		c.withheld = map[uint64]bool{}
	}
	c.withheld[c.published] = true
}

// sendEach answers publishes after one up to that of an answer one by one, but for
// those that are withheld: an answer for several would cover them.
func (c *confirms) sendEach(after uint64, a answer) {
	for tag := after + 1; tag <= a.tag; tag++ {
		if !c.withheld[tag] {
			c.send(answer{tag: tag, refused: a.refused})
		}
		delete(c.withheld, tag)
	}
}
