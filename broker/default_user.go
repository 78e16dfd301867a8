package broker

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// AddDefaultUser adds the user that Options name, unless there are users already:
// he may do what DefaultPermissions say in all vhosts that there are. New and Open
// do it, too, unless Options.NoDefaultUser is set.
func (b *Broker) AddDefaultUser() error {
	return b.access.durable(b.addDefaultUser(true, nil))
}

// addVhosts adds those that the options name, and the default user to a broker
// that has none. Where there is one, he may use what vhosts have come. It does not
// wait until that is durable: what is declared in them is so later, and the next
// start does it again. On a full disk the wait would have no end.
func (b *Broker) addVhosts() {
	var added []*vhost
	for _, name := range b.options.Vhosts {
		if v := b.vhosts.add(name); v != nil {
			added = append(added, v)
		}
	}
	if _, err := b.addDefaultUser(!b.options.NoDefaultUser, added); err != nil {
		b.options.Log.Error().Err(err).Str("user", b.options.DefaultUser).Msg("cannot add the default user")
	}
}

// addDefaultUser adds him if asked to and there are no users. If he is there
// already, he gets permissions for some vhosts, otherwise for all.
func (b *Broker) addDefaultUser(absent bool, vhosts []*vhost) (storage.Group, error) {
	o, a := &b.options, b.access
	e := userEntity{name: o.DefaultUser, tags: slices.Clone(o.DefaultTags)}
	if absent && len(b.Users()) == 0 {
		e.hash, e.algorithm = a.defaultHash(o.DefaultPass)
		vhosts = b.vhosts.all()
	}
	return a.unit(func() error {
		u := a.first(e)
		if u == nil {
			return nil
		}
		for _, v := range vhosts {
			if err := a.permitIn(v, u, o.DefaultPermissions); err != nil {
				return err
			}
		}
		return nil
	})
}

// first is a new user with a name if there are no users, or else the one who has
// it, nil if there is none.
func (a *access) first(e userEntity) *user {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.users) == 0 && e.algorithm != "" {
		u := a.add(a.newID(), e)
		a.keep(userKind, u.id, e)
	}
	return a.users[e.name]
}

// permitIn gives a user a permission in a vhost, unless that is deleted. A unit is
// open.
func (a *access) permitIn(v *vhost, u *user, described Permission) error {
	p, err := newPermission(permissionEntity{
		vhost: v.id, configure: described.Configure, write: described.Write, read: described.Read,
	})
	if err != nil {
		return fmt.Errorf("its permissions: %w", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !v.deleted && a.users[u.name] == u {
		a.permit(v, u, p)
	}
	return nil
}

// defaultHash hashes the password of the default user, if he has one. What all
// the world knows is not worth the time of a slow hash at the first start.
func (a *access) defaultHash(password string) (hash, algorithm string) {
	algorithm = a.hashing
	if password == "guest" {
		algorithm = HashingSHA256
	}
	hash, err := HashPassword(algorithm, password)
	if err != nil {
		return "", algorithm
	}
	return hash, algorithm
}
