package model

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// channel is an open channel, or one that the broker has closed and whose
// close-ok it awaits.
type channel struct {
	conn    *conn
	id      uint16
	closing bool

	lastQueue string // the current queue (QDEC-12)
	prefetch  int    // of consumers to come; 0: unlimited
	limit     int    // of all consumers together; 0: unlimited
	volume    int    // what counts in the limit
	tag       uint64 // last delivery tag (CONS-29)
	unsettled []*delivery
	kept      []*delivery // while it is closing
	going     []*delivery // that are about to be settled
	consumers []*consumer

	confirms    bool
	published   uint64 // last sequence number
	unconfirmed []pending

	tx        bool
	publishes []txPublish
	settles   []txSettle
}

func (ch *channel) String() string { return fmt.Sprintf("%s %d", ch.conn.name, ch.id) }

func (ch *channel) emit(m amqp.Method) { ch.conn.emit(ch.id, m, nil) }

// peek is the next event that came on the channel, if there is one.
func (ch *channel) peek() fmt.Stringer {
	if in := ch.conn.in[ch.id]; len(in) > 0 {
		return in[0]
	}
	return nothing{}
}

type nothing struct{}

func (nothing) String() string { return "nothing" }

// shows tells whether this is the next that came on the channel.
func (ch *channel) shows(e event) bool {
	ch.skipConfirms()
	in := ch.conn.in[ch.id]
	return len(in) > 0 && in[0].equal(e)
}

// take carries out a command on an open channel.
func (ch *channel) take(cmd command) *refusal {
	switch m := cmd.method.(type) {
	case *amqp.ChannelOpen: // CHAN-02
		return refuse(504, "second 'channel.open' seen")
	case *amqp.ChannelClose: // CHAN-08
		ch.end()
		ch.conn.world.dispatch()
		ch.emit(&amqp.ChannelCloseOk{})
		delete(ch.conn.channels, ch.id)
	case *amqp.ChannelFlow: // CHAN-16, CHAN-17
		if !m.Active {
			return refuse(540, "active=false")
		}
		ch.emit(&amqp.ChannelFlowOk{Active: true})
	case *amqp.ExchangeDeclare:
		return ch.exchangeDeclare(m)
	case *amqp.ExchangeDelete:
		return ch.exchangeDelete(m)
	case *amqp.ExchangeBind:
		return ch.exchangeBind(m)
	case *amqp.ExchangeUnbind:
		return ch.exchangeUnbind(m)
	case *amqp.QueueDeclare:
		return ch.queueDeclare(m)
	case *amqp.QueueBind:
		return ch.queueBind(m)
	case *amqp.QueueUnbind:
		return ch.queueUnbind(m)
	case *amqp.QueuePurge:
		return ch.queuePurge(m)
	case *amqp.QueueDelete:
		return ch.queueDelete(m)
	case *amqp.BasicPublish:
		return ch.publish(m, cmd.properties, cmd.body)
	case *amqp.ConfirmSelect:
		return ch.confirmSelect(m)
	case *amqp.TxSelect:
		return ch.txSelect()
	case *amqp.TxCommit:
		return ch.txCommit()
	case *amqp.TxRollback:
		return ch.txRollback()
	default:
		return ch.takeBasic(m)
	}
	return nil
}

func (ch *channel) takeBasic(m amqp.Method) *refusal {
	switch m := m.(type) {
	case *amqp.BasicQos:
		return ch.qos(m)
	case *amqp.BasicConsume:
		return ch.consume(m)
	case *amqp.BasicCancel:
		ch.cancel(m)
		return nil
	case *amqp.BasicGet:
		return ch.get(m)
	case *amqp.BasicAck:
		return ch.settle(m.DeliveryTag, m.Multiple, acked)
	case *amqp.BasicReject:
		return ch.settle(m.DeliveryTag, false, refusing(m.Requeue))
	case *amqp.BasicNack:
		return ch.settle(m.DeliveryTag, m.Multiple, refusing(m.Requeue))
	case *amqp.BasicRecover:
		return ch.recover(m.Requeue, true)
	case *amqp.BasicRecoverAsync:
		return ch.recover(m.Requeue, false)
	default: // CHAN-12, CHAN-18, CONS-21
		return refuse(503, "unimplemented method")
	}
}

// end ends all that the channel has: its consumers, then all it has not settled
// goes back (CHAN-13), also what it acknowledged in a transaction (TX-11).
func (ch *channel) end() {
	if ch.closing {
		giveBack(ch.kept, true)
		ch.kept = nil
		return
	}
	consumers := ch.consumers
	ch.consumers = nil
	for _, k := range consumers {
		k.queue.drop(k)
	}
	back := ch.unsettled
	for _, s := range ch.settles {
		back = append(back, s.deliveries...)
	}
	ch.unsettled, ch.settles, ch.publishes = nil, nil, nil
	var unused []*queue
	for _, k := range consumers {
		if q := k.queue; q.autoDelete && len(q.consumers) == 0 && !q.deleted { // QDEC-20, QDEC-21
			unused = append(unused, q)
		}
	}
	ch.giveBack(inOrder(back), unused)
}

// giveBack returns deliveries to one queue after the other, in an order that the
// broker chooses: what dies with that may go to the next one. Queues that are
// unused now are deleted, with what they would get.
func (ch *channel) giveBack(back []*delivery, unused []*queue) {
	w := ch.conn.world
	queues := slices.Clone(unused)
	for _, d := range back {
		if !slices.Contains(queues, d.queue) {
			queues = append(queues, d.queue)
		}
	}
	for len(queues) > 0 {
		i := 0
		if w.fragile() {
			i = w.choose(len(queues))
		}
		if q := queues[i]; slices.Contains(unused, q) {
			q.deleteIfUnused()
		} else {
			giveBack(slices.DeleteFunc(slices.Clone(back), func(d *delivery) bool { return d.queue != q }), true)
		}
		w.meanwhile()
		queues = slices.Delete(queues, i, i+1)
	}
}

// keep sets aside what a channel that ends for an error gives back only when
// the client has answered: RabbitMQ does that for queues where the channel has no
// consumer. Leveret gives back all at once.
func (ch *channel) keep() {
	if !ch.conn.world.rabbit {
		return
	}
	ch.unsettled = slices.DeleteFunc(ch.unsettled, ch.sets)
	for i := range ch.settles {
		ch.settles[i].deliveries = slices.DeleteFunc(ch.settles[i].deliveries, ch.sets)
	}
}

func (ch *channel) sets(d *delivery) (aside bool) {
	if slices.ContainsFunc(ch.consumers, func(k *consumer) bool { return k.queue == d.queue }) {
		return false
	}
	ch.kept = append(ch.kept, d)
	return true
}

// consumes tells whether the channel has a consumer of a queue.
func (ch *channel) consumes(q *queue) bool {
	return slices.ContainsFunc(ch.consumers, func(k *consumer) bool { return k.queue == q })
}

// holds tells whether the channel has unsettled deliveries of a queue.
func (ch *channel) holds(q *queue) bool {
	of := func(d *delivery) bool { return d.queue == q }
	return slices.ContainsFunc(ch.unsettled, of) || slices.ContainsFunc(ch.kept, of) ||
		slices.ContainsFunc(ch.settles, func(s txSettle) bool { return slices.ContainsFunc(s.deliveries, of) })
}
