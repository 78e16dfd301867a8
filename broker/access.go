package broker

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Errors of what is done to users.
var (
	ErrUserExists   = errors.New("user already exists")
	ErrUserNotFound = errors.New("user does not exist")
)

// access is who may do what: users, with their permissions and limits. What it
// knows of a user is durable, as far as there is a store.
type access struct {
	log      zerolog.Logger // immutable
	store    *storage.DB    // likewise; nil: nothing is kept
	hashing  string         // likewise; how new passwords are hashed
	key      digestKey      // likewise
	checking chan struct{}  // has room for as many as may verify hashes at a time

	mu          sync.RWMutex // guards what follows, and all users; below vhost.mu
	users       map[string]*user
	connections int
}

// user is somebody who may log in. What is not immutable, access.mu guards.
type user struct {
	name string // immutable
	id   uint64 // likewise; in the store, 0 if it is not there

	userEntity
	verified    digest // of the password that the hash was found to be of
	known       bool   // verified is set
	permissions map[*vhost]*permission
	topics      map[topicOf]*topicPermission
	sessions    map[*session]struct{}
	channels    int
}

func newAccess(o *Options) *access {
	return &access{
		log: o.Log, hashing: o.PasswordHashing, key: newDigestKey(),
		checking: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		users:    map[string]*user{},
	}
}

// unit makes a change in a unit of the store. The caller holds no lock.
func (a *access) unit(change func() error) (g storage.Group, err error) {
	if a.store == nil {
		return 0, change()
	}
	a.store.Begin()
	defer func() { g = a.store.End() }()
	return 0, change()
}

// durable waits until a unit is, if it was not refused.
func (a *access) durable(g storage.Group, err error) error {
	if err != nil || a.store == nil {
		return err
	}
	return a.store.Wait(g)
}

// newID is for something new in the store, 0 if there is none.
func (a *access) newID() uint64 {
	if a.store == nil {
		return 0
	}
	return a.store.NewID()
}

// keep puts an entity into the store; a unit is open.
func (a *access) keep(kind storage.EntityKind, id uint64, e entity) {
	if id != 0 {
		a.store.Put(storage.Entity{Kind: kind, ID: id, Value: e.append(nil)})
	}
}

// forget takes it out; a unit is open.
func (a *access) forget(kind storage.EntityKind, id uint64) {
	if id != 0 {
		a.store.Drop(kind, id)
	}
}

// user is the one with a name. a.mu is held.
func (a *access) user(name string) (*user, error) {
	if u := a.users[name]; u != nil {
		return u, nil
	}
	return nil, fmt.Errorf("%w: '%s'", ErrUserNotFound, name)
}

// changeUser changes a user, in a unit of its own.
func (a *access) changeUser(name string, change func(*user) error) (storage.Group, error) {
	return a.unit(func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		u, err := a.user(name)
		if err != nil {
			return err
		}
		if err := change(u); err != nil {
			return err
		}
		a.keep(userKind, u.id, u.userEntity)
		return nil
	})
}

// changeIn changes what a user has in a vhost, in a unit of its own, and then
// has channels look again at what they remember.
func (a *access) changeIn(v *vhost, name string, change func(*user) error) (storage.Group, error) {
	return a.unit(func() error {
		v.mu.RLock()
		defer v.mu.RUnlock()
		if v.deleted {
			return fmt.Errorf("%w: '%s'", ErrVhostNotFound, v.name)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		u, err := a.user(name)
		if err != nil {
			return err
		}
		defer v.generation.Add(1)
		return change(u)
	})
}

// forgetVhost is for one that is deleted, in the unit and with the lock of who
// does it.
func (a *access) forgetVhost(v *vhost) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.users {
		if p := u.permissions[v]; p != nil {
			a.forget(permissionKind, p.id)
			delete(u.permissions, v)
		}
		u.dropTopics(a, func(t topicOf) bool { return t.vhost == v })
	}
}

// admit enters a session in the books of its user (LIM-03, CONN-26). The
// vhost's lock is held.
func (a *access) admit(s *session) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[s.name]
	if u != nil {
		if limit, over := u.limits.reached(maxConnections, len(u.sessions)); over {
			return amqp.NotAllowed.Errorf("connection refused for user '%s': user connection limit (%d) is reached", s.name, limit)
		}
	}
	if u == nil || u.permissions[s.vhost] == nil { // it may have been deleted since it logged in
		return amqp.NotAllowed.Errorf("access to vhost '%s' refused for user '%s'", s.vhost.name, s.name)
	}
	s.user, s.tags = u, u.tags
	u.sessions[s] = struct{}{}
	return nil
}

// dismiss ends what admit and enter began.
func (a *access) dismiss(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(s.user.sessions, s)
	a.connections--
}

// enter counts a connection, unless there are as many as there may be (LIM-05).
func (a *access) enter(most int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if most > 0 && a.connections >= most {
		return amqp.NotAllowed.Errorf("connection refused: node connection limit (%d) is reached", most)
	}
	a.connections++
	return nil
}

// exit ends what enter began.
func (a *access) exit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connections--
}

// openChannel counts a channel of a user (CHAN-06, LIM-04).
func (a *access) openChannel(u *user) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if limit, over := u.limits.reached(maxChannels, u.channels); over {
		return amqp.NotAllowed.Errorf("number of channels opened for user '%s' has reached the maximum allowed "+
			"user limit of (%d)", u.name, limit)
	}
	u.channels++
	return nil
}

func (a *access) closeChannel(u *user) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u.channels--
}
