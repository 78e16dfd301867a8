package storage

import "slices"

// engine keeps groups. A group is self-contained and says what has become of
// things, never what to do: an engine that is given the same groups keeps the
// same. Only the committer calls commit.
type engine interface {
	// commit makes a group durable, and notes on its messages where they are.
	// After an error it is not called again.
	commit(g *group) error
	// load reads the bytes of messages of a queue; see DB.Load.
	load(queue uint64, items []Item, each func(i int, b []byte)) error
	// stop has commit fail rather than wait for room on the disk.
	stop()
	// close ends the engine. clean tells, once nothing goes on any more, that all
	// that was given to commit is durable, and nothing else is missing.
	close(clean func() bool) error
}

// group is what becomes durable at once.
type group struct {
	number   Group
	entities []entityChange
	queues   []queueChange
	confirms []confirmation
}

// empty tells whether there is nothing to write.
func (g *group) empty() bool {
	for i := range g.queues {
		if !g.queues[i].empty() {
			return false
		}
	}
	return len(g.entities) == 0
}

// empty tells whether nothing of the change is left.
func (c *queueChange) empty() bool {
	return !c.deleted && len(c.settled) == 0 && len(c.requeued) == 0 && c.live == 0
}

// commitAll is the committer: it makes group after group durable. What gathers
// while one is being written is the next one.
func (db *DB) commitAll() {
	defer close(db.stopped)
	for db.awaitWork() {
		g := db.take()
		if !g.empty() {
			if err := db.engine.commit(g); err != nil {
				db.fail(err)
				return
			}
		}
		if !db.completed(g) {
			return
		}
		db.reuse(g)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.ended = true
	db.changed.Broadcast()
}

// awaitWork waits for something to commit; false if there will be nothing.
func (db *DB) awaitWork() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	for !db.pending.wanted && !db.closing && db.failed == nil {
		db.work.Wait()
	}
	return db.pending.wanted && db.failed == nil
}

// take takes what has gathered, when no unit is open.
func (db *DB) take() *group {
	db.gate.Lock()
	defer db.gate.Unlock()
	g := &db.group
	db.mu.Lock()
	p := db.pending
	db.pending = gathered{entities: g.entities, confirms: g.confirms, queues: db.listed}
	db.taken++
	g.number, g.entities, g.confirms = db.taken, p.entities, p.confirms
	db.mu.Unlock()
	for _, q := range p.queues {
		g.queues = append(g.queues, q.gathered)
		q.gathered, q.listed = db.spare(q.id), false
	}
	clear(p.queues)
	db.listed = p.queues[:0]
	return g
}

const (
	// maxSpares is how many changes of queues are kept to be used again, and
	// maxSpare how many messages each may have room for.
	maxSpares = 64
	maxSpare  = 4096
)

// spare returns an empty change.
func (db *DB) spare(queue uint64) queueChange {
	last := len(db.spares) - 1
	if last < 0 {
		return queueChange{id: queue}
	}
	c := db.spares[last]
	db.spares = db.spares[:last]
	c.id = queue
	return c
}

// reuse keeps the memory of a group for those to come, and lets go of what it
// refers to.
func (db *DB) reuse(g *group) {
	for i := range g.queues {
		c := &g.queues[i]
		if len(db.spares) < maxSpares && cap(c.appended) <= maxSpare && cap(c.settled) <= maxSpare {
			clear(c.appended)
			db.spares = append(db.spares, queueChange{
				appended: c.appended[:0], settled: c.settled[:0], requeued: c.requeued[:0],
			})
		}
	}
	clear(g.queues)
	clear(g.entities)
	clear(g.confirms)
	g.queues, g.entities, g.confirms = g.queues[:0], g.entities[:0], g.confirms[:0]
}

// completed tells those concerned that a group is durable; false if something
// else has failed meanwhile.
func (db *DB) completed(g *group) bool {
	var size int64
	for i := range g.queues {
		size += g.queues[i].size
	}
	db.backlog.Add(-size)
	db.mu.Lock()
	if db.failed != nil {
		db.mu.Unlock()
		return false
	}
	db.durable = g.number
	db.changed.Broadcast()
	db.mu.Unlock()
	for _, c := range g.confirms {
		c.confirmer.Durable(c.from, c.to)
	}
	return true
}

// fail notes that nothing can be kept any more: nobody is told of anything
// from now on. Only the first failure counts.
func (db *DB) fail(err error) {
	db.mu.Lock()
	if db.failed != nil {
		db.mu.Unlock()
		return
	}
	db.failed = err
	db.changed.Broadcast()
	db.work.Signal()
	db.mu.Unlock()
	db.onError(err)
}

// Load reads the bytes of messages of a queue, which must be in it, and calls
// each once for every item, in any order. The bytes are each's to keep: nobody
// changes them, and each small message holds 64 KiB at most. It reads from disk;
// no lock of a queue may be held.
func (db *DB) Load(queue uint64, items []Item, each func(i int, b []byte)) error {
	if slices.ContainsFunc(items, func(it Item) bool { return it.Place.Paged() }) {
		return db.loadPaged(queue, items, each)
	}
	return db.engine.load(queue, items, each)
}
