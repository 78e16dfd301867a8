package amqp_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// later counts an errand of the only connection when it is run.
func (b *backend) later(done *atomic.Int32) {
	for _, conn := range b.server.Conns() {
		conn.Later(func() { done.Add(1) })
	}
}

// Errands are run between two reads, wherever in a frame the reader is, and what
// is read stays whole.
func TestErrandsAreRunWhileAFrameComes(t *testing.T) {
	body := pattern(70_000)
	script := append(frames(1, body, 70_000), amqp.AppendMethod(nil, 1, &amqp.BasicQos{})...)
	const large = 10_000 // of a body that does not go through the buffer
	for _, at := range []int{0, 1, 7, 20, large, len(script) - 1, len(script)} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{}, 1)
			b.took()
			var done atomic.Int32
			c.Send(script[:at])
			synctest.Wait()
			b.later(&done)
			b.later(&done)
			synctest.Wait()
			if n := done.Load(); at != large && n != 2 {
				t.Errorf("%d of 2 errands are run after %d bytes", n, at)
			}
			c.Send(script[at:])
			b.pop(c, t, publishEvent(1, body), "basic.qos 1")
			synctest.Wait()
			b.later(&done)
			synctest.Wait()
			if n := done.Load(); n != 3 {
				t.Errorf("%d of 3 errands are run", n)
			}
			roundTrip(c, 1)
		})
	}
}

// Errands come in any number at any time, also from each other.
func TestErrandsOfManyAreAllRun(t *testing.T) {
	b := newBackend()
	c := b.open(t, amqptest.Login{}, 1)
	conn := b.server.Conns()[0]
	var done atomic.Int32
	const many, each = 4, 500
	finished := make(chan struct{})
	for range many {
		go func() {
			for range each {
				conn.Later(func() {
					conn.Later(func() {
						if done.Add(1) == many*each {
							close(finished)
						}
					})
				})
			}
		}()
	}
	for range 200 {
		roundTrip(c, 1)
	}
	select {
	case <-finished:
	case <-time.After(time.Minute):
		t.Errorf("%d of %d errands were run", done.Load(), many*each)
	}
	roundTrip(c, 1)
}

// CTL-03: they do not lengthen the time that a client has to answer a close, and
// take no close away.
func TestErrandsDoNotDelayTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		c.SendMethods(1, hardError)
		c.ExpectClose(0, amqp.NotAllowed, hardText, id(hardError))
		begin := time.Now()
		var done atomic.Int32
		for range 29 {
			<-time.After(time.Second)
			b.later(&done)
		}
		expectEndAmongHeartbeats(t, c)
		since(t, begin, 30*time.Second)
		if n := done.Load(); n != 29 {
			t.Errorf("%d errands were run", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		var done atomic.Int32
		b.later(&done)
		b.closeAll()
		b.later(&done)
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
	})
}
