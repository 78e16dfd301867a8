package amqp_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// What was left to the reader of a connection is not waited for when that has
// ended without it.
func TestSettlingDoesNotWaitForWhatIsNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		goOn := make(chan struct{})
		b.server.Trace.Closed = func(c *amqp.Conn, _ error) {
			c.Later(func() { t.Error("it is done") })
			<-goOn
		}
		c := b.open(t, amqptest.Login{}, 1)
		c.Close()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		settled := make(chan struct{})
		go func() {
			defer close(settled)
			b.server.Settle(ctx)
		}()
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		select {
		case <-settled:
		default:
			t.Error("it is waited for")
		}
		cancel()
		<-settled
	})
}
