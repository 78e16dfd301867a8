package broker

import (
	"sync"
	"sync/atomic"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// channel is one open channel. Its handlers stand in channel_*.go, see the
// package comment.
type channel struct {
	id       uint16
	session  *session
	out      *amqp.Outbox
	frameMax int
	// All above is immutable.

	// Reader goroutine only.
	lastQueue  string // the channel's current queue (QDEC-12)
	routes     exchange.Cache[*route]
	route      *route             // of the last publish
	published  *amqp.BasicPublish // the last publish
	properties []byte             // the last that were found in order
	traits     traits             // what they ask for
	acks       ackRange

	// Reader goroutine only; they change under mu, so that others may look.
	prefetch uint16       // of consumers to come
	confirms *confirms    // nil unless the channel is in confirm mode
	tx       *transaction // nil unless the channel is transactional

	held struct{ publishes, settles atomic.Int64 } // what tx holds

	limit atomic.Int32 // of deliveries that volume counts; 0: none. Changes under mu

	mu        sync.Mutex // guards what follows; below queue.mu, above the outbox
	tag       uint64     // last delivery tag (CONS-29)
	unacked   unacked
	volume    int                  // unsettled deliveries that count in the limit
	consumers map[string]*consumer // by tag
	overdue   overdue
	reply     *replyConsumer // changes by the reader goroutine only; nil if there is none
	closed    bool
}

// Method implements amqp.Channel.
func (ch *channel) Method(m amqp.Method) error {
	switch m := m.(type) {
	case *amqp.ChannelFlow:
		return ch.channelFlow(m)
	case *amqp.AccessRequest:
		ch.out.Send(ch.id, &amqp.AccessRequestOk{Ticket: 1}) // CHAN-19
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
	case *amqp.BasicQos:
		return ch.basicQos(m)
	case *amqp.BasicConsume:
		return ch.basicConsume(m)
	case *amqp.BasicCancel:
		return ch.basicCancel(m)
	case *amqp.BasicGet:
		return ch.basicGet(m)
	case *amqp.BasicReject:
		return ch.settle(m.DeliveryTag, false, refusal(m.Requeue))
	case *amqp.BasicNack:
		return ch.settle(m.DeliveryTag, m.Multiple, refusal(m.Requeue))
	case *amqp.BasicRecover:
		return ch.basicRecover(m.Requeue, true)
	case *amqp.BasicRecoverAsync:
		return ch.basicRecover(m.Requeue, false)
	case *amqp.BasicCredit:
		return ch.basicCredit(m)
	case *amqp.ConfirmSelect:
		return ch.confirmSelect(m)
	case *amqp.TxSelect:
		return ch.txSelect()
	case *amqp.TxCommit:
		return ch.txCommit()
	case *amqp.TxRollback:
		return ch.txRollback()
	default: // CHAN-18, CONS-21
		return amqp.CommandInvalid.Errorf("unimplemented method")
	}
	return nil
}

// refused is the answer to what AMQP 0-9-1 or RabbitMQ has and this broker
// has not.
func refused(what string) error { return amqp.NotImplemented.Errorf("%s", what) }

// Close implements amqp.Channel.
func (ch *channel) Close() {
	ch.endReplies()
	if ch.confirms != nil {
		ch.confirms.close()
	}
	ch.mu.Lock()
	ch.closed = true
	ch.overdue.rest()
	ch.rollback() // TX-11
	queues := map[*queue]struct{}{}
	for _, k := range ch.consumers {
		queues[k.queue] = struct{}{}
	}
	ch.mu.Unlock()
	for q := range queues {
		q.removeChannel(ch)
	}
	ch.mu.Lock()
	ch.consumers = nil
	rest := ch.unacked.takeAll(nil) // of cancelled consumers, and got
	ch.mu.Unlock()
	for i := range rest {
		rest[i].consumer = nil // a queue gets back at once what all of them had
	}
	byConsumer(rest, func(q *queue, ds []delivery) { q.settle(ds, lost) })
	ch.session.channelClosed(ch)
}

// setLimit sets the limit of unsettled deliveries on the channel; 0 is none.
// A limit begins with all that is unsettled, later it counts only what goes to
// consumers (QOS-04, QOS-08, QOS-09).
func (ch *channel) setLimit(limit uint16) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.limit.Load() == 0 {
		ch.volume = ch.unacked.live
	}
	ch.limit.Store(int32(limit))
}

// reserve counts one delivery in the limit of the channel, if that has room
// (QOS-05).
func (ch *channel) reserve() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	room := ch.hasRoomLocked()
	if room {
		ch.volume++
	}
	return room
}

// unreserve undoes reserve.
func (ch *channel) unreserve() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.volume--
}

// hasRoom tells whether the limit of the channel has room.
func (ch *channel) hasRoom() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.hasRoomLocked()
}

func (ch *channel) hasRoomLocked() bool {
	limit := int(ch.limit.Load())
	return limit == 0 || ch.volume < limit
}

// release makes room in the limit of the channel for what is settled.
func (ch *channel) release(ds []delivery) {
	if ch.limit.Load() == 0 {
		return
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	for i := range ds {
		if ds[i].consumer != nil && ch.volume > 0 {
			ch.volume--
		}
	}
}
