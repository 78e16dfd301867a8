package interop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var (
	runID  = fmt.Sprintf("%d.%x", os.Getpid(), time.Now().UnixNano())
	serial atomic.Uint64
)

// unique returns a name that nothing else in the broker has.
func unique() string { return fmt.Sprintf("interop.%s.%d", runID, serial.Add(1)) }

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects, with heartbeats far enough apart to stay out of the way.
func dial(t testing.TB, options ...func(*amqp.Config)) *amqp.Connection {
	t.Helper()
	return dialURL(t, brokerURL, options...)
}

func dialURL(t testing.TB, url string, options ...func(*amqp.Config)) *amqp.Connection {
	t.Helper()
	c := amqp.Config{Heartbeat: time.Minute}
	for _, o := range options {
		o(&c)
	}
	conn, err := amqp.DialConfig(url, c)
	must(t, err)
	t.Cleanup(func() { closeConnection(t, conn) })
	return conn
}

// closeConnection closes what is still open; a connection that has ended
// already, or whose line was cut, is no failure.
func closeConnection(t testing.TB, conn *amqp.Connection) {
	t.Helper()
	if err := conn.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("close connection: %v", err)
	}
}

// open opens a channel on conn.
func open(t testing.TB, conn *amqp.Connection) *amqp.Channel {
	t.Helper()
	ch, err := conn.Channel()
	must(t, err)
	return ch
}

// publisher opens a channel in confirm mode: put needs one.
func publisher(t testing.TB, conn *amqp.Connection) *amqp.Channel {
	t.Helper()
	ch := open(t, conn)
	must(t, ch.Confirm(false))
	return ch
}

// channel opens a channel on a connection of its own.
func channel(t testing.TB) *amqp.Channel {
	t.Helper()
	return open(t, dial(t))
}

// private declares an exclusive queue.
func private(t testing.TB, ch *amqp.Channel) string {
	t.Helper()
	q, err := ch.QueueDeclare(unique(), false, false, true, false, nil)
	must(t, err)
	return q.Name
}

// shared declares a durable queue that any connection may use, until the end
// of the test.
func shared(t testing.TB, ch *amqp.Channel) string {
	t.Helper()
	q, err := ch.QueueDeclare(unique(), true, false, false, false, nil)
	must(t, err)
	t.Cleanup(func() { janitor.deleteQueue(t, q.Name) })
	return q.Name
}

// exchange declares an exchange of a type until the end of the test.
func exchange(t testing.TB, ch *amqp.Channel, kind string) string {
	t.Helper()
	name := unique()
	must(t, ch.ExchangeDeclare(name, kind, false, false, false, false, nil))
	t.Cleanup(func() { janitor.deleteExchange(t, name) })
	return name
}

// text makes a message of a body.
func text(body string) amqp.Publishing { return amqp.Publishing{Body: []byte(body)} }

// send publishes one message without waiting for anything.
func send(t testing.TB, ch *amqp.Channel, exchange, key string, m amqp.Publishing) {
	t.Helper()
	must(t, ch.PublishWithContext(t.Context(), exchange, key, false, false, m))
}

// put publishes bodies on a channel in confirm mode and returns when the broker
// has them all.
func put(t testing.TB, ch *amqp.Channel, exchange, key string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		putMessage(t, ch, exchange, key, text(b))
	}
}

func putMessage(t testing.TB, ch *amqp.Channel, exchange, key string, m amqp.Publishing) {
	t.Helper()
	d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), exchange, key, false, false, m)
	must(t, err)
	confirmed(t, d)
}

// confirmed waits for the broker's ack.
func confirmed(t testing.TB, d *amqp.DeferredConfirmation) {
	t.Helper()
	await(t, d.Done(), "the confirm of publish %d", d.DeliveryTag)
	if !d.Acked() {
		t.Fatalf("publish %d was not acked", d.DeliveryTag)
	}
}

// await receives from c within patience.
func await[T any](t testing.TB, c <-chan T, format string, args ...any) T {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case v := <-c:
		return v
	case <-timeout.C:
		t.Fatalf("waited %v for "+format, slices.Concat([]any{patience}, args)...)
		panic("unreachable")
	}
}

// receive takes the next delivery of a consumer.
func receive(t testing.TB, deliveries <-chan amqp.Delivery) amqp.Delivery {
	t.Helper()
	d := await(t, deliveries, "a delivery")
	if d.Acknowledger == nil {
		t.Fatal("consumer ended instead of a delivery")
	}
	return d
}

// receiveBodies takes the next n deliveries of a consumer.
func receiveBodies(t testing.TB, deliveries <-chan amqp.Delivery, n int) []string {
	t.Helper()
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = string(receive(t, deliveries).Body)
	}
	return bodies
}

// get fetches the next message of a queue, which must have one, unacked.
func get(t testing.TB, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	d, ok, err := ch.Get(queue, false)
	must(t, err)
	if !ok {
		t.Fatalf("queue is empty")
	}
	return d
}

// drain fetches and settles everything that is ready in a queue.
func drain(t testing.TB, ch *amqp.Channel, queue string) []string {
	t.Helper()
	bodies := []string{}
	for {
		d, ok, err := ch.Get(queue, true)
		must(t, err)
		if !ok {
			return bodies
		}
		bodies = append(bodies, string(d.Body))
	}
}

// inspect asks for a queue's counts.
func inspect(t testing.TB, ch *amqp.Channel, queue string) amqp.Queue {
	t.Helper()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	must(t, err)
	return q
}

// wantReady asks for the number of ready messages until it is n: an ack or a
// requeue is answered by nothing.
func wantReady(t testing.TB, ch *amqp.Channel, queue string, n int) {
	t.Helper()
	eventually(t, func() error {
		if q := inspect(t, ch, queue); q.Messages != n {
			return fmt.Errorf("%d messages are ready, want %d", q.Messages, n)
		}
		return nil
	})
}

// eventually repeats a check until it holds.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", patience, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// same compares what came with what was wanted.
func same[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// equal compares one value.
func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// numbered returns prefix0, prefix1 and so on.
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i)
	}
	return names
}
