package broker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/expression"
)

// Permission is what a user may do in a vhost: to queues and exchanges in whose
// names a regular expression is found. An empty one is found in no name, and that
// of the default exchange is amq.default here (PERM-01, PERM-03). Whoever has one
// may open the vhost, whatever the expressions are (CONN-27).
type Permission struct {
	User, Vhost            string
	Configure, Write, Read string
}

// RegexpError is what is wrong with a regular expression that is refused.
type RegexpError struct {
	Regexp string
	Err    error
}

// Error names the expression and its fault.
func (e *RegexpError) Error() string { return fmt.Sprintf("invalid regexp '%s': %v", e.Regexp, e.Err) }

// Unwrap returns what package regexp has said.
func (e *RegexpError) Unwrap() error { return e.Err }

// need is what a method needs the permission for.
type need int

const (
	configure need = iota
	write
	read
)

// permission is one as it is used. It never changes.
type permission struct {
	permissionEntity
	id       uint64 // in the store, 0 if it is not there
	patterns [3]pattern
}

// pattern is a regular expression in a permission (PERM-01).
type pattern struct {
	all   bool
	found *expression.Expression
}

func newPattern(text string) (pattern, error) {
	switch text {
	case ".*", "^.*", ".*$", "^.*$":
		return pattern{all: true}, nil
	case "":
		text = "^$"
	}
	found, err := expression.Compile(text)
	if err != nil {
		return pattern{}, &RegexpError{text, err}
	}
	return pattern{found: found}, nil
}

// fits tells whether the expression is found in a name.
func (p *pattern) fits(name string) bool { return p.all || p.found.Fits(name) }

func newPermission(e permissionEntity) (p *permission, err error) {
	p = &permission{permissionEntity: e}
	for i, text := range []string{e.configure, e.write, e.read} {
		if p.patterns[i], err = newPattern(text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// SetPermission gives a user a permission, instead of the one that he has for
// that vhost. It holds for connections that are open, too.
func (b *Broker) SetPermission(described Permission) error {
	v, err := b.vhost(described.Vhost)
	if err != nil {
		return err
	}
	p, err := newPermission(permissionEntity{
		vhost: v.id, configure: described.Configure, write: described.Write, read: described.Read,
	})
	if err != nil {
		return err
	}
	err = b.access.durable(b.access.changeIn(v, described.User, func(u *user) error {
		b.access.permit(v, u, p)
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", described.User).Str("vhost", v.name).Msg("permission set")
	}
	return err
}

// permit gives a user a permission. a.mu is held, and a unit is open.
func (a *access) permit(v *vhost, u *user, p *permission) {
	p.user = u.id
	if old := u.permissions[v]; old != nil {
		p.id = old.id
	} else {
		p.id = a.newID()
	}
	u.permissions[v] = p
	a.keep(permissionKind, p.id, p.permissionEntity)
}

// ClearPermission takes from a user what he may do in a vhost; that he may do
// nothing already is no error. His connections stay, and are refused what they
// ask for next (PERM-21).
func (b *Broker) ClearPermission(name, vhost string) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	err = b.access.durable(b.access.changeIn(v, name, func(u *user) error {
		if p := u.permissions[v]; p != nil {
			b.access.forget(permissionKind, p.id)
			delete(u.permissions, v)
		}
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", name).Str("vhost", vhost).Msg("permission cleared")
	}
	return err
}

// Permissions are all, ordered by vhost and user.
func (b *Broker) Permissions() []Permission {
	b.access.mu.RLock()
	defer b.access.mu.RUnlock()
	all := []Permission{}
	for name, u := range b.access.users {
		for v, p := range u.permissions {
			all = append(all, Permission{name, v.name, p.configure, p.write, p.read})
		}
	}
	slices.SortFunc(all, func(a, b Permission) int {
		return cmp.Or(cmp.Compare(a.Vhost, b.Vhost), cmp.Compare(a.User, b.User))
	})
	return all
}

// mayQueue is the error for a session whose user may not do something to a queue
// (PERM-02). The broker itself, a nil session, may do everything.
func (s *session) mayQueue(n need, name string) error {
	if s == nil || s.may(n, name) {
		return nil
	}
	return s.forbidden(queueText(name, s.vhost))
}

// mayExchange is the same for an exchange (PERM-03).
func (s *session) mayExchange(n need, name string) error {
	if name == "" {
		name = "amq.default"
	}
	if s == nil || s.may(n, name) {
		return nil
	}
	return s.forbidden(exchangeText(name, s.vhost))
}

// mayEnd is the same for the destination of a binding.
func (s *session) mayEnd(n need, to end) error {
	if to.exchange {
		return s.mayExchange(n, to.name)
	}
	return s.mayQueue(n, to.name)
}

// mayHaveAlternate is the error for an exchange with an alternate exchange, which
// gets what the other one cannot route (PERM-05).
func (s *session) mayHaveAlternate(name string, args amqp.Table) error {
	alternate, ok := args.Get("alternate-exchange")
	if !ok {
		return nil
	}
	if err := s.mayExchange(read, name); err != nil {
		return err
	}
	return s.mayExchange(write, text(alternate))
}

// mayBind is the error for a binding that the user may not add or remove (PERM-09,
// PERM-10, PERM-16), or nobody may, in RabbitMQ's order.
func (s *session) mayBind(n bindingName) error {
	if err := s.mayEnd(write, n.to); err != nil {
		return err
	}
	if err := n.checkEnds(); err != nil {
		return err
	}
	if err := s.mayExchange(read, n.source); err != nil {
		return err
	}
	return s.mayTopic(read, n.source, n.key)
}

func (s *session) may(n need, name string) bool {
	a := s.vhost.access
	a.mu.RLock()
	p := s.user.permissions[s.vhost]
	a.mu.RUnlock()
	return p != nil && p.patterns[n].fits(name)
}

// forbidden is the refusal of something to a user.
func (s *session) forbidden(what string) error {
	return amqp.AccessRefused.Errorf("access to %s refused for user '%s'", what, s.name)
}
