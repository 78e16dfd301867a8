package model

import (
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

type queue struct {
	world      *world
	name       string
	durable    bool
	autoDelete bool
	owner      *conn // whose exclusive queue it is
	args       amqp.Table

	ready     []entry // those that come first before others
	last      int     // position of the last that was published
	consumers []*consumer
	passed    []*consumer // of them, those who were passed over for want of room, in that order
	active    *consumer   // who alone gets messages, if it is to be one
	groups    []claim     // who got messages of groups last
	used      time.Time   // when somebody used it last
	dying     []dead      // in the order of their deaths
	known     []known     // the oldest first
	deleted   bool

	hesitates bool // what is due waits for its turn

	loose    bool // whose turn it is may have been decided by what is left open
	disorder bool // and so may, for now, which message comes first
}

// entry is a message in a queue.
type entry struct {
	position    int // in the order of publishing
	place       int // likewise, after a restart
	rank        int64
	failures    int  // how often it was given back
	first       bool // it was given back to the front
	expires     time.Time
	fresh       bool // it has just come
	message     *message
	redelivered bool
	doubtful    bool // it may be marked as redelivered though it was not delivered
	onDisk      bool // it may have to be read before it is delivered
}

func noQueue(name string) *refusal { return refuse(404, "no queue '%s' in vhost '/'", name) }

func locked(name string) *refusal {
	return refuse(405, "cannot obtain exclusive access to locked queue '%s' in vhost '/'. It could be originally declared "+
		"on another connection or the exclusive property value does not match that of the original declaration.", name)
}

// usable is the queue of a name that the connection may use (QDEC-14).
func (c *conn) usable(name string) (*queue, *refusal) {
	q := c.world.queue(name)
	switch {
	case q == nil:
		return nil, noQueue(name)
	case q.owner != nil && q.owner != c:
		return nil, locked(name)
	}
	return q, nil
}

// queueName is the current queue for an empty name (QDEC-12, QDEC-13).
func (ch *channel) queueName(name string) (string, *refusal) {
	switch {
	case name != "":
		return name, nil
	case ch.lastQueue == "":
		return "", refuse(404, "no previously declared queue")
	}
	return ch.lastQueue, nil
}

func (ch *channel) usable(name string) (*queue, *refusal) {
	name, r := ch.queueName(name)
	if r != nil {
		return nil, r
	}
	return ch.conn.usable(name)
}

func (ch *channel) queueDeclare(m *amqp.QueueDeclare) *refusal {
	var q *queue
	var r *refusal
	if m.Passive { // QDEC-06 to QDEC-08
		q, r = ch.conn.usable(m.Queue)
	} else {
		q, r = ch.declareQueue(m)
	}
	if r != nil {
		return r
	}
	ch.lastQueue = q.name
	if !m.NoWait {
		q.use()
		ch.emit(&amqp.QueueDeclareOk{
			Queue: q.name, MessageCount: uint32(len(q.ready)), ConsumerCount: uint32(len(q.consumers)),
		})
	}
	return nil
}

func (ch *channel) declareQueue(m *amqp.QueueDeclare) (*queue, *refusal) {
	w, name := ch.conn.world, m.Queue
	if reserved(name) { // QDEC-04, QDEC-05
		return nil, refuse(403, "queue name '%s' contains reserved prefix 'amq.*'", name)
	}
	if q := w.queue(name); q != nil {
		return q, q.equivalent(m, ch.conn)
	}
	if r := checkQueueArguments(name, m.Arguments); r != nil {
		return nil, r
	}
	if r := checkQuorum(m); r != nil {
		return nil, r
	}
	if name == "" {
		name = ch.generatedQueue()
	}
	q := &queue{world: w, loose: w.batches, name: name, durable: m.Durable && !m.Exclusive, autoDelete: m.AutoDelete, args: m.Arguments}
	if m.Exclusive {
		q.owner = ch.conn
	}
	q.used = w.now
	w.queues = append(w.queues, q)
	return q, nil
}

// generatedQueue is the name that the reply gives to a new queue (QDEC-01).
func (ch *channel) generatedQueue() string {
	ch.conn.await(ch.id)
	in := ch.conn.in[ch.id]
	if len(in) == 0 {
		return "amq.gen-and so on"
	}
	ok, is := in[0].method().(*amqp.QueueDeclareOk)
	if !is || !generated("amq.gen-", ok.Queue) || ch.conn.world.queue(ok.Queue) != nil {
		return "amq.gen-and so on"
	}
	return ok.Queue
}

// equivalent is QDEC-17, QDEC-18 and QDEC-22 to QDEC-31.
func (q *queue) equivalent(m *amqp.QueueDeclare, c *conn) *refusal {
	durable, what := m.Durable && !m.Exclusive, "queue '"+q.name+"'"
	switch {
	case q.owner != nil && q.owner != c, (q.owner != nil) != m.Exclusive:
		return locked(q.name)
	case durable != q.durable:
		return inequivalent("durable", what, durable, q.durable)
	case m.AutoDelete != q.autoDelete:
		return inequivalent("auto_delete", what, m.AutoDelete, q.autoDelete)
	}
	return q.equivalentArguments(m.Arguments)
}

func (ch *channel) queuePurge(m *amqp.QueuePurge) *refusal {
	q, r := ch.usable(m.Queue)
	if r != nil {
		return r
	}
	n := len(q.ready)
	q.ready = nil
	if !m.NoWait {
		ch.emit(&amqp.QueuePurgeOk{MessageCount: uint32(n)})
	}
	return nil
}

func (ch *channel) queueDelete(m *amqp.QueueDelete) *refusal {
	w := ch.conn.world
	name, r := ch.queueName(m.Queue)
	if r != nil {
		return r
	}
	n, consumers := 0, []*consumer(nil)
	if w.queue(name) != nil { // else QOP-15
		q, r := ch.conn.usable(name)
		switch {
		case r != nil:
			return r
		case q.cannotDelete(m) != nil:
			return q.cannotDelete(m)
		case m.IfEmpty && len(q.ready) > 0: // QOP-16, QOP-18
			return refuse(406, "queue '%s' in vhost '/' not empty", name)
		case m.IfUnused && len(q.consumers) > 0: // QOP-17
			return refuse(406, "queue '%s' in vhost '/' in use", name)
		}
		n, consumers = len(q.ready), q.consumers
		w.deleteQueue(q)
	}
	if !m.NoWait {
		ch.emit(&amqp.QueueDeleteOk{MessageCount: uint32(n)})
	}
	w.cancelled(consumers)
	return nil
}

// deleteQueue removes a queue with its bindings (QOP-10).
func (w *world) deleteQueue(q *queue) {
	if len(q.dying) > 0 {
		w.gone = append(w.gone, q)
	}
	q.deleted, q.ready, q.consumers, q.active = true, nil, nil, nil
	w.queues = slices.DeleteFunc(w.queues, func(other *queue) bool { return other == q })
	w.unbindAll(func(b binding) bool { return b.queue == q })
}

// deleteIfUnused deletes an auto-delete queue that has lost its last consumer.
func (q *queue) deleteIfUnused() {
	if q.autoDelete && len(q.consumers) == 0 && !q.deleted {
		q.world.deleteQueue(q)
	}
}
