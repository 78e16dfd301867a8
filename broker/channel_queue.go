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

// declareQueue returns the queue that a declaration means, a new one if it is
// not there yet.
func (v *vhost) declareQueue(name string, m *amqp.QueueDeclare, s *session) (*queue, error) {
	m = v.typed(m)
	if name == "" {
		if err := checkServerNamed(m.Arguments); err != nil {
			return nil, err
		}
		name = generated("amq.gen-")
	} else if reserved(name) { // QDEC-04, QDEC-05
		return nil, amqp.AccessRefused.Errorf("queue name '%s' contains reserved prefix 'amq.*'", name)
	}
	if err := s.mayQueue(configure, name); err != nil { // PERM-07, PERM-14
		return nil, err
	}
	return v.findOrAddQueue(name, m, s)
}

func (v *vhost) findOrAddQueue(name string, m *amqp.QueueDeclare, s *session) (q *queue, err error) {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	if q := v.queues[name]; q != nil {
		return q, q.equivalent(m, s) // and nothing else is checked (QARG-31)
	}
	if err := v.mayAddQueue(name, m.Arguments, s); err != nil {
		return nil, err
	}
	kind, err := checkDeclaration(queueText(name, v), m)
	if err != nil {
		return nil, err
	}
	q = newQueue(v, name, kind, m)
	if m.Exclusive {
		q.owner = s
	}
	v.keepQueue(q)
	v.addQueue(q)
	q.use()
	return q, nil
}

// mayAddQueue is what is checked of a new queue before its arguments: that there
// may be one more (LIM-02), and what its user may do to it and to the exchange of
// its dead letters (PERM-04), if that is named in order. v.mu is held.
func (v *vhost) mayAddQueue(name string, args amqp.Table, s *session) error {
	if limit, over := v.limits.reached(maxQueues, len(v.queues)); over {
		return amqp.PreconditionFailed.Errorf("cannot declare queue '%s': queue limit in vhost '%s' (%d) is reached",
			name, v.name, limit)
	}
	letters, ok := args.Get("x-dead-letter-exchange")
	if !ok || !isString(letters) {
		return nil
	}
	if err := s.mayQueue(read, name); err != nil {
		return err
	}
	return s.mayExchange(write, text(letters))
}

// newQueue returns the queue that a declaration describes, as shared by all. v.mu
// is held, or v is new.
func newQueue(v *vhost, name string, kind *queueType, m *amqp.QueueDeclare) *queue {
	single, _ := m.Arguments.Get("x-single-active-consumer")
	priority, _ := m.Arguments.Get("x-max-priority")
	most, _ := integer(priority)
	r := v.rule(name, kind) // POL-12
	groups, _ := m.Arguments.Get("x-message-groups")
	q := &queue{
		name: name, vhost: v, durable: m.Durable && !m.Exclusive, autoDelete: m.AutoDelete,
		kind: kind, arguments: m.Arguments, single: single == true,
		maxPriority: uint8(most), rule: r, settings: settingsOf(kind, m.Arguments, r),
		dedup: dedupOf(end{name: name}, m.Arguments),
		ready: newLanes(uint8(most), agingOf(m.Arguments)),
	}
	if v.mu.changed != nil {
		q.mu.changed, q.unsettled.notes = v.mu.changed, map[uint64]delivery{}
	}
	q.ready.inTurn = kind.replicated // QQ-13
	q.setPatience()
	if groups == true {
		q.ready.groups = newGroups(q)
	}
	return q
}

// equivalent compares a declaration with the queue in the order of QDEC-24.
func (q *queue) equivalent(m *amqp.QueueDeclare, s *session) error {
	durable := m.Durable && !m.Exclusive // QDEC-18
	switch {
	case (q.owner != nil) != m.Exclusive || q.lockedFor(s) != nil: // QDEC-17
		return lockedQueue(q)
	case durable != q.durable:
		return inequivalent("durable", q.text(), durable, q.durable)
	case m.AutoDelete != q.autoDelete:
		return inequivalent("auto_delete", q.text(), m.AutoDelete, q.autoDelete)
	}
	for _, key := range q.kind.arguments {
		if err := compareArgument(key, q.text(), m.Arguments, q.arguments); err != nil {
			return err
		}
	}
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
