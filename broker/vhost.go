package broker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
	"github.com/leveretmq/leveret/storage"
)

// vhost is a virtual host: the names of exchanges and queues, and bindings.
type vhost struct {
	name       string         // immutable
	log        zerolog.Logger // likewise
	store      *storage.DB    // likewise; nil: nothing is kept
	pager      *pager         // likewise; nil: nothing leaves memory
	undertaker *undertaker    // likewise
	access     *access        // likewise
	parameters *parameters    // likewise
	clock      amqp.Clock     // likewise
	id         uint64         // likewise; in the store, 0 if it is not there

	defaultType string // immutable; of queues, unless metadata have one

	patience time.Duration // immutable; that consumers have to settle a delivery, negative: all the time

	failed context.Context // immutable; ends when the store has failed

	// generation changes with every change of what a publish may reach, and of who
	// may publish: the topology under mu, permissions under access.mu. It does so
	// after the change, or before the lock is released. Who looks for a route
	// reads it before, so what is remembered is at worst too old already.
	generation atomic.Uint64

	// changed is the last group that changes what of the topology is stored;
	// it changes under mu.
	changed atomic.Uint64

	mu        rwLock // guards what follows and all bindings; above every queue.mu
	exchanges map[string]*namedExchange
	queues    map[string]*queue
	policies  policies
	metadata  VhostMetadata
	sessions  map[*session]struct{} // of the connections to it
	limits    limits
	limitsID  uint64 // in the store, 0 if they are not there
	deleted   bool   // no session may join

	metadataID uint64 // in the store, 0 if they are not there

	replies replies // has a lock of its own
}

// newVhost returns a vhost with the exchanges that are always there (EXCH-01).
func newVhost(name string, log zerolog.Logger) *vhost {
	v := &vhost{
		name: name, log: log, clock: amqp.RealClock, exchanges: map[string]*namedExchange{}, queues: map[string]*queue{},
		sessions: map[*session]struct{}{},
	}
	for _, x := range []namedExchange{
		{name: "amq.direct", kind: exchange.Direct},
		{name: "amq.fanout", kind: exchange.Fanout},
		{name: "amq.topic", kind: exchange.Topic},
		{name: "amq.headers", kind: exchange.Headers},
		{name: "amq.match", kind: exchange.Headers},
		{name: "amq.rabbitmq.trace", kind: exchange.Topic, internal: true},
	} {
		x.durable = true
		v.addExchange(&x)
	}
	return v
}

// now is the time in milliseconds since 1970.
func (v *vhost) now() int64 { return v.clock.Now().UnixMilli() }

func (q *queue) now() int64 { return q.vhost.now() }

// queue returns the queue with a name that the session may use (QDEC-14).
func (v *vhost) queue(name string, s *session) (*queue, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	q := v.queues[name]
	if q == nil {
		return nil, noQueue(name, v)
	}
	if err := q.lockedFor(s); err != nil {
		return nil, err
	}
	return q, nil
}

// addQueue makes a queue known. v.mu is held.
func (v *vhost) addQueue(q *queue) {
	v.queues[q.name] = q
	if q.owner != nil {
		q.owner.exclusive[q] = struct{}{}
	}
	v.generation.Add(1)
}

// exclusiveQueues are those that belong to a session.
func (v *vhost) exclusiveQueues(s *session) []*queue {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []*queue
	for q := range s.exclusive {
		all = append(all, q)
	}
	return all
}

// errKept stops a deletion that is no longer called for.
var errKept = amqp.PreconditionFailed.Errorf("in use")

// remains is what a queue had when it was deleted.
type remains struct {
	messages  int // that were ready
	consumers []*consumer
	dying     []parting
}

// cancel ends the consumers of the deleted queue.
func (r remains) cancel() {
	for _, k := range r.consumers {
		k.channel.cancelled(k)
	}
}

// deleteQueue removes a queue with its bindings, if the condition, which is
// called with q.mu held, has no error. The caller ends its consumers. What was
// dying in it is handed on before, as far as there are queues for it: batch by
// batch, as long as the condition holds. What was ready or not settled is gone.
func (v *vhost) deleteQueue(q *queue, condition func(*queue) error) (gone remains, err error) {
	q.moving.Lock()
	defer q.moving.Unlock()
	var b burial
	hurry := sync.OnceFunc(q.hurry)
	for {
		gone, err = b.deleteQueue(q, func(q *queue) error {
			if err := condition(q); err != nil || q.deleted {
				return err
			}
			hurry()
			return q.dying.mayEnd()
		})
		if !errors.Is(err, errDying) {
			return gone, err
		}
		b.bury(q)
	}
}

// deleteQueue does it if few are dying: those are handed on in the same unit.
func (b *burial) deleteQueue(q *queue, condition func(*queue) error) (gone remains, err error) {
	v := q.vhost
	if v.store != nil {
		v.store.Reserve(burialSize)
		defer v.store.Release(burialSize)
	}
	v.begin()
	defer v.end()
	v.mu.Lock()
	gone, err = v.removeQueue(q, condition)
	v.mu.Unlock()
	b.batch = gone.dying
	b.send(v, q.letters())
	return gone, err
}

// removeQueue does it in the unit of the caller, who holds v.mu.
func (v *vhost) removeQueue(q *queue, condition func(*queue) error) (remains, error) {
	q.mu.Lock()
	if err := condition(q); err != nil || q.deleted {
		q.mu.Unlock()
		return remains{}, err
	}
	dying := q.endDying()
	gone := remains{q.empty(), slices.Clone(q.consumers), dying}
	q.dropConsumers(func(*consumer) bool { return true })
	q.deleted = true
	q.still()
	v.forgetQueue(q)
	q.mu.Unlock()
	delete(v.queues, q.name)
	if q.owner != nil {
		delete(q.owner.exclusive, q)
	}
	v.unbindAll(q)
	v.generation.Add(1)
	return gone, nil
}
