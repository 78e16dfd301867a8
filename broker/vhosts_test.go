package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

func TestVhostsAreCreatedAndDeletedOnce(t *testing.T) {
	b := New(Options{Vhosts: []string{"/", "a", "a"}})
	for _, tt := range []struct {
		do   func(string) error
		name string
		want error
	}{
		{b.CreateVhost, "/", ErrVhostExists},
		{b.CreateVhost, "a", ErrVhostExists},
		{b.CreateVhost, "b", nil},
		{b.CreateVhost, "b", ErrVhostExists},
		{b.CreateVhost, "", nil},
		{b.CreateVhost, "a b/ä,\n", nil},
		{b.DeleteVhost, "c", ErrVhostNotFound},
		{b.DeleteVhost, "b", nil},
		{b.DeleteVhost, "b", ErrVhostNotFound},
		{b.DeleteVhost, "/", nil},
		{b.CreateVhost, "/", nil},
	} {
		if err := tt.do(tt.name); !errors.Is(err, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// CONN-25
func TestOnlyVhostsThatAreThereCanBeOpened(t *testing.T) {
	b := New(Options{Vhosts: []string{"a"}})
	refused := func(name string) {
		t.Helper()
		c := dial(t, b)
		c.Reach(amqptest.TuneOked, amqptest.Login{})
		c.SendMethods(0, &amqp.ConnectionOpen{VirtualHost: name})
		c.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - vhost "+name+" not found", (&amqp.ConnectionOpen{}).ID())
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
	}
	for _, name := range []string{"/", "", "A", "a/", "b"} {
		refused(name)
	}
	if err := b.CreateVhost("b"); err != nil {
		t.Fatal(err)
	}
	guestMay(t, b, "b")
	for _, name := range []string{"a", "b"} {
		connectAs(t, b, amqptest.Login{Vhost: name}, 1).declare("q")
	}
	if err := b.DeleteVhost("a"); err != nil {
		t.Fatal(err)
	}
	refused("a")
}

func TestVhostsAreSeparate(t *testing.T) {
	b := New(Options{Vhosts: []string{"a", "b"}})
	p, q := connectAs(t, b, amqptest.Login{Vhost: "a"}, 1), connectAs(t, b, amqptest.Login{Vhost: "b"}, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "x", Exclusive: true})
	q.do(1, &amqp.QueueDeclare{Queue: "x", AutoDelete: true})
	for _, c := range []*peer{p, q} {
		c.do(1, &amqp.QueueDeclare{Queue: "y"})
		c.do(1, &amqp.QueueBind{Queue: "y", Exchange: "amq.fanout"})
	}
	p.do(1, &amqp.ExchangeDeclare{Exchange: "e", Type: "topic"})
	q.do(1, &amqp.ExchangeDeclare{Exchange: "e", Type: "direct"})
	p.publish("x", "of a")
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "amq.fanout"}, amqp.BasicProperties{}, []byte("also"), 4096))
	p.sync()
	for _, queue := range []string{"x", "y"} {
		if body, _, _ := q.get(queue); body != "" {
			t.Errorf("%q of vhost a came to queue %s of vhost b", body, queue)
		}
	}
	if body, _, _ := p.get("x"); body != "of a" {
		t.Errorf("got %q", body)
	}
	if body, _, _ := p.get("y"); body != "also" {
		t.Errorf("got %q", body)
	}
	if m, ok := q.call(1, &amqp.QueueDeclare{Queue: "z", Passive: true}).(*amqp.ChannelClose); !ok ||
		m.ReplyText != "NOT_FOUND - no queue 'z' in vhost 'b'" {
		t.Errorf("got %+v", m)
	}
}

// CTL-08
func TestTheEndOfAVhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{Vhosts: []string{"/", "v"}})
		other := connect(t, b, 1)
		p, idle := connectAs(t, b, amqptest.Login{Vhost: "v"}, 1), connectAs(t, b, amqptest.Login{Vhost: "v"}, 0)
		p.declare("kept")
		p.publish("kept", "m")
		p.do(1, &amqp.QueueDeclare{Queue: "q", Exclusive: true})
		p.consume(1, "q", "t", false)
		if err := b.DeleteVhost("v"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*peer{p, idle} {
			c.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - vhost 'v' is deleted", 0)
			c.SendMethods(0, &amqp.ConnectionCloseOk{})
			c.ExpectEnd()
		}
		other.sync()
		if err := b.CreateVhost("v"); err != nil {
			t.Fatal(err)
		}
		guestMay(t, b, "v")
		again := connectAs(t, b, amqptest.Login{Vhost: "v"}, 1)
		for _, name := range []string{"kept", "q"} {
			if m, ok := again.do(1, &amqp.QueueDeclare{Queue: name}).(*amqp.QueueDeclareOk); !ok || m.MessageCount != 0 {
				t.Errorf("queue %s has %+v", name, m)
			}
		}
	})
}

// A consumer that wants to know is told first, since its queue has gone.
func TestConsumersHearOfTheEndOfTheirVhost(t *testing.T) {
	b := New(Options{})
	p := connectAs(t, b, amqptest.Login{Properties: amqp.Table{
		{Key: "capabilities", Value: amqp.Table{{Key: "consumer_cancel_notify", Value: true}}},
	}}, 1)
	p.declare("q")
	p.consume(1, "q", "t", true)
	if err := b.DeleteVhost("/"); err != nil {
		t.Fatal(err)
	}
	p.Expect(1, &amqp.BasicCancel{ConsumerTag: "t", NoWait: true})
	p.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - vhost '/' is deleted", 0)
}

func TestAVhostKnowsItsSessions(t *testing.T) {
	b := New(Options{})
	v := b.vhosts.get("/")
	known := func() int {
		v.mu.RLock()
		defer v.mu.RUnlock()
		return len(v.sessions)
	}
	p := connect(t, b, 1)
	if n := known(); n != 1 {
		t.Errorf("%d sessions of one connection", n)
	}
	p.Quit()
	if n := known(); n != 0 {
		t.Errorf("%d sessions of none", n)
	}
	v.empty()
	if err := v.join(&session{vhost: v}); err == nil {
		t.Error("a session has joined a vhost that is deleted")
	}
}

// While a vhost comes and goes, and clients with it, none stays in one that is
// deleted.
func TestVhostsComeAndGoWithTheirClients(t *testing.T) {
	b := New(Options{})
	stop := make(chan struct{})
	var clients, makers sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					useVhost(t, b)
				}
			}
		})
	}
	for range 2 {
		makers.Go(func() {
			for range 200 {
				if err := b.CreateVhost("v"); err != nil && !errors.Is(err, ErrVhostExists) {
					t.Error(err)
				}
				everything := Permission{"guest", "v", ".*", ".*", ".*"}
				if err := b.SetPermission(everything); err != nil && !errors.Is(err, ErrVhostNotFound) {
					t.Error(err)
				}
				runtime.Gosched()
				if err := b.DeleteVhost("v"); err != nil && !errors.Is(err, ErrVhostNotFound) {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	close(stop)
	clients.Wait() // each until its connection is closed by the broker
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// useVhost opens a connection to the vhost v, and works there until the broker
// ends it.
func useVhost(t *testing.T, b *Broker) {
	client, server := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.ServeConn(server)
	}()
	defer func() { <-ended }()
	defer client.Close()
	client.SetDeadline(time.Now().Add(patience))
	go func() {
		script := amqptest.Login{Vhost: "v"}.Bytes()
		script = amqp.AppendMethod(script, 1, &amqp.ChannelOpen{})
		script = amqp.AppendMethod(script, 1, &amqp.QueueDeclare{Queue: "q"})
		script = amqp.AppendMethod(script, 1, &amqp.BasicConsume{Queue: "q", NoAck: true})
		if _, err := client.Write(append(script, publishes(1, "q", numbered(0, 100)...)...)); err != nil {
			return
		}
	}()
	c := amqptest.New(t, client)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a connection stays in a vhost that is deleted")
			}
			return
		}
		if m, _ := amqp.DecodeMethod(f.Payload); f.Type == amqp.FrameMethod && m.ID() == (&amqp.ConnectionClose{}).ID() {
			_, _ = client.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}))
		}
	}
}
