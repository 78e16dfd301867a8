package broker

import "context"

// Settle waits until the broker has done what timers have begun: letters and
// delayed messages have reached their queues, what is late has been closed. What
// connections cannot do, because of an alarm or because their clients do not
// read, it does not wait for, nor beyond ctx. It is for who moves Options.Clock.
func (b *Broker) Settle(ctx context.Context) {
	for worked := true; worked && ctx.Err() == nil; {
		b.server.Settle(ctx)
		worked = b.vhosts.undertaker.rest()
		if p := b.vhosts.pager; p != nil {
			worked = p.rest() || worked
		}
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
	gone, unused := q.expel(tag)
	for _, k := range gone {
		k.channel.cancelled(k)
	}
	if unused {
		q.vhost.deleteUnused(q)
	}
	return len(gone), nil
}

// expel ends the consumers with a tag, or all; others get what is ready.
func (q *queue) expel(tag string) (gone []*consumer, unused bool) {
	q.enter()
	defer q.leave()
	for _, k := range q.consumers {
		if tag == "" || k.tag == tag {
			gone = append(gone, k)
		}
	}
	unused = q.dropConsumers(func(k *consumer) bool { return tag == "" || k.tag == tag })
	q.dispatch()
	return gone, unused
}
