package broker

import "github.com/leveretmq/leveret/amqp"

// Drained implements amqp.Drainer: the outbox of consumers has room again.
func (q *queue) Drained(o *amqp.Outbox) (more bool) {
	q.enter()
	defer q.leave()
	q.rejoinAll(func(k *consumer) bool { return k.channel.out == o })
	return q.dispatchSome()
}

// serve gives what is ready to consumers, of which those of a channel may have
// got room.
func (q *queue) serve(ch *channel) {
	q.enter()
	defer q.leave()
	q.rejoinAll(func(k *consumer) bool { return k.channel == ch })
	q.dispatch()
}

// dispatch hands ready messages to consumers as long as both are there. The
// queue was entered; now and then it leaves it to others for a moment.
func (q *queue) dispatch() {
	for q.dispatchSome() {
		q.leave()
		q.enter()
	}
}

// dispatchSome is one step of dispatch; more means that it was a full one.
func (q *queue) dispatchSome() (more bool) {
	defer q.balance()
	q.limit()
	dealt := q.deal(nil, 0, longestDeal)
	q.relieve()
	return dealt >= longestDeal || q.dooms()
}
