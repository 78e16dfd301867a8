package broker

import (
	"context"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// lastWords is how long clients have to take note that the store has failed.
const lastWords = 300 * time.Millisecond

// Failed is closed when the store has failed: from then on nothing is confirmed,
// and all connections are closed. What remains is to call Shutdown, which
// returns the reason. Without a data directory it never happens.
func (b *Broker) Failed() <-chan struct{} { return b.failed.Done() }

// fail ends a broker that cannot keep what it is given any more. It does not
// wait.
func (b *Broker) fail(err error) {
	if b.failed.Err() != nil {
		return
	}
	b.options.Log.Error().Err(err).Str("data-dir", b.options.DataDir).
		Msg("the store has failed: nothing is confirmed any more and all connections are closed")
	b.giveUp(err)
	for _, c := range b.server.Conns() {
		c.Close(errFailed)
	}
}

var errFailed = amqp.InternalError.Errorf("the store has failed")

// unlessFailed is a context that ends with ctx, or shortly after the store has
// failed.
func (b *Broker) unlessFailed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.failed, func() { time.AfterFunc(lastWords, cancel) })
	return ctx, func() {
		stop()
		cancel()
	}
}
