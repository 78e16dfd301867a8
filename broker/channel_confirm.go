package broker

import (
	"slices"
	"sync"

	"github.com/leveretmq/leveret/amqp"
)

// confirmSelect is confirm.select (85,10).
func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) error {
	if ch.tx != nil { // CONF-15
		return amqp.PreconditionFailed.Errorf("cannot switch from tx to confirm mode")
	}
	if ch.confirms == nil {
		ch.mu.Lock()
		ch.confirms = &confirms{channel: ch.id, out: ch.out}
		ch.mu.Unlock()
	}
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.ConfirmSelectOk{})
	}
	return nil
}

// confirms are what a channel in confirm mode owes its publisher (CONF-01..03).
// Messages that wait to become durable refer to it, also when the channel has
// gone.
type confirms struct {
	channel uint16 // immutable

	// Reader goroutine only.
	published uint64 // sequence number of the last publish
	flushed   uint64 // up to here flush knows of them

	mu       sync.Mutex   // guards what follows; below channel.mu, above the outbox
	out      *amqp.Outbox // nil when the channel has closed
	window   window
	withheld map[uint64]bool // publishes that are never confirmed; nil: none was yet
	all      chan struct{}   // closed when all that has reached its queues is confirmed; nil if nobody waits
}

// publish gives the next publish its sequence number. first tells that flush
// knows of all before it.
func (c *confirms) publish() (first bool) {
	first = c.published == c.flushed
	c.published++
	return first
}

// flush tells that all publishes so far have reached their queues, and confirms
// those that wait for nothing else.
func (c *confirms) flush() {
	c.flushed = c.published
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window.reach(c.published)
	c.sendLocked()
}

// await has publishes of a run wait to become durable, or to be settled before
// they are.
func (c *confirms) await(notes []note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range notes {
		if notes[i].persistent {
			c.window.await(notes[i].tag)
		}
	}
}

// owed is how many publishes are not confirmed, of those that have reached their
// queues.
func (c *confirms) owed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.window.reached - c.window.confirmed)
}

// Durable implements storage.Confirmer: the publishes from from to to wait for
// nothing any more. Some of them may have been told of before.
func (c *confirms) Durable(from, to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.window.durable(from, to)
	c.sendLocked()
}

// refuse has those publishes of a run answered by basic.nack that a queue has
// refused, whatever others have done with them (CONF-08, CONF-09).
func (c *confirms) refuse(r *run) {
	slices.Sort(r.refused)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range slices.Compact(r.refused) {
		c.window.refuse(r.notes[i].tag)
	}
}

// sendLocked answers what can be answered: all by one acknowledgement unless
// some were refused.
func (c *confirms) sendLocked() {
	if c.out == nil {
		return
	}
	for {
		before := c.window.confirmed
		a, ok := c.window.confirm()
		switch {
		case !ok:
			c.tellAll()
			return
		case c.withheld != nil:
			c.sendEach(before, a)
		default:
			a.multiple = a.multiple || a.refused // in the octets that RabbitMQ has for one refusal or several
			c.send(a)
		}
	}
}

// send answers some publishes.
func (c *confirms) send(a answer) {
	if a.refused {
		c.out.Send(c.channel, &amqp.BasicNack{DeliveryTag: a.tag, Multiple: a.multiple, Requeue: true})
	} else {
		c.out.Send(c.channel, &amqp.BasicAck{DeliveryTag: a.tag, Multiple: a.multiple})
	}
}

// tellAll lets those go on who wait until all is confirmed, if it is.
func (c *confirms) tellAll() {
	if c.all != nil && c.window.confirmed == c.window.reached {
		close(c.all)
		c.all = nil
	}
}

// wait waits until all is confirmed, or until limit: then it returns false.
func (c *confirms) wait(limit <-chan struct{}) bool {
	all := make(chan struct{})
	c.mu.Lock()
	c.all = all
	c.sendLocked()
	c.mu.Unlock()
	select {
	case <-all:
		return true
	case <-limit:
		return false
	}
}

// close sees to it that nothing is confirmed any more (CONF-17).
func (c *confirms) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.window = nil, window{}
}
