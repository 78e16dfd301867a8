package brokertest_test

import (
	"errors"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// dial connects within the process, for the time of the test.
func dial(t testing.TB, b *brokertest.Broker, change ...func(*amqp.Config)) *amqp.Connection {
	t.Helper()
	config := amqp.Config{Dial: b.Dial}
	for _, c := range change {
		c(&config)
	}
	conn, err := amqp.DialConfig(b.URL(), config)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // it may have ended
	return conn
}

func named(name string) func(*amqp.Config) {
	return func(c *amqp.Config) { c.Properties = amqp.Table{"connection_name": name} }
}

func channel(t testing.TB, conn *amqp.Connection) *amqp.Channel {
	t.Helper()
	ch, err := conn.Channel()
	must(t, err)
	return ch
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish publishes a body to a queue on a channel in confirm mode, and returns
// what becomes of it.
func publish(t testing.TB, ch *amqp.Channel, queue, body string) *amqp.DeferredConfirmation {
	t.Helper()
	d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte(body)})
	must(t, err)
	return d
}

// acked waits for a confirm.
func acked(t testing.TB, d *amqp.DeferredConfirmation) bool {
	t.Helper()
	ok, err := d.WaitContext(t.Context())
	must(t, err)
	return ok
}

func bodies(messages []brokertest.Message) (all []string) {
	for _, m := range messages {
		all = append(all, string(m.Body))
	}
	return all
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func TestClientsConnectByURLAndWithinTheProcess(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	conn, err := amqp.Dial(b.URL())
	must(t, err)
	defer conn.Close()
	dial(t, b, named("inside"))
	all := b.WaitConnections(t, 2)
	equal(t, "name", all[1].Name(), "inside")
	equal(t, "user", all[0].User(), "guest")
	equal(t, "vhost", all[0].Vhost(), "/")
}

func TestEachVirtualHostHasItsOwnQueues(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, brokertest.Vhosts("/", "a/b c"))
	for _, v := range []*brokertest.Vhost{b.Vhost, b.Of("a/b c")} {
		conn, err := amqp.Dial(v.URL())
		must(t, err)
		defer conn.Close()
		v.DeclareQueue(t, broker.Queue{Name: "q"}).Publish(t, brokertest.Message{Body: []byte(v.URL())})
		equal(t, "messages", bodies(v.Queue("q").Messages(t)), []string{v.URL()})
	}
}

func TestAMemoryBrokerForgetsAndADiskBrokerKeeps(t *testing.T) {
	t.Parallel()
	for _, onDisk := range []bool{false, true} {
		for name, end := range map[string]func(*brokertest.Broker, testing.TB){
			"restart": func(*brokertest.Broker, testing.TB) {},
			"stop":    (*brokertest.Broker).Stop,
			"kill":    (*brokertest.Broker).Kill,
		} {
			t.Run(fmt.Sprint(name, " ", onDisk), func(t *testing.T) {
				t.Parallel()
				var options []brokertest.Option
				if onDisk {
					options = append(options, brokertest.OnDisk())
				}
				b := brokertest.Start(t, options...)
				q := b.DeclareQueue(t, broker.Queue{Name: "q", Durable: true})
				ch := channel(t, dial(t, b))
				must(t, ch.Confirm(false))
				d, err := ch.PublishWithDeferredConfirm("", "q", false, false,
					amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("kept")})
				must(t, err)
				equal(t, "confirmed", acked(t, d), true)
				q.Publish(t, brokertest.Message{Body: []byte("transient")})
				end(b, t)
				b.Restart(t)
				_, there := q.Info()
				equal(t, "there is a queue", there, onDisk)
				if onDisk {
					equal(t, "messages", bodies(q.Messages(t)), []string{"kept"})
				}
				dial(t, b)
			})
		}
	}
}

func TestNobodyConnectsToAStoppedBroker(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	conn := dial(t, b)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	b.Stop(t)
	if e := <-closed; e == nil || e.Code != amqp.ConnectionForced {
		t.Errorf("the client was told %v, want 320", e)
	}
	if _, err := amqp.Dial(b.URL()); err == nil {
		t.Error("somebody could connect by TCP")
	}
	if _, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: b.Dial}); err == nil {
		t.Error("somebody could connect within the process")
	}
	url := b.URL()
	b.Restart(t)
	equal(t, "URL", b.URL(), url)
	conn, err := amqp.Dial(url)
	must(t, err)
	must(t, conn.Close())
}

func TestWrongPasswordsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	_, err := amqp.Dial("amqp://guest:wrong@" + b.Addr() + "/")
	if !errors.Is(err, amqp.ErrCredentials) {
		t.Errorf("got %v", err)
	}
}
