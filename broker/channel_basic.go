package broker

import "github.com/leveretmq/leveret/amqp"

// basicQos is basic.qos (60,10).
func (ch *channel) basicQos(m *amqp.BasicQos) error {
	if m.PrefetchSize != 0 { // QOS-01
		return amqp.NotImplemented.Errorf("prefetch_size!=0 (%d)", m.PrefetchSize)
	}
	if m.Global {
		ch.setLimit(m.PrefetchCount)
		defer ch.dispatchAll()
	} else {
		ch.mu.Lock()
		ch.prefetch = m.PrefetchCount // QOS-02, QOS-03
		ch.mu.Unlock()
	}
	ch.out.Send(ch.id, &amqp.BasicQosOk{})
	return nil
}

// dispatchAll gives the consumers of the channel what they may get now that
// its limit has changed or has room.
func (ch *channel) dispatchAll() {
	ch.mu.Lock()
	queues := make(map[*queue]struct{}, len(ch.consumers))
	for _, k := range ch.consumers {
		queues[k.queue] = struct{}{}
	}
	ch.mu.Unlock()
	for q := range queues {
		q.serve(ch)
	}
}

// basicConsume is basic.consume (60,20).
func (ch *channel) basicConsume(m *amqp.BasicConsume) error {
	name, err := ch.queueName(m.Queue)
	if err != nil {
		return err
	}
	if ch.consumer(m.ConsumerTag) != nil { // CONS-03
		return amqp.NotAllowed.Errorf("attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	if name == directReplyTo {
		return ch.consumeReplies(m)
	}
	if err := ch.session.mayQueue(read, name); err != nil { // PERM-11
		return err
	}
	q, err := ch.session.vhost.queue(name, ch.session)
	if err != nil {
		return err
	}
	if err := q.kind.checkConsumer(q.text(), m.Arguments); err != nil {
		return err
	}
	if q.kind.replicated && ch.limit.Load() > 0 { // QQ-05
		return amqp.NotImplemented.Errorf("%s does not support global qos", q.text())
	}
	if m.ConsumerTag == "" {
		m.ConsumerTag = generated("amq.ctag-")
	}
	k := newConsumer(ch, q, m)
	return q.addConsumer(k, func() {
		ch.mu.Lock()
		ch.consumers[k.tag] = k
		ch.mu.Unlock()
		if !m.NoWait {
			ch.out.Send(ch.id, &amqp.BasicConsumeOk{ConsumerTag: k.tag})
		}
	})
}

func (ch *channel) consumer(tag string) *consumer {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.consumers[tag]
}

// basicCancel is basic.cancel (60,30). An unknown tag is echoed (CONS-17).
func (ch *channel) basicCancel(m *amqp.BasicCancel) error {
	k := ch.consumer(m.ConsumerTag)
	if r := ch.reply; r != nil && r.tag == m.ConsumerTag {
		ch.endReplies()
	} else if k != nil {
		k.queue.removeConsumer(k)
		ch.mu.Lock()
		delete(ch.consumers, k.tag)
		ch.mu.Unlock()
	}
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.BasicCancelOk{ConsumerTag: m.ConsumerTag})
	}
	if k != nil && k.queue.single {
		k.queue.serve(ch) // another one may follow (CONS-22)
	}
	return nil
}

// cancelled ends a consumer whose queue has gone, and tells a client that
// wants to know (CONS-19, CONS-20).
func (ch *channel) cancelled(k *consumer) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.consumers[k.tag] != k {
		return // the client has cancelled it, and may have used the tag again
	}
	delete(ch.consumers, k.tag)
	if ch.session.cancel && !ch.closed {
		ch.out.Send(ch.id, &amqp.BasicCancel{ConsumerTag: k.tag, NoWait: true})
	}
}

// basicGet is basic.get (60,70).
func (ch *channel) basicGet(m *amqp.BasicGet) error {
	q, err := ch.queue(m.Queue)
	if err != nil {
		return err
	}
	if q.single && q.kind == quorumQueue { // CONS-26
		return amqp.ResourceLocked.Errorf("cannot obtain access to locked %s. "+
			"basic.get operations are not supported by quorum queues with single active consumer", q.text())
	}
	e, remaining, ok := q.get(m.NoAck)
	for !ok && remaining > 0 {
		if err := q.awaitHead(); err != nil {
			return err
		}
		e, remaining, ok = q.get(m.NoAck)
	}
	if !ok {
		ch.out.Send(ch.id, &amqp.BasicGetEmpty{})
		return nil
	}
	content := q.shown(&e)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.tag++
	if !m.NoAck {
		ch.unacked.push(newDelivery(&e, ch.tag, q, nil))
		ch.expect(q.timeout())
	}
	ch.out.SendContent(ch.id, &amqp.BasicGetOk{
		DeliveryTag: ch.tag, Redelivered: e.redelivered,
		Exchange: e.message.exchange, RoutingKey: e.message.key, MessageCount: uint32(remaining),
	}, &content, ch.frameMax)
	return nil
}

// basicCredit is basic.credit (60,200), an extension that limits what a
// consumer gets altogether until the next one (CHAN-21). With drain, what cannot
// be used at once is taken back.
func (ch *channel) basicCredit(m *amqp.BasicCredit) error {
	k := ch.consumer(m.ConsumerTag)
	if k == nil {
		return amqp.PreconditionFailed.Errorf("unknown consumer tag '%s'", m.ConsumerTag)
	}
	k.queue.grant(k, int(m.Credit), func(available int) {
		ch.out.Send(ch.id, &amqp.BasicCreditOk{Available: uint32(available)})
	})
	for m.Drain && !k.queue.withdraw(k) {
		if err := k.queue.awaitHead(); err != nil {
			return err
		}
	}
	return nil
}

// basicRecover is basic.recover (60,110) and recover-async (60,100).
func (ch *channel) basicRecover(requeue, reply bool) error {
	if !requeue { // ACK-16
		return amqp.NotImplemented.Errorf("requeue=false")
	}
	ch.mu.Lock()
	all := ch.unacked.takeAll(nil) // not what a transaction holds (ACK-17)
	ch.mu.Unlock()
	if reply { // before the redeliveries (ACK-14)
		ch.out.Send(ch.id, &amqp.BasicRecoverOk{})
	}
	ch.carryOut(all, requeued, (*queue).settle)
	return nil
}
