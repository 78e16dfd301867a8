package broker

import "github.com/leveretmq/leveret/amqp"

// confirmSelect is confirm.select (85,10).
func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) error {
	if ch.tx != nil { // CONF-15
		return amqp.PreconditionFailed.Errorf("cannot switch from tx to confirm mode")
	}
	if ch.confirms == nil {
		ch.confirms = &confirms{channel: ch.id, out: ch.out}
	}
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.ConfirmSelectOk{})
	}
	return nil
}
