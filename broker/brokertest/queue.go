package brokertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/broker"
)

// Queue is a queue by its name. It may yet be declared, by the test or by what is
// tested.
type Queue struct {
	vhost *Vhost
	name  string
}

// Queue returns the queue with a name.
func (v *Vhost) Queue(name string) *Queue { return &Queue{v, name} }

// Info is what there is to know of the queue; false if there is no such queue.
func (q *Queue) Info() (broker.QueueInfo, bool) {
	running := q.vhost.broker.Broker()
	if running == nil {
		return broker.QueueInfo{}, false
	}
	i, err := running.QueueInfo(q.vhost.name, q.name)
	return i, err == nil
}

// Len is how many messages the queue has, ready or unacknowledged.
func (q *Queue) Len() int {
	i, _ := q.Info()
	return i.Ready + i.Unacknowledged
}

// Messages are those of the queue: first the ready ones in the order in which they
// will be delivered, then the unacknowledged ones in the order in which they came.
// Nothing changes by looking at them. It ends the test if there is no such queue.
func (q *Queue) Messages(t testing.TB) []Message {
	t.Helper()
	var all []Message
	q.vhost.do(t, "messages of queue "+q.name, func(b *broker.Broker) error {
		found, err := b.Peek(q.vhost.name, q.name)
		for i := range found {
			all = append(all, queued(&found[i]))
		}
		return err
	})
	return all
}

// Consumers are those of the queue, in the order in which they came.
func (q *Queue) Consumers(t testing.TB) []broker.ConsumerInfo {
	t.Helper()
	var all []broker.ConsumerInfo
	q.vhost.do(t, "consumers of queue "+q.name, func(b *broker.Broker) (err error) {
		all, err = b.ConsumerInfos(q.vhost.name)
		return err
	})
	return slices.DeleteFunc(all, func(k broker.ConsumerInfo) bool { return k.Queue != q.name })
}

// Bindings are those that lead to the queue, but for that of the default exchange.
func (q *Queue) Bindings(t testing.TB) []broker.Binding {
	t.Helper()
	return slices.DeleteFunc(q.vhost.Bindings(t), func(d broker.Binding) bool {
		return d.ToExchange || d.Destination != q.name
	})
}

// Purge removes all ready messages.
func (q *Queue) Purge(t testing.TB) {
	t.Helper()
	q.vhost.do(t, "purge queue "+q.name, func(b *broker.Broker) error {
		_, err := b.PurgeQueue(q.vhost.name, q.name)
		return err
	})
}

// Publish publishes a message to the queue, through the default exchange.
func (q *Queue) Publish(t testing.TB, m Message) {
	t.Helper()
	m.Exchange, m.RoutingKey = "", q.name
	q.vhost.Publish(t, m)
}

// CancelConsumers ends the consumers of the queue, or with tags those that have
// one of them, by basic.cancel from the broker. What they have not acknowledged
// stays theirs.
func (q *Queue) CancelConsumers(t testing.TB, tags ...string) {
	t.Helper()
	if len(tags) == 0 {
		tags = []string{""}
	}
	for _, tag := range tags {
		q.vhost.do(t, "cancel consumers of queue "+q.name, func(b *broker.Broker) error {
			n, err := b.CancelConsumers(q.vhost.name, q.name, tag)
			if err == nil && n == 0 {
				err = errNoConsumer
			}
			return err
		})
	}
}

var errNoConsumer = errors.New("there is no such consumer")

// Wait waits until a condition holds, which is false as long as there is no such
// queue. want says in words what is waited for, should the test end for it.
func (q *Queue) Wait(t testing.TB, want string, holds func(broker.QueueInfo) bool) {
	t.Helper()
	q.vhost.broker.wait(t, want, func() (bool, string) {
		i, ok := q.Info()
		if !ok {
			return false, "no queue " + q.name
		}
		return holds(i), fmt.Sprintf("queue %s with %d ready, %s and %s", q.name, i.Ready,
			count(i.Unacknowledged, "unacknowledged message"), count(i.Consumers, "consumer"))
	})
}

// WaitMessages waits until the queue has at least n messages, ready or
// unacknowledged, and returns them.
func (q *Queue) WaitMessages(t testing.TB, n int) []Message {
	t.Helper()
	q.Wait(t, count(n, "message"), func(i broker.QueueInfo) bool { return i.Ready+i.Unacknowledged >= n })
	return q.Messages(t)
}

// WaitReady waits until exactly n messages are ready.
func (q *Queue) WaitReady(t testing.TB, n int) {
	t.Helper()
	q.Wait(t, count(n, "ready message"), func(i broker.QueueInfo) bool { return i.Ready == n })
}

// WaitUnacknowledged waits until exactly n messages are unacknowledged.
func (q *Queue) WaitUnacknowledged(t testing.TB, n int) {
	t.Helper()
	q.Wait(t, count(n, "unacknowledged message"), func(i broker.QueueInfo) bool { return i.Unacknowledged == n })
}

// WaitEmpty waits until the queue has no message, ready or unacknowledged.
func (q *Queue) WaitEmpty(t testing.TB) {
	t.Helper()
	q.Wait(t, "no message", func(i broker.QueueInfo) bool { return i.Ready+i.Unacknowledged == 0 })
}

// WaitConsumers waits until the queue has exactly n consumers.
func (q *Queue) WaitConsumers(t testing.TB, n int) {
	t.Helper()
	q.Wait(t, count(n, "consumer"), func(i broker.QueueInfo) bool { return i.Consumers == n })
}

// WaitGone waits until there is no such queue.
func (q *Queue) WaitGone(t testing.TB) {
	t.Helper()
	q.vhost.broker.wait(t, "no queue "+q.name, func() (bool, string) {
		_, there := q.Info()
		return !there, "queue " + q.name
	})
}
