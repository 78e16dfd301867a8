package broker

import "github.com/leveretmq/leveret/amqp"

// confirmSelect is confirm.select (85,10).
func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) error {
	if ch.tx != nil { // CONF-15
		return amqp.PreconditionFailed.Errorf("cannot switch from tx to confirm mode")
	}
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
