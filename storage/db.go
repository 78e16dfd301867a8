package storage

import (
	"errors"
	"sync"
	"sync/atomic"
)

// ErrClosed is returned for what cannot be kept any more because the DB was
// closed.
var ErrClosed = errors.New("storage: closed")

// ErrKilled is returned for what Kill has kept from becoming durable.
var ErrKilled = errors.New("storage: killed")

// DB keeps entities and queues. Its methods may be called by any goroutine,
// except where they say otherwise.
type DB struct {
	engine  engine
	pages   *pages        // the page file
	onError func(error)   // called once when the engine has failed
	ids     atomic.Uint64 // the last id given out
	backlog atomic.Int64  // bytes of messages appended and not yet durable, or reserved
	held    atomic.Int64  // how many wait in Reserve

	// gate is held for reading while a unit is open, and for writing to take
	// a group: so no group has half of a unit.
	gate sync.RWMutex

	// Of the committer.
	group  group         // being written
	spares []queueChange // to be used again
	listed []*Queue      // likewise, empty

	mu      sync.Mutex // guards what follows; a leaf
	work    *sync.Cond // for the committer: there is something to do
	changed *sync.Cond // for all others: a group is durable, or none will be
	pending gathered
	taken   Group // the last group that was taken
	durable Group // the last group that is durable
	closing bool
	ended   bool  // by Close; nothing is committed any more
	failed  error // why nothing can be kept any more
	stopped chan struct{}
}

// gathered is what units have changed since the last group was taken, but for
// what their queues have gathered.
type gathered struct {
	entities []entityChange
	confirms []confirmation
	queues   []*Queue // that have gathered something
	wanted   bool     // there is something to commit
}

// confirmation is who wants to know that a unit is durable.
type confirmation struct {
	confirmer Confirmer
	from, to  uint64
}

// Confirmer is told when what it has asked for is durable.
type Confirmer interface{ Durable(from, to uint64) }

// Group numbers a group of units that become durable together, the first of a
// DB being 1.
type Group uint64

// backlogLimit is how many bytes of messages may wait to become durable before
// publishers are held up.
const backlogLimit = 16 << 20

func newDB(e engine, last Group, onError func(error)) *DB {
	db := &DB{engine: e, onError: onError, taken: last, durable: last, stopped: make(chan struct{})}
	db.work, db.changed = sync.NewCond(&db.mu), sync.NewCond(&db.mu)
	go db.commitAll()
	return db
}

// Close makes durable what has gathered, and ends. Nothing may be changed any
// more when it is called. The error is that of the first failure there was.
func (db *DB) Close() error {
	db.mu.Lock()
	db.closing = true
	db.work.Signal()
	db.mu.Unlock()
	db.engine.stop()
	<-db.stopped
	if db.pages != nil {
		db.pages.close()
	}
	err := db.engine.close(func() bool { return db.failure() == nil })
	if failed := db.failure(); failed != nil {
		return failed
	}
	return err
}

// failure is why nothing can be kept any more, or nil.
func (db *DB) failure() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.failed
}

// Wait returns when a group is durable, or with the error for which it never
// will be. No unit may be open.
func (db *DB) Wait(g Group) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	for db.durable < g && db.failed == nil && !db.ended {
		db.changed.Wait()
	}
	switch {
	case db.durable >= g:
		return nil
	case db.failed != nil:
		return db.failed
	}
	return ErrClosed
}

// Reserve waits while too much waits to become durable. It is to be called
// before a unit that appends messages of about so many bytes, with no lock held,
// and Release after it. So a group has never much more than the largest unit.
func (db *DB) Reserve(size int64) {
	if db.reserve(size) {
		return
	}
	db.held.Add(1)
	defer db.held.Add(-1)
	db.mu.Lock()
	defer db.mu.Unlock()
	for db.failed == nil && !db.ended {
		if db.reserve(size) {
			return
		}
		db.changed.Wait()
	}
	db.backlog.Add(size) // for Release
}

// reserve takes room for so many bytes; false if there is none at all.
func (db *DB) reserve(size int64) bool {
	for {
		n := db.backlog.Load()
		if n >= backlogLimit {
			return false
		}
		if db.backlog.CompareAndSwap(n, n+size) {
			return true
		}
	}
}

// Release ends what Reserve has begun: what was appended counts by itself now.
func (db *DB) Release(size int64) {
	db.backlog.Add(-size)
	if db.held.Load() > 0 {
		db.mu.Lock()
		defer db.mu.Unlock()
		db.changed.Broadcast()
	}
}

// Abandon has everything fail that waits for room on the disk, now or later.
func (db *DB) Abandon() { db.engine.stop() }

// NewID returns an id that no entity or queue has had.
func (db *DB) NewID() uint64 { return db.ids.Add(1) }

// Kill has nothing become durable any more, as if the process had ended: Close
// remains to be called. It is for tests.
func (db *DB) Kill() { db.fail(ErrKilled) }
