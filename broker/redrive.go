package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// Errors of Redrive.
var (
	ErrQueueNotFound = errors.New("queue does not exist")
	ErrRedriveStuck  = errors.New("too many messages lead nowhere")
)

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

	// Progress, unless it is nil, is told now and then how many messages were
	// looked at, of how many.
	Progress func(done, total int)
}

// Redrive moves messages from one queue, such as one for dead letters, to where
// they came from, or to an exchange, and returns how many. Each is removed
// together with its arrival, as one unit: none is lost or doubled, whatever
// happens. What leads nowhere, or is refused by the queue that it comes to, stays
// where it was; nobody gets it before Redrive returns. Then all is durable that
// is to be.
//
// It ends early with the error of ctx, or with ErrRedriveStuck when it has found
// 64 MiB of messages that stay. Other errors are ErrVhostNotFound and
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
	burial
	queue   *queue
	options RedriveOptions
	kept    []entry // that go back at the end
	size    int     // of those
	moved   int
	until   uint64 // seq of the last message that there was at the beginning
}

// mostKept bounds the bytes of what has not moved.
const mostKept = 64 << 20

// all moves messages, step by step.
func (r *redrive) all(ctx context.Context) error {
	left := r.begin()
	for total := left; left > 0 && ctx.Err() == nil; {
		n, err := r.step(min(left, r.most()))
		if n == 0 || err != nil {
			return err // others may have taken them
		}
		if r.size > mostKept {
			return ErrRedriveStuck
		}
		left -= n
		if r.options.Progress != nil {
			r.options.Progress(total-left, total)
		}
		r.pause(ctx, n)
	}
	return ctx.Err()
}

// begin tells how many messages are to be looked at.
func (r *redrive) begin() (n int) {
	q := r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	r.until, n = q.lastSeq, q.ready.len()
	if r.options.Count > 0 {
		n = min(n, r.options.Count)
	}
	return n
}

// isNew tells whether the first message, if there is one, has come since the
// beginning, and so may have been moved already. Where priorities have new ones
// come first, all that bounds is how many there were.
func (r *redrive) isNew() bool {
	l := &r.queue.ready
	it, ok := l.first()
	return ok && it.Seq > r.until && l.prioritized == nil
}

// most is how many messages move at once: all of a tenth of a second.
func (r *redrive) most() int {
	if r.options.Rate <= 0 {
		return burialLen
	}
	return max(1, int(min(r.options.Rate/10, burialLen)))
}

// pause waits as long as n messages take.
func (r *redrive) pause(ctx context.Context, n int) {
	if r.options.Rate <= 0 {
		return
	}
	enough := make(chan struct{})
	t := r.queue.vhost.clock.AfterFunc(time.Duration(float64(n)/r.options.Rate*float64(time.Second)), func() { close(enough) })
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-enough:
	}
}

// step moves messages at the head, n of which it has looked at, or had expired.
func (r *redrive) step(most int) (n int, err error) {
	q := r.queue
	q.moving.Lock()
	defer q.moving.Unlock()
	died := r.take(most)
	stay, err := r.move(q, r.errand)
	if err != nil {
		q.unreadable(err)
		return 0, fmt.Errorf("%s cannot be read: %w", q.text(), err)
	}
	for _, i := range stay {
		r.kept = append(r.kept, r.batch[i].entry())
		r.size += int(r.batch[i].Size)
	}
	r.moved += len(r.batch) - len(stay)
	return len(r.batch) + died, nil
}

// take takes messages at the head that have not expired, and tells how many have.
func (r *redrive) take(most int) (died int) {
	q := r.queue
	q.enter()
	defer q.leave()
	r.batch = r.batch[:0]
	for size := 0; len(r.batch)+died < most && size < burialSize && !q.deleted; {
		before := q.ready.len()
		alive := q.expire()
		if died += before - q.ready.len(); !alive {
			q.leave()
			q.enter()
			continue
		}
		if q.ready.len() == 0 || r.isNew() {
			break
		}
		s := q.ready.dropFirst()
		size += int(s.Size)
		r.batch = append(r.batch, parting{stowed: s})
	}
	q.relieve()
	q.balance()
	return died
}

// errand is where a message goes: nowhere if that cannot be told.
func (r *redrive) errand(p *parting) errand {
	m := p.message
	e := errand{parcel: parcel{origin: m.origin, content: m.content, traits: traitsOf(m.content.Properties())}, keeps: true}
	if x := r.options.Exchange; x != nil {
		e.origin = &origin{exchange: *x, key: cmp.Or(r.options.RoutingKey, m.key)}
		return e
	}
	name, o := lastDeath(m.content.Properties())
	if e.to = []*queue{}; o != nil {
		e.origin, e.to = o, append(e.to, r.queue.vhost.named([]string{name})...)
	}
	return e
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
	q.ready.putFirst(r.kept)
	q.dispatch()
}
