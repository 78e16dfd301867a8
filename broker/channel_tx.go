package broker

import "github.com/leveretmq/leveret/amqp"

// txSelect is tx.select (90,10).
func (ch *channel) txSelect() error {
	if ch.confirms.on { // CONF-14
		return amqp.PreconditionFailed.Errorf("cannot switch from confirm to tx mode")
	}
	if ch.tx == nil {
		ch.tx = new(transaction)
	}
	ch.out.Send(ch.id, &amqp.TxSelectOk{})
	return nil
}

// holdPublish leaves a publish to the commit. Where it goes is found by now,
// but for the default exchange: there the queues that the keys name may yet
// come (TX-06).
func (ch *channel) holdPublish(rt *route, more []string, mandatory bool, content amqp.Content) {
	var few [4]string
	names := few[:0]
	if rt.origin.exchange == "" {
		names = append(append(names, rt.key), more...)
	} else {
		for _, q := range rt.queues {
			names = append(names, q.name)
		}
	}
	ch.tx.publish(&rt.origin, names, mandatory, content)
	ch.session.published += content.Size()
}

// txCommit is tx.commit (90,20): the publishes reach their queues, then the
// deliveries are settled (TX-15). What is redelivered comes after commit-ok,
// what was published to consumers of the channel before it.
func (ch *channel) txCommit() error {
	if ch.tx == nil {
		return noTransaction()
	}
	t := *ch.tx
	*ch.tx = transaction{}
	for i := range t.publishes {
		ch.commitRun(&t.publishes[i])
	}
	ch.out.Send(ch.id, &amqp.TxCommitOk{})
	for _, v := range t.settles {
		ch.carryOut(v.deliveries, v.requeue)
	}
	return nil
}

// commitRun hands a run to those of its queues that are there now (TX-06).
func (ch *channel) commitRun(h *heldRun) {
	queues := ch.session.vhost.named(h.queues)
	if len(queues) == 0 && h.mandatory { // TX-07
		for i := range h.contents {
			ch.giveBack(h.origin, &h.contents[i])
		}
	}
	ch.session.hand(queues, &h.run)
}

// txRollback is tx.rollback (90,30).
func (ch *channel) txRollback() error {
	if ch.tx == nil {
		return noTransaction()
	}
	ch.mu.Lock()
	ch.rollback()
	ch.mu.Unlock()
	ch.out.Send(ch.id, &amqp.TxRollbackOk{})
	return nil
}

// rollback forgets what is held for a commit: publishes are lost (TX-04),
// deliveries are outstanding again (TX-10). ch.mu is held.
func (ch *channel) rollback() {
	if ch.tx != nil {
		ch.unacked.restore(ch.tx.settled())
		*ch.tx = transaction{}
	}
}

// noTransaction is TX-02.
func noTransaction() error { return amqp.PreconditionFailed.Errorf("channel is not transactional") }

// named are the queues with the given names that there are.
func (v *vhost) named(names []string) (queues []*queue) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, name := range names {
		if q := v.queues[name]; q != nil {
			queues = append(queues, q)
		}
	}
	return queues
}
