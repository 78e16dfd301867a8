package broker

import (
	"fmt"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// Limits of vhosts and users, by RabbitMQ's names.
const (
	maxConnections = "max-connections" // of a vhost or a user (LIM-01, LIM-03)
	maxQueues      = "max-queues"      // of a vhost (LIM-02)
	maxChannels    = "max-channels"    // of a user (LIM-04)
)

var (
	vhostLimits = []string{maxConnections, maxQueues}
	userLimits  = []string{maxConnections, maxChannels}
)

// LimitError is for a limit that there is not.
type LimitError struct{ Name string }

// Error names it.
func (e *LimitError) Error() string { return fmt.Sprintf("unknown limit '%s'", e.Name) }

// limits are those that a vhost or a user has. They never change.
type limits map[string]int

// newLimits takes those that may be set.
func newLimits(described map[string]int, known []string) (limits, error) {
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if !slices.Contains(known, name) {
			return nil, &LimitError{name}
		}
	}
	return limits(maps.Clone(described)), nil
}

// reached tells whether n things are as many as there may be. A negative limit
// is none.
func (l limits) reached(name string, n int) (limit int, over bool) {
	limit, ok := l[name]
	return limit, ok && limit >= 0 && n >= limit
}

// all is what callers get of limits.
func (l limits) all() map[string]int { return l.with(nil) }

// with are limits of which some are changed.
func (l limits) with(changed limits) limits {
	all := limits{}
	maps.Copy(all, l)
	maps.Copy(all, changed)
	return all
}

// without are limits but for some, or none at all if none is named.
func (l limits) without(names []string) limits {
	all := maps.Clone(l)
	maps.DeleteFunc(all, func(name string, _ int) bool { return len(names) == 0 || slices.Contains(names, name) })
	return all
}

// table is how limits are stored.
func (l limits) table() amqp.Table {
	t := amqp.Table{}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		t = append(t, amqp.Field{Key: name, Value: int64(l[name])})
	}
	return t
}

// limitsOf are those that are stored.
func limitsOf(t amqp.Table) limits {
	l := limits{}
	for _, f := range t {
		if n, ok := f.Value.(int64); ok {
			l[f.Key] = int(n)
		}
	}
	return l
}

// SetVhostLimits gives a vhost limits, instead of those that it has:
// max-connections and max-queues, of which a negative one is none. They hold for
// what is opened or declared from now on (LIM-08).
func (b *Broker) SetVhostLimits(vhost string, described map[string]int) error {
	l, err := newLimits(described, vhostLimits)
	if err != nil {
		return err
	}
	return b.changeVhostLimits(vhost, func(limits) limits { return l })
}

// ClearVhostLimits takes from a vhost the limits of these names, or all.
func (b *Broker) ClearVhostLimits(vhost string, names ...string) error {
	return b.changeVhostLimits(vhost, func(l limits) limits { return l.without(names) })
}

func (b *Broker) changeVhostLimits(vhost string, change func(limits) limits) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if err := v.setLimits(change); err != nil {
		return err
	}
	b.options.Log.Info().Str("vhost", vhost).Msg("vhost limits set")
	return v.awaitTopology()
}

func (v *vhost) setLimits(change func(limits) limits) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted {
		return fmt.Errorf("%w: '%s'", ErrVhostNotFound, v.name)
	}
	v.limits = change(v.limits)
	v.keepLimits()
	return nil
}

// VhostLimits are those of a vhost.
func (b *Broker) VhostLimits(vhost string) (map[string]int, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.limits.all(), nil
}

// SetUserLimits gives a user limits, beside others that he has: max-connections
// and max-channels, of which a negative one is none.
func (b *Broker) SetUserLimits(user string, described map[string]int) error {
	l, err := newLimits(described, userLimits)
	if err != nil {
		return err
	}
	return b.changeUserLimits(user, func(old limits) limits { return old.with(l) })
}

// ClearUserLimits takes from a user the limits of these names, or all.
func (b *Broker) ClearUserLimits(user string, names ...string) error {
	return b.changeUserLimits(user, func(l limits) limits { return l.without(names) })
}

func (b *Broker) changeUserLimits(name string, change func(limits) limits) error {
	err := b.access.durable(b.access.changeUser(name, func(u *user) error {
		u.limits = change(u.limits)
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", name).Msg("user limits set")
	}
	return err
}

// UserLimits are those of a user.
func (b *Broker) UserLimits(user string) (map[string]int, error) {
	b.access.mu.RLock()
	defer b.access.mu.RUnlock()
	u, err := b.access.user(user)
	if err != nil {
		return nil, err
	}
	return u.limits.all(), nil
}
