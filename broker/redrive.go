package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// ErrQueueNotFound is the error of Redrive for a queue that is not there.
var ErrQueueNotFound = errors.New("queue does not exist")

// RedriveOptions say which messages Redrive moves, and where to. By default all
// of them go back to where they died last.
type RedriveOptions struct {
	// Exchange is where messages go; nil: each goes to the queue in which it died
	// last, and no other one, as if it had just been published as it once was.
	// Those that have not died stay.
	Exchange *string

	// RoutingKey is by which they go to Exchange. Default: the one that each has.
	RoutingKey string

	// Count is how many messages are looked at, at the head of the queue.
	// Default: all that are ready when Redrive begins.
	Count int

	// Rate is how many messages move in a second. Default: as many as can.
	Rate float64
}

// Redrive moves messages from one queue, such as one for dead letters, to where
// they came from, or to an exchange, and returns how many. Each is removed
// together with its arrival, as one unit: none is lost or doubled, whatever
// happens. What leads nowhere, or is refused by the queue that it comes to, stays,
// as if a consumer had requeued it. When it returns, all is durable that is to
// be.
//
// It ends early with the error of ctx. Other errors are ErrVhostNotFound and
// ErrQueueNotFound.
func (b *Broker) Redrive(ctx context.Context, vhost, queue string, o RedriveOptions) (moved int, err error) {
	q, err := b.queue(vhost, queue)
	if err != nil {
		return 0, err
	}
	r := redrive{queue: q, options: o}
	defer r.giveBack()
	if err := r.all(ctx); err != nil {
		return r.moved, err
	}
	return r.moved, q.vhost.wait(r.last)
}

// redrive is one that goes on.
type redrive struct {
	queue   *queue
	options RedriveOptions
	taken   []entry // of this step
	kept    []entry // that go back at the end
	moved   int
	last    storage.Group
}

// all moves messages, step by step.
func (r *redrive) all(ctx context.Context) error {
	left, _ := r.queue.counts()
	if r.options.Count > 0 {
		left = min(left, r.options.Count)
	}
	for left > 0 {
		if err := r.queue.awaitHead(); err != nil {
			return err
		}
		r.take(min(left, r.most()))
		if len(r.taken) == 0 {
			return nil // others have taken them
		}
		n := len(r.taken)
		left -= n
		r.step()
		if err := r.pause(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// most is how many messages move at once: all of a tenth of a second.
func (r *redrive) most() int {
	if r.options.Rate <= 0 {
		return burialLen
	}
	return max(1, int(min(r.options.Rate/10, burialLen)))
}

// pause waits as long as n messages take.
func (r *redrive) pause(ctx context.Context, n int) error {
	if r.options.Rate <= 0 {
		return ctx.Err()
	}
	enough := time.NewTimer(time.Duration(float64(n) / r.options.Rate * float64(time.Second)))
	defer enough.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-enough.C:
		return ctx.Err()
	}
}

// take takes messages at the head, as a consumer does.
func (r *redrive) take(n int) {
	q := r.queue
	q.enter()
	defer q.leave()
	r.taken = r.taken[:0]
	for len(r.taken) < n && q.ready.available() > 0 {
		r.taken = append(r.taken, q.ready.pop())
	}
	q.relieve()
	q.balance()
}

// step is the unit in which messages arrive and are removed.
func (r *redrive) step() {
	q, v := r.queue, r.queue.vhost
	var size int64
	for i := range r.taken {
		size += int64(r.taken[i].size)
	}
	if v.store != nil {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	v.begin()
	defer func() { r.last = v.end() }()
	f := forwarding{vhost: v, keeps: true}
	moved := r.taken[:0]
	for i := range r.taken {
		if e := r.taken[i]; r.send(&f, e.message) {
			moved = append(moved, e)
		} else {
			r.kept = append(r.kept, e)
		}
	}
	f.flush()
	for i, n := range f.refused { // all that were sent are in moved
		r.kept = append(r.kept, moved[n-i])
		moved = slices.Delete(moved, n-i, n-i+1)
	}
	r.moved += len(moved)
	q.mu.Lock()
	defer q.mu.Unlock()
	s := settling{queue: q}
	for i := range moved {
		if !q.deleted {
			s.join(&moved[i])
		}
	}
	s.end()
}

// send hands a message on; false if it leads nowhere.
func (r *redrive) send(f *forwarding, m *message) bool {
	p := parcel{origin: m.origin, content: m.content, traits: traitsOf(m.content.Properties())}
	if x := r.options.Exchange; x != nil {
		p.origin = &origin{exchange: *x, key: m.key}
		if r.options.RoutingKey != "" {
			p.origin.key = r.options.RoutingKey
		}
		found, _ := f.add(&p, nil)
		return found
	}
	queue, o := lastDeath(m.content.Properties())
	to := f.vhost.named([]string{queue})
	if o == nil || len(to) == 0 {
		return false
	}
	p.origin = o
	f.send(&p, to)
	return true
}

// lastDeath is where a message died last and how it had been published; nil if
// it has not, or that cannot be told.
func lastDeath(p amqp.Properties) (queue string, o *origin) {
	headers, _, _ := p.Headers()
	v, _ := headers.Get("x-death")
	deaths, _ := v.(amqp.Array)
	if len(deaths) == 0 {
		return "", nil
	}
	death, _ := deaths[0].(amqp.Table)
	v, _ = death.Get("routing-keys")
	keys, _ := v.(amqp.Array)
	if len(keys) == 0 {
		return "", nil
	}
	o = &origin{exchange: field(death, "exchange")}
	o.key, _ = keys[0].(string)
	if len(o.exchange) > 255 || len(o.key) > 255 { // no text of ours
		return "", nil
	}
	return field(death, "queue"), o
}

// giveBack returns what has not moved.
func (r *redrive) giveBack() {
	q := r.queue
	q.enter()
	defer q.leave()
	if q.deleted {
		return
	}
	for _, e := range r.kept {
		q.ready.giveBack(e)
	}
	q.dispatch()
}
