package broker

import "github.com/leveretmq/leveret/amqp"

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
