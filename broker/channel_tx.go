package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// txSelect is tx.select (90,10).
func (ch *channel) txSelect() error {
	if ch.confirms != nil { // CONF-14
		return amqp.PreconditionFailed.Errorf("cannot switch from confirm to tx mode")
	}
	if ch.tx == nil {
		ch.mu.Lock()
		ch.tx = new(transaction)
		ch.mu.Unlock()
	}
	ch.out.Send(ch.id, &amqp.TxSelectOk{})
	return nil
}

// txPublish leaves a publish that goes to so many queues, at most, to the commit.
func (ch *channel) txPublish(run *heldRun, queues int, content amqp.Content, t traits) error {
	s := ch.session
	t.persistent = t.persistent && s.vhost.store != nil
	if t.persistent {
		if err := ch.tx.grow(content.Size(), queues); err != nil {
			return err
		}
	}
	run.hold(content, t)
	ch.held.publishes.Add(1)
	s.published += content.Size()
	return nil
}

// heldRun is where a publish is left to the commit. Where it goes is found by
// now, but for the default exchange: there the queues that the keys name may
// yet come (TX-06).
func (ch *channel) heldRun(rt *route, more []string, mandatory bool) *heldRun {
	var few [4]string
	names := few[:0]
	var delayed []*queue
	if rt.origin.exchange == "" {
		names = append(append(names, rt.key), more...)
	} else {
		for _, q := range rt.queues {
			if q.delays != nil {
				delayed = append(delayed, q)
			} else {
				names = append(names, q.name)
			}
		}
	}
	return ch.tx.runTo(&rt.origin, names, delayed, mandatory)
}

// txCommit is tx.commit (90,20): the publishes reach their queues, then the
// deliveries are settled (TX-15). What is redelivered comes after commit-ok,
// what was published to consumers of the channel before it. What the store has
// to do with it is one unit, which commit-ok waits for (TX-13).
func (ch *channel) txCommit() error {
	if ch.tx == nil {
		return noTransaction()
	}
	t := ch.takeHeld()
	if !ch.commit(&t) {
		return nil // the store has failed: nobody is told of anything any more
	}
	refused := t.refused()
	if !refused {
		ch.out.Send(ch.id, &amqp.TxCommitOk{})
	}
	for _, h := range t.settles {
		ch.carryOut(h.deliveries, h.fate, (*queue).committed)
	}
	if refused { // TX-12
		return amqp.PreconditionFailed.Errorf("partial tx completion")
	}
	return nil
}

// takeHeld returns what is held for a commit, and holds nothing any more.
func (ch *channel) takeHeld() transaction {
	t := *ch.tx
	*ch.tx = transaction{}
	ch.held.publishes.Store(0)
	ch.held.settles.Store(0)
	return t
}

// commit publishes, has queues and the store know of the rest, and returns when
// that is durable; false if it never will be.
func (ch *channel) commit(t *transaction) bool {
	v := ch.session.vhost
	if v.store == nil || !t.stores(v) {
		ch.commitUnit(t)
		return true
	}
	v.store.Reserve(t.size)
	defer v.store.Release(t.size)
	return v.wait(ch.commitUnit(t)) == nil
}

// commitUnit is the unit of a commit.
func (ch *channel) commitUnit(t *transaction) (g storage.Group) {
	v := ch.session.vhost
	v.begin()
	defer func() { g = v.end() }()
	for i := range t.publishes {
		ch.commitRun(&t.publishes[i])
	}
	for _, h := range t.settles {
		h.record()
	}
	return g
}

// record has the store know what becomes of the deliveries, and has those die that
// are rejected, in the order of their tags. A unit is open.
func (h *heldSettles) record() {
	slices.SortFunc(h.deliveries, byTag)
	for ds := h.deliveries; len(ds) > 0; {
		q, n := ds[0].queue, 1
		for n < len(ds) && ds[n].queue == q {
			n++
		}
		q.mu.Lock()
		q.record(ds[:n], verdict{h.fate, true})
		q.mu.Unlock()
		ds = ds[n:]
	}
}

// commitRun hands a run to those of its queues that are there now (TX-06).
func (ch *channel) commitRun(h *heldRun) {
	queues := append(ch.session.vhost.named(h.queues), h.delayed...)
	lost := func(c *amqp.Content) {
		if h.mandatory { // TX-07
			ch.giveBack(h.origin, c)
		}
	}
	if len(queues) > 0 {
		h.deduplicate(ch.session.vhost, lost)
	} else {
		for i := range h.contents {
			lost(&h.contents[i])
		}
	}
	if quorums(queues) > 0 {
		h.storeAll()
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
		t := ch.takeHeld()
		ch.unacked.restore(t.settled())
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
