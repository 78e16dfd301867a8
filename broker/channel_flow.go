package broker

import "github.com/leveretmq/leveret/amqp"

// channelFlow is CHAN-16 and CHAN-17.
func (ch *channel) channelFlow(m *amqp.ChannelFlow) error {
	if !m.Active {
		return amqp.NotImplemented.Errorf("active=false")
	}
	ch.out.Send(ch.id, &amqp.ChannelFlowOk{Active: true})
	return nil
}
