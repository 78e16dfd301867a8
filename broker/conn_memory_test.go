package broker_test

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// A client that publishes what is returned to it, and does not read, is not
// read any more before much has gathered. When it reads, nothing is missing.
func TestAFloodOfReturnsIsBounded(t *testing.T) {
	const messages, most = 100_000, 8 << 20
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := amqptest.New(t, r.connect())
		c.Open(amqptest.Login{})
		c.OpenChannel(1)
		one := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "nowhere", Mandatory: true}, amqp.BasicProperties{}, make([]byte, 100), 4096)
		before := heap()
		written := make(chan int, 1)
		go func() {
			n := 0
			for range messages {
				if _, err := c.Conn.Write(one); err != nil {
					break
				}
				n++
			}
			written <- n
		}()
		synctest.Wait()
		if grown := heap() - before; grown > most {
			t.Errorf("%d KiB for a client that does not read", grown>>10)
		}
		select {
		case <-written:
			t.Error("the broker has read everything")
		default:
		}
		r.check()
		for range messages {
			c.ExpectContent(1, &amqp.BasicReturn{ReplyCode: 312, ReplyText: "NO_ROUTE", RoutingKey: "nowhere"})
		}
		if n := <-written; n != messages {
			t.Errorf("%d messages were written", n)
		}
		c.Quit()
	})
}

// So is a client that asks for much in few bytes.
func TestAFloodOfGetsIsBounded(t *testing.T) {
	const messages, most = 5000, 8 << 20
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := amqptest.New(t, r.connect())
		c.Open(amqptest.Login{})
		c.OpenChannel(1)
		c.SendMethods(1, &amqp.QueueDeclare{Queue: "q", Exclusive: true}, &amqp.ConfirmSelect{})
		c.Expect(1, &amqp.QueueDeclareOk{Queue: "q"}, &amqp.ConfirmSelectOk{})
		for i := range uint64(messages) {
			c.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{}, make([]byte, 4000), 4096))
			c.Expect(1, &amqp.BasicAck{DeliveryTag: i + 1})
		}
		before := heap()
		var gets []byte
		for range messages {
			gets = amqp.AppendMethod(gets, 1, &amqp.BasicGet{Queue: "q"})
		}
		go c.Conn.Write(gets)
		synctest.Wait()
		if grown := heap() - before; grown > most {
			t.Errorf("%d KiB for a client that does not read", grown>>10)
		}
		r.check()
		for i := range uint64(messages) {
			c.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: i + 1, RoutingKey: "q", MessageCount: uint32(messages - 1 - i)})
		}
		c.Quit()
	})
}

// All the channels that a connection may have cost 8 MiB at most.
func TestMemoryOfAllChannels(t *testing.T) {
	const channels = 2047
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := amqptest.New(t, r.connect())
		c.Open(amqptest.Login{})
		before := heap()
		for id := range uint16(channels) {
			c.OpenChannel(id + 1)
		}
		if grown := heap() - before; grown > 8<<20 {
			t.Errorf("%d bytes a channel", grown/channels)
		}
		c.Quit()
	})
}

// A thousand clients that say nothing and as many that say little are gone
// after ten seconds, and have cost little.
func TestManySlowHandshakes(t *testing.T) {
	const clients, each = 1000, 64 << 10
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		login := amqptest.Login{}.Bytes()
		before, begin := heap(), time.Now()
		var all []*amqptest.Client
		var writers sync.WaitGroup
		for i := range 2 * clients {
			c := amqptest.New(t, r.connect())
			all = append(all, c)
			if i%2 == 0 {
				continue
			}
			writers.Go(func() {
				for i := range login {
					if _, err := c.Conn.Write(login[i : i+1]); err != nil {
						return
					}
					<-time.After(time.Second)
				}
			})
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		if grown := heap() - before; grown > 2*clients*each {
			t.Errorf("%d bytes a client", grown/clients/2)
		}
		r.check()
		for _, c := range all {
			for {
				if _, err := c.ReadFrame(); errors.Is(err, io.EOF) {
					break
				}
			}
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("gone after %v", d)
		}
		writers.Wait()
	})
}
