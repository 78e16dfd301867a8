package brokertest

import (
	"errors"
	"net/url"
	"testing"

	"github.com/leveretmq/leveret/broker"
)

// Vhost is a virtual host of a broker.
type Vhost struct {
	broker *Broker
	name   string
}

// Of returns a virtual host, which may yet come.
func (b *Broker) Of(vhost string) *Vhost { return &Vhost{b, vhost} }

// URL is where clients connect to. With InProcess only Dial can.
func (v *Vhost) URL() string {
	o := v.broker.options
	user, password := o.DefaultUser, o.DefaultPass
	if user == "" {
		user, password = "guest", "guest"
	}
	u := url.URL{Scheme: "amqp", User: url.UserPassword(user, password), Host: v.broker.Addr()}
	return u.String() + "/" + url.PathEscape(v.name)
}

// Addr is the host and the port of the broker.
func (b *Broker) Addr() string {
	if b.listener == nil {
		return "in-process"
	}
	return b.listener.Addr().String()
}

// do calls f with what runs, and ends the test if that fails.
func (v *Vhost) do(t testing.TB, what string, f func(*broker.Broker) error) {
	t.Helper()
	err := errStopped
	if running := v.broker.Broker(); running != nil {
		err = f(running)
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// DeclareQueue declares a queue.
func (v *Vhost) DeclareQueue(t testing.TB, q broker.Queue) *Queue {
	t.Helper()
	v.do(t, "declare queue "+q.Name, func(b *broker.Broker) error { return b.DeclareQueue(v.name, q) })
	return v.Queue(q.Name)
}

// DeclareExchange declares an exchange.
func (v *Vhost) DeclareExchange(t testing.TB, x broker.Exchange) *Exchange {
	t.Helper()
	v.do(t, "declare exchange "+x.Name, func(b *broker.Broker) error { return b.DeclareExchange(v.name, x) })
	return v.Exchange(x.Name)
}

// Bind adds a binding.
func (v *Vhost) Bind(t testing.TB, d broker.Binding) {
	t.Helper()
	v.do(t, "bind "+d.Destination+" to "+d.Source, func(b *broker.Broker) error { return b.Bind(v.name, d) })
}

// Publish publishes a message to its exchange with its routing key. It ends the
// test if the message comes to no queue, or is refused by one.
func (v *Vhost) Publish(t testing.TB, m Message) {
	t.Helper()
	v.do(t, "publish", func(b *broker.Broker) error {
		p, err := m.properties()
		if err != nil {
			return err
		}
		routed, err := b.Publish(v.name, m.Exchange, m.RoutingKey, p, m.Body)
		if err == nil && !routed {
			err = errUnrouted
		}
		return err
	})
}

var errUnrouted = errors.New("the message comes to no queue")
