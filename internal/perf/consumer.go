package perf

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/leveretmq/leveret/amqp"
)

// consumer takes the deliveries of one channel.
type consumer struct {
	load    *Load
	conn    *consumerConn
	channel uint16
	index   int     // among all
	reader  *reader // of what is verified; nil: nothing is
	left    bool    // it has what it wanted

	queue     int    // from which the delivery that is being read comes
	tag       uint64 // of it
	remaining uint64 // bytes of its body that are still to come
	first     bool   // the next body frame is the first

	got         int
	unacked     int
	uncommitted int // deliveries in the transaction
}

var errEnough = errors.New("the consumer has what it wanted")

// newConsumer is the consumer on the next channel of a connection, of its share
// of the queues: if there are more consumers than queues, they share them, else
// each has some for itself.
func (k *consumerConn) newConsumer() (*consumer, error) {
	l, n := &k.t.load, len(k.consumers)
	c := &consumer{load: l, conn: k, channel: uint16(n + 1), index: k.index*l.ConsumerChannels + n}
	if l.Verify {
		c.reader = k.t.audit.newReader()
	}
	if err := k.c.openChannel(c.channel); err != nil {
		return nil, err
	}
	if l.CommitDeliveries > 0 {
		if err := k.c.ask(c.channel, &amqp.TxSelect{}, &amqp.TxSelectOk{}); err != nil {
			return nil, err
		}
	}
	if l.Prefetch > 0 {
		if err := k.c.ask(c.channel, &amqp.BasicQos{PrefetchCount: l.Prefetch}, &amqp.BasicQosOk{}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (k *consumer) subscribe() error {
	l := k.load
	for i := k.index; i < max(len(l.Queues), l.consumers()); i += l.consumers() {
		queue := i % len(l.Queues)
		m := &amqp.BasicConsume{Queue: l.Queues[queue], ConsumerTag: strconv.Itoa(queue), NoAck: l.AutoAck, Arguments: l.ConsumerArguments}
		// Deliveries of the queues before may come already, so the reply is not
		// waited for.
		m.NoWait = true
		if err := k.conn.c.send(k.channel, m); err != nil {
			return err
		}
	}
	return nil
}

func (k *consumer) handle(f frame) error {
	switch f.kind {
	case amqp.FrameMethod:
		switch f.method() {
		case idDeliver:
			return k.deliver(f.payload[4:])
		case idChannelClose:
			return f.refusal()
		case idCancel:
			return errors.New("cancelled by the broker: the queue is gone")
		}
	case amqp.FrameHeader:
		if len(f.payload) < 12 {
			return errors.New("a content header without a size")
		}
		k.remaining = binary.BigEndian.Uint64(f.payload[4:])
		k.first = true
		if k.remaining == 0 {
			return k.delivered()
		}
	case amqp.FrameBody:
		return k.body(f.payload)
	default:
	}
	return nil
}

// deliver reads the arguments of basic.deliver, as far as they matter: the
// consumer tag, which is the number of the queue, and the delivery tag.
func (k *consumer) deliver(arguments []byte) error {
	if len(arguments) < 1 || len(arguments) < 1+int(arguments[0])+9 {
		return errors.New("a delivery without a tag")
	}
	n := int(arguments[0])
	k.queue = 0
	for _, digit := range arguments[1 : 1+n] {
		k.queue = 10*k.queue + int(digit-'0')
	}
	k.tag = binary.BigEndian.Uint64(arguments[1+n:])
	return nil
}

func (k *consumer) body(piece []byte) error {
	if k.first {
		k.first = false
		if len(piece) >= timeSize {
			k.conn.times = append(k.conn.times, (k.conn.c.arrived.UnixNano()-int64(binary.BigEndian.Uint64(piece)))/1e3)
		}
	}
	if k.reader != nil {
		k.reader.add(piece)
	}
	k.remaining -= min(k.remaining, uint64(len(piece)))
	if k.remaining == 0 {
		return k.delivered()
	}
	return nil
}

// delivered counts a whole message, acknowledges and commits when their turn has
// come.
func (k *consumer) delivered() error {
	l := k.load
	k.got++
	k.uncommitted++
	if !l.AutoAck {
		k.unacked++
	}
	if k.reader != nil {
		k.reader.end(k.queue)
	}
	switch {
	case k.uncommitted == l.CommitDeliveries:
		k.settle()
	case k.unacked >= l.AckEvery:
		k.ack()
	}
	k.conn.got++
	if k.got == l.Consume {
		return errEnough
	}
	return k.conn.next()
}

// ack acknowledges what has come.
func (k *consumer) ack() {
	k.conn.out = amqp.AppendMethod(k.conn.out, k.channel, &amqp.BasicAck{DeliveryTag: k.tag, Multiple: k.unacked > 1})
	k.unacked = 0
}

// settle acknowledges and commits what has not been.
func (k *consumer) settle() {
	if k.unacked > 0 {
		k.ack()
	}
	if k.load.CommitDeliveries > 0 && k.uncommitted > 0 {
		k.conn.out = amqp.AppendMethod(k.conn.out, k.channel, &amqp.TxCommit{})
	}
	k.uncommitted = 0
}

// leave gives back what else was sent.
func (k *consumer) leave() {
	k.left = true
	k.settle()
	k.conn.out = amqp.AppendMethod(k.conn.out, k.channel, &amqp.ChannelClose{ReplyCode: uint16(amqp.ReplySuccess)})
}
