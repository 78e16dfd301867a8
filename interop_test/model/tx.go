package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// txPublish is a publish with the names of its queues.
type txPublish struct {
	message   *message
	queues    []string
	late      []*exchange // that keep it for a while
	keys      []string
	mandatory bool
}

// txSettle is an acknowledgement: what it settles, and how.
type txSettle struct {
	deliveries []*delivery
	verdict    verdict
}

func (ch *channel) txSelect() *refusal {
	if ch.confirms { // CONF-14
		return refuse(406, "cannot switch from confirm to tx mode")
	}
	ch.tx = true
	ch.emit(&amqp.TxSelectOk{})
	return nil
}

// txCommit is TX-02, TX-07 and TX-15: publishes first.
func (ch *channel) txCommit() *refusal {
	if !ch.tx {
		return refuse(406, "channel is not transactional")
	}
	publishes, settles := ch.publishes, ch.settles
	ch.publishes = nil
	refused := false
	for _, t := range publishes {
		refused = ch.carryOut(t) || refused
		ch.conn.world.meanwhile()
	}
	for i, s := range settles { // in the order of their tags, not of the methods (TX-08)
		settles[i].deliveries = inOrder(s.deliveries)
		if s.verdict == rejected {
			reject(settles[i].deliveries)
			settles[i].verdict = buried
		}
	}
	ch.conn.world.meanwhile()
	if !refused {
		ch.emit(&amqp.TxCommitOk{}) // before what comes of the settling
	}
	for i, s := range settles {
		ch.settles = settles[i+1:]
		ch.carryOutSettle(s.deliveries, s.verdict)
		ch.conn.world.meanwhile()
	}
	ch.settles = nil
	if refused { // TX-12
		return refuse(406, "partial tx completion")
	}
	return nil
}

// hold leaves it to the commit to settle deliveries. Successive methods that
// want the same are one (TX-08).
func (ch *channel) hold(ds []*delivery, v verdict) {
	if last := len(ch.settles) - 1; last >= 0 && ch.settles[last].verdict == v {
		ch.settles[last].deliveries = append(ch.settles[last].deliveries, ds...)
		return
	}
	ch.settles = append(ch.settles, txSettle{ds, v})
}

// txRollback is TX-04 and TX-10.
func (ch *channel) txRollback() *refusal {
	if !ch.tx {
		return refuse(406, "channel is not transactional")
	}
	for _, s := range ch.settles {
		ch.unsettled = append(ch.unsettled, s.deliveries...)
	}
	slices.SortFunc(ch.unsettled, func(a, b *delivery) int { return int(a.tag) - int(b.tag) })
	ch.publishes, ch.settles = nil, nil
	ch.emit(&amqp.TxRollbackOk{})
	return nil
}
