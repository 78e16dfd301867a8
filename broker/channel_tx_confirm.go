package broker

import "github.com/leveretmq/leveret/amqp"

// confirmSelect is confirm.select (85,10).
func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) error {
	ch.confirms.on = true
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.ConfirmSelectOk{})
	}
	return nil
}

// sendConfirms confirms what was published (CONF-03): its messages have
// reached their queues.
func (ch *channel) sendConfirms() {
	if ch.closed {
		return
	}
	if tag, multiple, ok := ch.confirms.confirm(); ok {
		ch.out.Send(ch.id, &amqp.BasicAck{DeliveryTag: tag, Multiple: multiple})
	}
}

// txSelect is tx.select (90,10).
func (ch *channel) txSelect() error {
	if ch.confirms.on { // CONF-14
		return amqp.PreconditionFailed.Errorf("cannot switch from confirm to tx mode")
	}
	return refused("tx.select")
}
