package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Errors of CreateVhost and DeleteVhost.
var (
	ErrVhostExists   = errors.New("vhost already exists")
	ErrVhostNotFound = errors.New("vhost does not exist")
)

// vhosts are the virtual hosts of a broker. They know nothing of each other.
type vhosts struct {
	log        zerolog.Logger  // immutable
	store      *storage.DB     // likewise; nil: nothing is kept
	pager      *pager          // likewise; nil: nothing leaves memory
	undertaker *undertaker     // likewise
	access     *access         // likewise
	parameters *parameters     // likewise
	clock      amqp.Clock      // likewise
	failed     context.Context // likewise; ends when the store has failed

	patience    time.Duration // likewise; see vhost
	defaultType string        // likewise
	changed     func()        // likewise; see Options.Changed

	mu     sync.Mutex // guards byName; held alone
	byName map[string]*vhost
}

// make returns a vhost that nobody knows yet.
func (vs *vhosts) make(name string) *vhost {
	v := newVhost(name, vs.log)
	v.store, v.pager, v.undertaker, v.access = vs.store, vs.pager, vs.undertaker, vs.access
	v.parameters, v.defaultType = vs.parameters, vs.defaultType
	v.failed, v.patience, v.clock = vs.failed, vs.patience, vs.clock
	v.mu.changed = vs.changed
	return v
}

// add makes a vhost with a name, nil if there is one.
func (vs *vhosts) add(name string) *vhost {
	v := vs.make(name)
	v.begin()
	defer v.end()
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.byName[name] != nil {
		return nil
	}
	if vs.store != nil {
		v.keepVhost()
	}
	vs.put(v)
	return v
}

// put makes a vhost known. vs.mu is held, or vs is new.
func (vs *vhosts) put(v *vhost) {
	if vs.byName == nil {
		vs.byName = map[string]*vhost{}
	}
	vs.byName[v.name] = v
}

// eachQueue calls f with all queues there are, those of delayed exchanges
// included, and no lock held.
func (vs *vhosts) eachQueue(f func(*queue)) {
	for _, v := range vs.all() {
		v.mu.RLock()
		queues := slices.Collect(maps.Values(v.queues))
		for _, x := range v.exchanges {
			if x.waiting != nil {
				queues = append(queues, x.waiting)
			}
		}
		v.mu.RUnlock()
		for _, q := range queues {
			f(q)
		}
	}
}

// names are those of all vhosts, in order.
func (vs *vhosts) names() []string {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return slices.Sorted(maps.Keys(vs.byName))
}

// all are those that there are now.
func (vs *vhosts) all() []*vhost {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return slices.Collect(maps.Values(vs.byName))
}

// get returns the vhost with a name, nil if there is none.
func (vs *vhosts) get(name string) *vhost {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.byName[name]
}

// remove takes a vhost out, with all that is in it; nil if there is none. What
// is to be closed or cancelled is returned.
func (vs *vhosts) remove(name string) (v *vhost, left leftovers) {
	if v = vs.get(name); v == nil {
		return nil, left
	}
	v.begin() // before another one can get the name
	defer v.end()
	vs.mu.Lock()
	if vs.byName[name] != v {
		vs.mu.Unlock()
		return nil, left
	}
	delete(vs.byName, name)
	vs.mu.Unlock()
	return v, v.empty()
}

// CreateVhost adds a virtual host, whose name may be anything. The error is
// ErrVhostExists if there is one with that name.
func (b *Broker) CreateVhost(name string) error {
	v := b.vhosts.add(name)
	if v == nil {
		return fmt.Errorf("%w: '%s'", ErrVhostExists, name)
	}
	b.options.Log.Info().Str("vhost", name).Msg("vhost created")
	return v.awaitTopology()
}

// DeleteVhost removes a virtual host with all that is in it, and closes its
// connections (CTL-08). The error is ErrVhostNotFound if there is none with
// that name.
func (b *Broker) DeleteVhost(name string) error {
	v, left := b.vhosts.remove(name)
	if v == nil {
		return fmt.Errorf("%w: '%s'", ErrVhostNotFound, name)
	}
	for _, r := range left.queues {
		r.cancel()
	}
	for _, s := range left.sessions {
		s.conn.Close(amqp.ConnectionForced.Errorf("vhost '%s' is deleted", v.name))
	}
	b.options.Log.Info().Str("vhost", name).Msg("vhost deleted")
	return v.awaitTopology()
}

// join enters a session, unless the vhost is deleted, or a limit or permissions are
// against it, in RabbitMQ's order (LIM-07).
func (v *vhost) join(s *session) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted {
		return vhostNotFound(v.name)
	}
	if limit, over := v.limits.reached(maxConnections, len(v.sessions)); over { // LIM-01
		return amqp.NotAllowed.Errorf("access to vhost '%s' refused for user '%s': connection limit (%d) is reached",
			v.name, s.name, limit)
	}
	if err := v.access.admit(s); err != nil {
		return err
	}
	v.sessions[s] = struct{}{}
	return nil
}

// vhostNotFound is CONN-25.
func vhostNotFound(name string) error { return amqp.NotAllowed.Errorf("vhost %s not found", name) }

func (v *vhost) leave(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s)
	v.access.dismiss(s)
}

// leftovers are what others have of a vhost that was deleted.
type leftovers struct {
	queues   []remains
	sessions []*session
}

// empty ends a vhost that nobody can find any more, but for what others have of
// it. A unit is open. It does not wait for who moves messages of its queues: they
// find these deleted.
func (v *vhost) empty() (left leftovers) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, q := range v.queues {
		gone, _ := v.removeQueue(q, func(*queue) error { return nil })
		left.queues = append(left.queues, gone)
	}
	for _, x := range v.exchanges {
		v.removeExchange(x)
	}
	v.forgetPolicies()
	v.access.forgetVhost(v)
	v.forget(vhostLimitsKind, v.limitsID)
	v.parameters.forgetVhost(v)
	v.forget(vhostMetadataKind, v.metadataID)
	v.forget(vhostKind, v.id)
	v.deleted = true
	left.sessions = slices.Collect(maps.Keys(v.sessions))
	return left
}
