package broker

import (
	"math"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// unlimited is the credit of a consumer without a prefetch limit.
const unlimited = math.MaxInt / 2

// consumer is a subscription of a channel to a queue.
type consumer struct {
	tag       string
	channel   *channel
	queue     *queue
	noAck     bool
	exclusive bool
	priority  int64         // those with a higher one are served first (CONS-15)
	patience  time.Duration // that it has to settle a delivery; unset: as its queue says
	prefetch  uint16        // how many deliveries it may have unsettled; 0: any number
	arguments amqp.Table
	// All above is immutable.

	// queue.mu
	credit  int // messages it may get before it has to acknowledge some
	granted int // messages it may get until the next basic.credit
	place   place
	passed  uint64    // if it is passed over: orders it among the others
	groups  groupHeap // those that it has and of which some waits
	origin  *origin
	deliver amqp.Deliver // prepared for origin
}

func newConsumer(ch *channel, q *queue, m *amqp.BasicConsume) *consumer {
	k := &consumer{
		tag: m.ConsumerTag, channel: ch, queue: q, noAck: m.NoAck, exclusive: m.Exclusive,
		credit: unlimited, granted: unlimited, patience: unset, prefetch: ch.prefetch, arguments: m.Arguments,
	}
	if v, ok := m.Arguments.Get("x-consumer-timeout"); ok { // CONS-33
		ms, _ := integer(v)
		k.patience = milliseconds(ms)
	}
	if q.kind.replicated { // QQ-06
		k.exclusive = false
	}
	if v, ok := m.Arguments.Get("x-priority"); ok {
		k.priority, _ = integer(v)
	}
	if ch.prefetch > 0 && !k.noAck { // QOS-02, QOS-07
		k.credit = int(ch.prefetch)
	}
	return k
}

// room is how many messages k may get now, at most. If it is limited it is at
// most 1, and that one is counted in the limit: take must follow.
func (k *consumer) room(limited bool) int {
	switch {
	case k.credit <= 0 || k.granted <= 0 || k.channel.session.leaving.Load() || k.channel.out.Full(k.queue):
		return 0
	case !limited:
		return min(k.credit, k.granted)
	case k.channel.reserve():
		return 1
	}
	return 0
}

// limited tells whether the limit of the channel holds for k (QOS-04, QOS-07).
func (k *consumer) limited() bool { return !k.noAck && k.channel.limit.Load() > 0 }

// prepare readies the basic.deliver for messages of an origin.
func (k *consumer) prepare(o *origin) {
	if k.origin == nil || *k.origin != *o {
		k.deliver.Prepare(k.channel.id, k.tag, o.exchange, o.key)
	}
	k.origin = o
}

// addConsumer starts a consumer and hands it what is ready. started is called
// before the first delivery, which may follow at once (CONS-02).
func (q *queue) addConsumer(k *consumer, started func()) error {
	q.enter()
	defer q.leave()
	if q.deleted {
		return noQueue(q.name, q.vhost)
	}
	if q.inUse(k.exclusive) {
		return amqp.AccessRefused.Errorf("%s in exclusive use", q.text())
	}
	q.consumers = append(q.consumers, k)
	if !q.single || len(q.consumers) == 1 {
		q.admit(k)
	}
	started()
	q.dispatch()
	return nil
}

// inUse tells whether a new consumer is refused: because it or the one that is
// there wants to be alone (CONS-06), which on a queue with a single active
// consumer nobody can (CONS-23).
func (q *queue) inUse(exclusive bool) bool {
	if len(q.consumers) == 0 {
		return exclusive && q.single
	}
	return exclusive || q.consumers[0].exclusive
}

// grant sets what a consumer may get until the next basic.credit. reply is
// told how many messages are ready, before any is delivered.
func (q *queue) grant(k *consumer, credit int, reply func(available int)) {
	q.enter()
	defer q.leave()
	k.granted = credit
	q.rejoin(k)
	reply(q.ready.len())
	q.dispatch()
}

// withdraw takes back what a consumer may still get, unless it would get more
// if the first message was not on disk: then it returns false.
func (q *queue) withdraw(k *consumer) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k.place == inLine && k.granted > 0 && q.ready.headAway() {
		return false
	}
	k.granted = 0
	return true
}

// removeConsumer ends a consumer: nothing is delivered to it any more when it
// returns.
func (q *queue) removeConsumer(k *consumer) {
	q.endConsumers(func(other *consumer) bool { return other == k }, func() {})
}

// removeChannel ends the consumers that a channel has here and puts back what
// it has not settled, as one step (CHAN-13).
func (q *queue) removeChannel(ch *channel) {
	q.endConsumers(func(k *consumer) bool { return k.channel == ch }, func() {
		ch.mu.Lock()
		unsettled := ch.unacked.takeOf(nil, q)
		ch.mu.Unlock()
		q.record(unsettled, verdict{fate: lost})
		q.resume(unsettled, lost)
		q.dispatch()
	})
}

// endConsumers ends consumers, and calls then in the same step. If an auto-delete
// queue has no others it is deleted instead, with what they have not settled:
// nothing comes back, and so nothing dies of that (QDEC-20).
func (q *queue) endConsumers(gone func(*consumer) bool, then func()) (ended []*consumer) {
	for {
		ended, ok := q.tryEnd(gone, then)
		if ok {
			return ended
		}
		r, err := q.vhost.deleteQueue(q, func(q *queue) error {
			if !q.livesBy(gone) {
				return errKept
			}
			return nil
		})
		if err == nil {
			return r.consumers
		}
	}
}

// tryEnd does it, unless the queue is to be deleted.
func (q *queue) tryEnd(gone func(*consumer) bool, then func()) (ended []*consumer, ok bool) {
	q.enter()
	defer q.leave()
	if q.livesBy(gone) {
		return nil, false
	}
	for _, k := range q.consumers {
		if gone(k) {
			ended = append(ended, k)
		}
	}
	q.dropConsumers(gone)
	then()
	return ended, true
}

// livesBy tells whether the queue would be deleted without these consumers.
func (q *queue) livesBy(these func(*consumer) bool) bool {
	other := func(k *consumer) bool { return !these(k) }
	return q.autoDelete && len(q.consumers) > 0 && !slices.ContainsFunc(q.consumers, other)
}

func (q *queue) dropConsumers(gone func(*consumer) bool) {
	before := len(q.consumers)
	q.dismiss(gone)
	if len(q.consumers) == 0 {
		q.relieve() // nobody drains it: publishers need not wait
		if before > 0 {
			q.used()
		}
	} else if len(q.levels) == 0 {
		q.admit(q.successor())
	}
}

// successor is who follows a single active consumer that has gone: the first
// of those with the highest priority (CONS-22, CONS-24), or of a quorum queue
// the first of all.
func (q *queue) successor() *consumer {
	next := q.consumers[0]
	if q.kind.replicated {
		return next
	}
	for _, k := range q.consumers {
		if k.priority > next.priority {
			next = k
		}
	}
	return next
}
