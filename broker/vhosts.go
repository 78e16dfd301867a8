package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
)

// Errors of CreateVhost and DeleteVhost.
var (
	ErrVhostExists   = errors.New("vhost already exists")
	ErrVhostNotFound = errors.New("vhost does not exist")
)

// vhosts are the virtual hosts of a broker. They know nothing of each other.
type vhosts struct {
	log zerolog.Logger // immutable

	mu     sync.Mutex // guards byName; held alone
	byName map[string]*vhost
}

// add makes a vhost with a name, unless there is one.
func (vs *vhosts) add(name string) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.byName[name] != nil {
		return false
	}
	if vs.byName == nil {
		vs.byName = map[string]*vhost{}
	}
	vs.byName[name] = newVhost(name, vs.log)
	return true
}

// get returns the vhost with a name, nil if there is none.
func (vs *vhosts) get(name string) *vhost {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.byName[name]
}

// remove takes a vhost out, nil if there is none.
func (vs *vhosts) remove(name string) *vhost {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.byName[name]
	delete(vs.byName, name)
	return v
}

// CreateVhost adds a virtual host, whose name may be anything. The error is
// ErrVhostExists if there is one with that name.
func (b *Broker) CreateVhost(name string) error {
	if !b.vhosts.add(name) {
		return fmt.Errorf("%w: '%s'", ErrVhostExists, name)
	}
	b.options.Log.Info().Str("vhost", name).Msg("vhost created")
	return nil
}

// DeleteVhost removes a virtual host with all that is in it, and closes its
// connections (CTL-08). The error is ErrVhostNotFound if there is none with
// that name.
func (b *Broker) DeleteVhost(name string) error {
	v := b.vhosts.remove(name)
	if v == nil {
		return fmt.Errorf("%w: '%s'", ErrVhostNotFound, name)
	}
	v.close()
	b.options.Log.Info().Str("vhost", name).Msg("vhost deleted")
	return nil
}

// join enters a session, unless the vhost is deleted.
func (v *vhost) join(s *session) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.deleted {
		v.sessions[s] = struct{}{}
	}
	return !v.deleted
}

func (v *vhost) leave(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s)
}

// close ends a vhost that nobody can find any more: its queues, then its
// connections.
func (v *vhost) close() {
	v.mu.Lock()
	v.deleted = true
	queues, sessions := slices.Collect(maps.Values(v.queues)), slices.Collect(maps.Keys(v.sessions))
	v.mu.Unlock()
	for _, q := range queues {
		gone, _ := v.deleteQueue(q, func(*queue) error { return nil })
		gone.cancel()
	}
	for _, s := range sessions {
		s.conn.Close(amqp.ConnectionForced.Errorf("vhost '%s' is deleted", v.name))
	}
}
