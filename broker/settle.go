package broker

import (
	"context"
	"sync"
)

// Settle waits until the broker has done what timers have begun: letters and
// delayed messages have reached their queues, what is late has been closed. What
// connections cannot do, because of an alarm or because their clients do not
// read, it does not wait for, nor beyond ctx. It is for who moves Options.Clock.
func (b *Broker) Settle(ctx context.Context) {
	for worked := true; worked && ctx.Err() == nil; {
		b.server.Settle(ctx)
		worked = b.vhosts.undertaker.rest(ctx)
		if p := b.vhosts.pager; p != nil {
			worked = p.rest(ctx) || worked
		}
	}
}

// wakeAfter wakes those who wait for c when ctx ends, until what it returns is
// called.
func wakeAfter(ctx context.Context, c *sync.Cond) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		c.L.Lock()
		defer c.L.Unlock()
		c.Broadcast()
	})
}
