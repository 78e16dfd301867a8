package broker

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// generated returns a name that nobody else has: a prefix and 22 characters
// (QDEC-01, CONS-01).
func generated(prefix string) string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(id[:])
}

// queueName is the name that a method means: an empty one is the channel's
// current queue (QDEC-12, QDEC-13).
func (ch *channel) queueName(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	if ch.lastQueue == "" {
		return "", amqp.NotFound.Errorf("no previously declared queue")
	}
	return ch.lastQueue, nil
}

// queueDeclare is queue.declare (50,10).
func (ch *channel) queueDeclare(m *amqp.QueueDeclare) error {
	name := entityName(m.Queue)
	if strings.HasPrefix(name, directReplyTo) {
		return ch.declareReplies(name, m)
	}
	var q *queue
	var err error
	if m.Passive {
		q, err = ch.session.vhost.queue(name, ch.session)
	} else {
		q, err = ch.session.vhost.declareQueue(name, m, ch.session)
	}
	if err != nil {
		return err
	}
	ch.lastQueue = q.name
	if m.NoWait {
		return nil
	}
	if q.durable {
		if err := q.vhost.awaitTopology(); err != nil {
			return err
		}
	}
	q.use()
	messages, consumers := q.counts()
	ch.out.Send(ch.id, &amqp.QueueDeclareOk{
		Queue: q.name, MessageCount: uint32(messages), ConsumerCount: uint32(consumers),
	})
	return nil
}

// queueBind is queue.bind (50,20).
func (ch *channel) queueBind(m *amqp.QueueBind) error {
	n, err := ch.bindingName(m.Exchange, m.Queue, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := ch.session.vhost.bind(ch.session, n); err != nil {
		return err
	}
	if m.NoWait {
		return nil
	}
	return ch.answer(&amqp.QueueBindOk{})
}

// queueUnbind is queue.unbind (50,50).
func (ch *channel) queueUnbind(m *amqp.QueueUnbind) error {
	n, err := ch.bindingName(m.Exchange, m.Queue, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := ch.session.vhost.unbind(ch.session, n); err != nil {
		return err
	}
	return ch.answer(&amqp.QueueUnbindOk{})
}

// bindingName is the binding of a queue that a method means. Queue and key both
// empty mean the channel's current queue and its name (QOP-05, QOP-06).
func (ch *channel) bindingName(source, queueName, key string, args amqp.Table) (bindingName, error) {
	name, err := ch.queueName(queueName)
	if err != nil {
		return bindingName{}, err
	}
	name = entityName(name)
	if queueName == "" && key == "" {
		key = name
	}
	n := bindingName{entityName(source), end{name: name}, key, args}
	return n, ch.session.mayBind(n)
}

// queuePurge is queue.purge (50,30).
func (ch *channel) queuePurge(m *amqp.QueuePurge) error {
	q, err := ch.queue(m.Queue)
	if err != nil {
		return err
	}
	n := q.purge()
	if m.NoWait {
		return nil
	}
	if q.stored != nil && n > 0 { // they do not come back
		if err := q.vhost.awaitAll(); err != nil {
			return err
		}
	}
	ch.out.Send(ch.id, &amqp.QueuePurgeOk{MessageCount: uint32(n)})
	return nil
}

// queue is the queue that a method names to get what is in it (PERM-11).
func (ch *channel) queue(name string) (*queue, error) {
	name, err := ch.queueName(name)
	if err != nil {
		return nil, err
	}
	if err := ch.session.mayQueue(read, name); err != nil {
		return nil, err
	}
	return ch.session.vhost.queue(name, ch.session)
}

// queueDelete is queue.delete (50,40).
func (ch *channel) queueDelete(m *amqp.QueueDelete) error {
	name, err := ch.queueName(m.Queue)
	if err != nil {
		return err
	}
	if err := ch.session.mayQueue(configure, entityName(name)); err != nil {
		return err
	}
	gone, err := ch.session.vhost.deleteNamed(entityName(name), m, ch.session)
	if err != nil {
		return err
	}
	defer gone.cancel() // the consumers hear of it after the answer (QOP-19)
	if m.NoWait {
		return nil
	}
	return ch.answer(&amqp.QueueDeleteOk{MessageCount: uint32(gone.messages)})
}

// deleteNamed deletes a queue that a client names; none is no error (QOP-15).
func (v *vhost) deleteNamed(name string, m *amqp.QueueDelete, s *session) (remains, error) {
	v.mu.RLock()
	q := v.queues[name]
	v.mu.RUnlock()
	if q == nil {
		return remains{}, nil
	}
	if err := q.lockedFor(s); err != nil {
		return remains{}, err
	}
	if err := q.kind.checkDelete(q.text(), m); err != nil {
		return remains{}, err
	}
	return v.deleteQueue(q, func(q *queue) error {
		switch {
		case m.IfEmpty && q.ready.len() > 0: // QOP-16, QOP-18
			return amqp.PreconditionFailed.Errorf("%s not empty", q.text())
		case m.IfUnused && len(q.consumers) > 0: // QOP-17
			return amqp.PreconditionFailed.Errorf("%s in use", q.text())
		}
		return nil
	})
}
