package broker

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// open is a connection whose output the test reads itself, or does not.
func open(t *testing.T, b *Broker, login amqptest.Login) *amqptest.Client {
	t.Helper()
	client, server := net.Pipe()
	var served sync.WaitGroup
	served.Go(func() { b.ServeConn(server) })
	t.Cleanup(func() {
		client.Close()
		served.Wait()
	})
	c := amqptest.New(t, client)
	c.Open(login)
	c.OpenChannel(1)
	return c
}

// readSlowly reads n bytes, 64 KiB each tenth of a second.
func readSlowly(c net.Conn, n int) error {
	for piece := make([]byte, 64<<10); n > 0; {
		<-time.After(100 * time.Millisecond)
		got, err := c.Read(piece)
		if n -= got; err != nil {
			return err
		}
	}
	return nil
}

// A client that sends its heartbeats is not dropped for taking its time over a
// large message, whether that was delivered or is the answer to a basic.get.
func TestAClientMayReadALargeMessageSlowly(t *testing.T) { // HB-03, HB-04
	const size = 8 << 20
	for name, ask := range map[string]amqp.Method{
		"delivered": &amqp.BasicConsume{Queue: "q", ConsumerTag: "k", NoAck: true},
		"got":       &amqp.BasicGet{Queue: "q", NoAck: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Options{})
				c := open(t, b, amqptest.Login{Heartbeat: 1})
				c.SendMethods(1, &amqp.QueueDeclare{Queue: "q", NoWait: true})
				publish := &amqp.BasicPublish{RoutingKey: "q"}
				c.Send(amqptest.Publish(1, publish, amqp.BasicProperties{}, make([]byte, size), 131072))
				c.SendMethods(1, ask)

				var beating sync.WaitGroup
				stop := make(chan struct{})
				beating.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(500 * time.Millisecond):
							_, _ = c.Conn.Write(amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, nil))
						}
					}
				})
				if err := readSlowly(c.Conn, size); err != nil {
					t.Error(err)
				}
				close(stop)
				c.Conn.Close()
				beating.Wait()
			})
		})
	}
}

// A client that does not take its answers, and sends no heartbeats either,
// does not keep Shutdown waiting for ever.
func TestShutdownDoesNotWaitForAnswersToBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		c := open(t, b, amqptest.Login{})
		c.SendMethods(1, &amqp.QueueDeclare{Queue: "q", NoWait: true})
		publish := &amqp.BasicPublish{RoutingKey: "q"}
		for range 2 {
			c.Send(amqptest.Publish(1, publish, amqp.BasicProperties{}, make([]byte, 3<<20), 131072))
			c.SendMethods(1, &amqp.BasicGet{Queue: "q"})
		}
		begin := time.Now()
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 40*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
