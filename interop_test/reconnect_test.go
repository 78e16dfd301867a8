package interop

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// CTL-05, QDEC-19: the client's own recovery finds everything free again and
// declares it: exchange, exclusive queue, binding, prefetch, consumer.
func TestClientRecoversAfterACut(t *testing.T) {
	var current atomic.Pointer[line]
	conn := dial(t, func(c *amqp.Config) {
		c.Recovery = &amqp.Recovery{ReconnectionConfig: &amqp.ReconnectionConfig{
			MaxRetryCount: 20, RetryInterval: 10 * time.Millisecond,
		}}
		c.Dial = func(network, addr string) (net.Conn, error) {
			l := &line{}
			current.Store(l)
			return l.dial(network, addr)
		}
	})
	ch := open(t, conn)
	x, q := unique(), unique()
	must(t, ch.ExchangeDeclare(x, "topic", false, true, false, false, nil))
	_, err := ch.QueueDeclare(q, false, false, true, false, nil)
	must(t, err)
	must(t, ch.QueueBind(q, "a.#", x, false, nil))
	must(t, ch.Qos(5, 0, false))
	deliveries, err := ch.Consume(q, "tag", false, false, false, false, nil)
	must(t, err)

	pub := publisher(t, dial(t))
	for i := range 3 {
		put(t, pub, x, "a.b", fmt.Sprint(i))
		d := receive(t, deliveries)
		equal(t, "body", string(d.Body), fmt.Sprint(i))
		must(t, d.Ack(false))

		states := make(chan *amqp.StateChanged, 10)
		conn.NotifyStateChange(states)
		must(t, current.Load().Close())
		for {
			if s := await(t, states, "the client to recover"); s.To == amqp.StateOpen {
				break
			}
		}
		pub = publisher(t, dial(t)) // the exchange may have gone for a moment
	}
}

// CTL-05, CHAN-13, ACK-12: consumers are cut off again and again, some of their
// acks on the way. Every message is seen, and seen twice only as redelivered.
func TestNothingIsLostWhenConsumersAreCut(t *testing.T) {
	const n = 3000
	conn := dial(t)
	pub := publisher(t, conn)
	q := shared(t, pub)
	seen := make([]atomic.Int64, n)
	var consumers sync.WaitGroup
	var left atomic.Int64
	left.Store(n)
	for range 4 {
		consumers.Go(func() {
			for life := 1; left.Load() > 0; life++ {
				if err := shortLife(q, life*7%50, seen, &left); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range n {
		send(t, pub, "", q, text(fmt.Sprint(i)))
	}
	consumers.Wait()
	eventually(t, func() error { // the last who were cut give back what they held
		for d, ok, err := pub.Get(q, true); ok || err != nil; d, ok, err = pub.Get(q, true) {
			must(t, err)
			count(d, seen, &left)
		}
		if c := inspect(t, pub, q); c.Messages+c.Consumers > 0 {
			return fmt.Errorf("queue still has %+v", c)
		}
		return nil
	})
	for i := range seen {
		if seen[i].Load() == 0 {
			t.Fatalf("message %d never came", i)
		}
	}
}

// shortLife consumes and acks some messages and cuts its connection with more
// of them at hand.
func shortLife(queue string, messages int, seen []atomic.Int64, left *atomic.Int64) error {
	l := &line{}
	conn, err := amqp.DialConfig(brokerURL, amqp.Config{Dial: l.dial, Heartbeat: time.Minute})
	if err != nil {
		return err
	}
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	defer func() {
		_ = l.Close()
		for range closed { // until the client has noticed
		}
	}()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(20, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for range messages {
		select {
		case d := <-deliveries:
			if before := count(d, seen, left); before && !d.Redelivered {
				return fmt.Errorf("message %s came again and is not redelivered", d.Body)
			}
			if err := d.Ack(false); err != nil {
				return err
			}
		case <-time.After(10 * time.Millisecond): // others have the rest
			return nil
		}
	}
	return nil
}

// count notes a delivery and tells whether it had come before.
func count(d amqp.Delivery, seen []atomic.Int64, left *atomic.Int64) (before bool) {
	var i int
	if _, err := fmt.Sscan(string(d.Body), &i); err != nil {
		panic(err)
	}
	if seen[i].Add(1) > 1 {
		return true
	}
	left.Add(-1)
	return false
}

// CHAN-22, QOP-10, EXCH-27: queues and bindings come and go under traffic. The
// queue that stays gets each message once and in order.
func TestTopologyChangesUnderTraffic(t *testing.T) {
	n := 3000
	if raced {
		n = 1000
	}
	for _, kind := range []string{"direct", "fanout", "topic", "headers"} {
		t.Run(kind, func(t *testing.T) {
			pub := publisher(t, dial(t))
			x := exchange(t, pub, kind)
			stays := private(t, pub)
			must(t, pub.QueueBind(stays, "k", x, false, nil))
			done := make(chan struct{})
			var visitors sync.WaitGroup
			for range 4 {
				conn := dial(t)
				visitors.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						if err := visit(conn, x); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			confirms := make([]*amqp.DeferredConfirmation, n)
			for i := range n {
				var err error
				confirms[i], err = pub.PublishWithDeferredConfirmWithContext(t.Context(), x, "k", true, false, text(fmt.Sprint(i)))
				must(t, err)
			}
			for _, c := range confirms {
				confirmed(t, c)
			}
			close(done)
			visitors.Wait()
			got := drain(t, pub, stays)
			if !slices.Equal(got, numbered("", n)) {
				t.Errorf("the queue that stays has %d messages, want 0 to %d in order", len(got), n-1)
			}
		})
	}
}

// visit binds a queue, consumes from it, and takes it away again.
func visit(conn *amqp.Connection, x string) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	q, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return err
	}
	for _, args := range []amqp.Table{nil, {"x-match": "any", "a": "b"}} {
		if err := ch.QueueBind(q.Name, "k", x, false, args); err != nil {
			return err
		}
	}
	deliveries, err := ch.Consume(q.Name, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	select {
	case d := <-deliveries:
		err = d.Ack(false)
	case <-time.After(time.Millisecond):
	}
	if err != nil {
		return err
	}
	if err := ch.QueueUnbind(q.Name, "k", x, nil); err != nil {
		return err
	}
	if _, err := ch.QueueDelete(q.Name, false, false, false); err != nil {
		return err
	}
	return ch.Close()
}
