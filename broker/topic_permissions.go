package broker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/exchange"
)

// TopicPermission says with which routing keys a user may publish to a topic
// exchange, and by which he may bind to it: those in which a regular expression
// is found. In these {username} and {vhost} stand for the names (PERM-15,
// PERM-16, PERM-19). Who has none for an exchange may use all keys (PERM-18).
type TopicPermission struct {
	User, Vhost, Exchange string
	Write, Read           string
}

// topicOf is what a user has at most one topic permission for.
type topicOf struct {
	vhost    *vhost
	exchange string
}

// topicPermission is one as it is used. It never changes.
type topicPermission struct {
	topicPermissionEntity
	id       uint64     // in the store, 0 if it is not there
	patterns [3]pattern // none to configure
}

// newTopicPermission makes one what it describes, for a user and a vhost of
// these names.
func newTopicPermission(e topicPermissionEntity, user, vhost string) (p *topicPermission, err error) {
	p = &topicPermission{topicPermissionEntity: e}
	names := strings.NewReplacer("{username}", user, "{vhost}", vhost)
	for n, text := range map[need]string{write: e.write, read: e.read} {
		if p.patterns[n], err = newPattern(names.Replace(text)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// SetTopicPermission gives a user a topic permission, instead of the one that he
// has for that exchange. There need be no such exchange.
func (b *Broker) SetTopicPermission(described TopicPermission) error {
	v, err := b.vhost(described.Vhost)
	if err != nil {
		return err
	}
	p, err := newTopicPermission(topicPermissionEntity{
		vhost: v.id, exchange: described.Exchange, write: described.Write, read: described.Read,
	}, described.User, v.name)
	if err != nil {
		return err
	}
	err = b.access.durable(b.access.changeIn(v, described.User, func(u *user) error {
		p.user = u.id
		of := topicOf{v, p.exchange}
		if old := u.topics[of]; old != nil {
			p.id = old.id
		} else {
			p.id = b.access.newID()
		}
		u.topics[of] = p
		b.access.keep(topicPermissionKind, p.id, p.topicPermissionEntity)
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", described.User).Str("vhost", v.name).Str("exchange", p.exchange).
			Msg("topic permission set")
	}
	return err
}

// ClearTopicPermission takes from a user his topic permission for an exchange,
// or, if none is named, all that he has in a vhost. That there is none is no
// error.
func (b *Broker) ClearTopicPermission(name, vhost, exchange string) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	err = b.access.durable(b.access.changeIn(v, name, func(u *user) error {
		u.dropTopics(b.access, func(of topicOf) bool {
			return of.vhost == v && (exchange == "" || of.exchange == exchange)
		})
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", name).Str("vhost", vhost).Str("exchange", exchange).Msg("topic permission cleared")
	}
	return err
}

// dropTopics drops topic permissions. a.mu is held, and a unit is open.
func (u *user) dropTopics(a *access, which func(topicOf) bool) {
	for of, p := range u.topics {
		if which(of) {
			a.forget(topicPermissionKind, p.id)
			delete(u.topics, of)
		}
	}
}

// TopicPermissions are all, ordered by vhost, user and exchange.
func (b *Broker) TopicPermissions() []TopicPermission {
	b.access.mu.RLock()
	defer b.access.mu.RUnlock()
	all := []TopicPermission{}
	for name, u := range b.access.users {
		for of, p := range u.topics {
			all = append(all, TopicPermission{name, of.vhost.name, p.exchange, p.write, p.read})
		}
	}
	slices.SortFunc(all, func(a, b TopicPermission) int {
		return cmp.Or(cmp.Compare(a.Vhost, b.Vhost), cmp.Compare(a.User, b.User), cmp.Compare(a.Exchange, b.Exchange))
	})
	return all
}

// mayTopic is the error for a session whose user may not use a routing key with
// an exchange, if that is a topic exchange (PERM-15, PERM-16).
func (s *session) mayTopic(n need, name, key string) error {
	a := s.vhost.access
	a.mu.RLock()
	p := s.user.topics[topicOf{s.vhost, name}]
	a.mu.RUnlock()
	if p == nil || p.patterns[n].fits(key) || !s.vhost.isTopic(name) {
		return nil
	}
	return s.forbidden("topic '" + key + "' in " + exchangeText(name, s.vhost))
}

// isTopic tells whether an exchange is there, and a topic exchange.
func (v *vhost) isTopic(name string) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	x := v.exchanges[name]
	return x != nil && x.kind == exchange.Topic
}
