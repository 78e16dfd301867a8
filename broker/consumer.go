package broker

import (
	"math"
	"slices"

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
	// All above is immutable.

	// queue.mu
	credit  int // messages it may get before it has to acknowledge some
	granted int // messages it may get until the next basic.credit
	place   int // index in queue.consumers
	origin  *origin
	deliver amqp.Deliver // prepared for origin
}

func newConsumer(ch *channel, q *queue, m *amqp.BasicConsume) *consumer {
	k := &consumer{tag: m.ConsumerTag, channel: ch, queue: q, noAck: m.NoAck, exclusive: m.Exclusive, credit: unlimited, granted: unlimited}
	if ch.prefetch > 0 && !k.noAck { // QOS-02, QOS-07
		k.credit = int(ch.prefetch)
	}
	return k
}

// credited notes that a delivery of k was settled. A nil k is no consumer:
// the message was got.
func (k *consumer) credited() {
	if k != nil {
		k.credit++
	}
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
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return noQueue(q.name, q.vhost)
	}
	if q.exclusive || (k.exclusive && len(q.consumers) > 0) { // CONS-06
		return amqp.AccessRefused.Errorf("queue '%s' in vhost '%s' in exclusive use", q.name, q.vhost.name)
	}
	q.deferTurns()
	q.shared = q.shared || slices.ContainsFunc(q.consumers, k.sharesChannel)
	q.consumers = append(q.consumers, k)
	q.exclusive = k.exclusive
	q.seat()
	started()
	q.dispatch()
	return nil
}

// grant sets what a consumer may get until the next basic.credit. reply is
// told how many messages are ready, before any is delivered. With drain, what
// cannot be used at once is taken back.
func (q *queue) grant(k *consumer, credit int, drain bool, reply func(available int)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.granted = credit
	reply(q.ready.len())
	q.dispatch()
	if drain {
		k.granted = 0
	}
}

// removeConsumer ends a consumer: nothing is delivered to it any more when it
// returns. unused tells that an auto-delete queue has lost its last consumer.
func (q *queue) removeConsumer(k *consumer) (unused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropConsumers(func(other *consumer) bool { return other == k })
}

// removeChannel ends the consumers that a channel has here and puts back what
// it has not settled, as one step (CHAN-13).
func (q *queue) removeChannel(ch *channel) (unused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	unused = q.dropConsumers(func(k *consumer) bool { return k.channel == ch })
	ch.mu.Lock()
	unsettled := ch.unacked.takeOf(nil, q)
	ch.mu.Unlock()
	q.requeueLocked(unsettled)
	q.dispatch()
	return unused
}

func (q *queue) dropConsumers(gone func(*consumer) bool) (unused bool) {
	before := len(q.consumers)
	q.deferTurns()
	stay := q.consumers[:0]
	for _, k := range q.consumers {
		if gone(k) {
			q.exclusive = q.exclusive && !k.exclusive
			continue
		}
		stay = append(stay, k)
	}
	clear(q.consumers[len(stay):])
	q.consumers = stay
	clear(q.playing[:cap(q.playing)]) // they may be gone
	if len(stay) == 0 {
		q.relieve() // nobody drains it: publishers need not wait
	}
	q.seat()
	if q.shared {
		q.findShared()
	}
	return q.autoDelete && len(stay) == 0 && before > 0
}

// deferTurns puts the consumer whose turn it is first, so that those who come
// and go do not change the turns of the others.
func (q *queue) deferTurns() {
	if n := len(q.consumers); n > 0 && q.turn%n > 0 {
		t := q.turn % n
		q.consumers = append(slices.Clone(q.consumers[t:]), q.consumers[:t]...)
	}
	q.turn = 0
}

// seat numbers the consumers.
func (q *queue) seat() {
	for i, k := range q.consumers {
		k.place = i
	}
}

// findShared notes whether a channel still has two of the consumers.
func (q *queue) findShared() {
	channels := make(map[*channel]struct{}, len(q.consumers))
	for _, k := range q.consumers {
		channels[k.channel] = struct{}{}
	}
	q.shared = len(channels) < len(q.consumers)
}

func (k *consumer) sharesChannel(other *consumer) bool { return k.channel == other.channel }
