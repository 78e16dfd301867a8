package broker

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// User is somebody who may log in. What he may do then, his permissions say:
// tags are about management, but for impersonator, who may publish with any
// user-id (PUB-07).
type User struct {
	Name string
	Tags []string

	// PasswordHash is as definitions have it, and HashingAlgorithm how it was
	// made, such as HashingSHA256. Both are empty for a user who cannot log in
	// with a password.
	PasswordHash, HashingAlgorithm string

	// Limits are max-connections and max-channels; negative is unlimited.
	Limits map[string]int
}

// errCredentials is for the log: a client learns that it was refused.
var errCredentials = errors.New("invalid credentials")

// AddUser adds a user with a password, who has no permissions yet. With an empty
// one he cannot log in by a password. The error is ErrUserExists if there is one of
// that name.
func (b *Broker) AddUser(name, password string, tags ...string) error {
	e := userEntity{name: name, tags: slices.Clone(tags)}
	e.hash, e.algorithm = b.access.hash(password)
	return b.putUser(e, false)
}

// SetUser adds a user, or changes the one of that name to what it describes. His
// permissions and connections stay.
func (b *Broker) SetUser(described User) error {
	e := userEntity{
		name: described.Name, hash: described.PasswordHash, algorithm: described.HashingAlgorithm,
		tags: slices.Clone(described.Tags),
	}
	var err error
	if e.limits, err = newLimits(described.Limits, userLimits); err != nil {
		return err
	}
	if e.hash == "" {
		e.algorithm = ""
	} else if err := checkHash(e.hash, e.algorithm); err != nil {
		return err
	}
	return b.putUser(e, true)
}

func checkHash(hash, algorithm string) error {
	h, known := hashings[algorithm]
	switch {
	case !known:
		return fmt.Errorf("%w '%s'", errAlgorithm, algorithm)
	case !h.wellMade(hash):
		return fmt.Errorf("%w of %s", errHash, algorithm)
	}
	return nil
}

func (b *Broker) putUser(e userEntity, replace bool) error {
	a := b.access
	err := a.durable(a.unit(func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		u := a.users[e.name]
		if u != nil && !replace {
			return fmt.Errorf("%w: '%s'", ErrUserExists, e.name)
		}
		if u == nil {
			u = a.add(a.newID(), e)
		}
		u.userEntity, u.known = e, false
		a.keep(userKind, u.id, e)
		return nil
	}))
	if err == nil {
		b.options.Log.Info().Str("user", e.name).Strs("tags", e.tags).Msg("user set")
	}
	return err
}

// add makes a user known. a.mu is held.
func (a *access) add(id uint64, e userEntity) *user {
	u := &user{
		name: e.name, id: id, userEntity: e,
		permissions: map[*vhost]*permission{}, topics: map[topicOf]*topicPermission{}, sessions: map[*session]struct{}{},
	}
	a.users[e.name] = u
	return u
}

// DeleteUser removes a user with his permissions, and closes his connections
// (CTL-08).
func (b *Broker) DeleteUser(name string) error {
	a := b.access
	var u *user
	g, err := a.unit(func() (err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if u, err = a.user(name); err != nil {
			return err
		}
		for v, p := range u.permissions {
			a.forget(permissionKind, p.id)
			delete(u.permissions, v)
			v.generation.Add(1)
		}
		u.dropTopics(a, func(topicOf) bool { return true })
		a.forget(userKind, u.id)
		delete(a.users, name)
		return nil
	})
	if err != nil {
		return err
	}
	b.closeSessions(u, "user '%s' is deleted")
	b.options.Log.Info().Str("user", name).Msg("user deleted")
	return a.durable(g, nil)
}

// closeSessions closes the connections that a user has now.
func (b *Broker) closeSessions(u *user, reason string) {
	b.access.mu.RLock()
	all := slices.Collect(maps.Keys(u.sessions))
	b.access.mu.RUnlock()
	for _, s := range all {
		s.conn.Close(amqp.ConnectionForced.Errorf(reason, u.name))
	}
}

// SetPassword gives a user another password; an empty one is as ClearPassword.
// Connections stay.
func (b *Broker) SetPassword(name, password string) error {
	hash, algorithm := b.access.hash(password)
	return b.changePassword(name, hash, algorithm)
}

// hash hashes a password, if it is one.
func (a *access) hash(password string) (hash, algorithm string) {
	hash, err := HashPassword(a.hashing, password)
	if err != nil {
		return "", ""
	}
	return hash, a.hashing
}

// ClearPassword has a user log in with a password no more.
func (b *Broker) ClearPassword(name string) error { return b.changePassword(name, "", "") }

func (b *Broker) changePassword(name, hash, algorithm string) error {
	return b.access.durable(b.access.changeUser(name, func(u *user) error {
		u.hash, u.algorithm, u.known = hash, algorithm, false
		return nil
	}))
}

// SetUserTags gives a user other tags. His connections keep those that they had
// when they were opened.
func (b *Broker) SetUserTags(name string, tags ...string) error {
	return b.access.durable(b.access.changeUser(name, func(u *user) error {
		u.tags = slices.Clone(tags)
		return nil
	}))
}

// Users are all, ordered by name.
func (b *Broker) Users() []User {
	a := b.access
	a.mu.RLock()
	defer a.mu.RUnlock()
	all := make([]User, 0, len(a.users))
	for _, name := range slices.Sorted(maps.Keys(a.users)) {
		u := a.users[name]
		all = append(all, User{name, append([]string{}, u.tags...), u.hash, u.algorithm, u.limits.all()})
	}
	return all
}

// Authenticate tells whether a user has a password; the error is the same for
// a wrong one and for a user whom there is not, and takes as long (CONN-12).
func (b *Broker) Authenticate(name, password string) error {
	return b.access.authenticate(name, password)
}

// authenticate verifies a hash only once: a password that was right is known by
// its digest until it changes. Of those that are yet to be verified only some are
// at a time, so that the broker goes on when many come.
func (a *access) authenticate(name, password string) error {
	if password == "" {
		return errBlank
	}
	d := a.key.digest(password)
	if a.knows(name, d) {
		return nil
	}
	a.checking <- struct{}{}
	defer func() { <-a.checking }()
	if a.knows(name, d) { // another login has just found out
		return nil
	}
	a.mu.RLock()
	u, e := a.users[name], userEntity{}
	if u != nil {
		e = u.userEntity
	}
	a.mu.RUnlock()
	right := e.hash != "" && hashings[e.algorithm].verify(e.hash, password)
	if !right && a.hashing == HashingBcrypt && (e.hash == "" || e.algorithm != HashingBcrypt) {
		verifyBcrypt(nobodysHash, password) // for the time that it takes
	}
	if !right {
		return errCredentials
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if u.hash == e.hash {
		u.verified, u.known = d, true
	}
	return nil
}

// knows tells whether a password was found to be right.
func (a *access) knows(name string, d digest) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	u := a.users[name]
	return u != nil && u.known && subtle.ConstantTimeCompare(u.verified[:], d[:]) == 1
}
