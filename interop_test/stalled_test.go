package interop

import (
	"fmt"
	"runtime"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A consumer that does not read its socket holds nobody up and costs little:
// what it is not sent stays in its queue.
func TestConsumerThatDoesNotRead(t *testing.T) {
	const n, size = 20_000, 4096 // 80 MiB
	conn := dial(t)
	pub := publisher(t, conn)
	x := exchange(t, pub, "fanout")
	l := &line{}
	stalledConn := dialLine(t, l)
	stalled := consumerOf(t, open(t, stalledConn), bindShared(t, pub, x))
	liveQueue := bindShared(t, pub, x)
	live := consumerOf(t, open(t, dial(t)), liveQueue)

	putMessage(t, pub, x, "", pattern(size, 0))
	sameBody(t, receive(t, stalled.deliveries).Body, size, 0)
	sameBody(t, receive(t, live.deliveries).Body, size, 0)
	l.holdReads()
	before := heap()
	confirms := make([]*amqp.DeferredConfirmation, n)
	m := pattern(size, 1)
	for i := range confirms {
		var err error
		m.MessageId = fmt.Sprint(i)
		confirms[i], err = pub.PublishWithDeferredConfirmWithContext(t.Context(), x, "", false, false, m)
		must(t, err)
	}
	for i := range n { // the one that reads gets it all
		equal(t, "message", receive(t, live.deliveries).MessageId, fmt.Sprint(i))
	}
	for _, c := range confirms {
		confirmed(t, c)
	}
	counts := inspect(t, pub, stalled.queue)
	if counts.Messages < n/2 {
		t.Errorf("%d messages are ready, %d were sent to a consumer that does not read", counts.Messages, n-counts.Messages)
	}
	_, err := pub.QueuePurge(stalled.queue, false)
	must(t, err)
	if !external() {
		held := heap() - before
		if held > 32<<20 {
			t.Errorf("%d MiB are held for a consumer that does not read", held>>20)
		}
	}

	l.releaseReads() // it goes on where it was, in order
	for i := range n - counts.Messages {
		equal(t, "message", receive(t, stalled.deliveries).MessageId, fmt.Sprint(i))
	}
	put(t, pub, "", stalled.queue, "after")
	equal(t, "body", string(receive(t, stalled.deliveries).Body), "after")
}

// CTL-05, CHAN-13: a consumer that is cut off while it does not read gives
// everything back.
func TestConsumerThatDoesNotReadIsCut(t *testing.T) {
	const n = 2000
	pub := publisher(t, dial(t))
	x := exchange(t, pub, "fanout")
	q := bindShared(t, pub, x)
	l := &line{}
	conn := dialLine(t, l)
	_, err := open(t, conn).Consume(q, "", false, false, false, false, nil)
	must(t, err)
	l.holdReads()
	confirms := make([]*amqp.DeferredConfirmation, n)
	m := pattern(8192, 1)
	for i := range confirms {
		m.MessageId = fmt.Sprint(i)
		confirms[i], err = pub.PublishWithDeferredConfirmWithContext(t.Context(), x, "", false, false, m)
		must(t, err)
	}
	for _, c := range confirms {
		confirmed(t, c)
	}
	l.cut(t, conn)
	wantReady(t, pub, q, n)
	equal(t, "consumers", inspect(t, pub, q).Consumers, 0)
	for i := range n {
		d, ok, err := pub.Get(q, true)
		must(t, err)
		if !ok || d.MessageId != fmt.Sprint(i) {
			t.Fatalf("message %d: got %t %s", i, ok, d.MessageId)
		}
	}
}

// A publisher whose own returns and confirms nobody reads does not hold up others.
func TestPublisherThatDoesNotRead(t *testing.T) {
	const n = 5000
	l := &line{}
	conn := dialLine(t, l)
	deaf := publisher(t, conn)
	returns := deaf.NotifyReturn(make(chan amqp.Return, n))
	l.holdReads()
	sent := make(chan error, 1)
	go func() {
		m := pattern(2048, 1)
		for i := range n {
			m.MessageId = fmt.Sprint(i)
			if err := deaf.PublishWithContext(t.Context(), "", "nope", true, false, m); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	ch := publisher(t, dial(t))
	q := private(t, ch)
	for i := range 100 {
		put(t, ch, "", q, fmt.Sprint(i))
	}
	same(t, "messages", drain(t, ch, q), numbered("", 100))
	l.releaseReads()
	must(t, await(t, sent, "the publisher"))
	for i := range n {
		equal(t, "return", await(t, returns, "return %d", i).MessageId, fmt.Sprint(i))
	}
}

type consuming struct {
	queue      string
	deliveries <-chan amqp.Delivery
}

func consumerOf(t *testing.T, ch *amqp.Channel, queue string) consuming {
	t.Helper()
	deliveries, err := ch.Consume(queue, "", true, false, false, false, nil)
	must(t, err)
	return consuming{queue, deliveries}
}

// bindShared declares a queue bound to a fanout exchange.
func bindShared(t *testing.T, ch *amqp.Channel, x string) string {
	t.Helper()
	q := shared(t, ch)
	must(t, ch.QueueBind(q, "", x, false, nil))
	return q
}

// heap is what is in use after a collection, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
