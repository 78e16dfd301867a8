package storage

// EntityKind tells what an entity is; the numbers are given by who uses the
// package.
type EntityKind uint8

// Entity is something kept under its kind and id.
type Entity struct {
	Kind  EntityKind
	ID    uint64
	Value []byte
}

// entityChange is an entity that is put, or dropped.
type entityChange struct {
	Entity
	drop bool
}

// Begin opens a unit: what is changed until End survives a crash whole or not
// at all. Several goroutines may each have a unit open. It may wait, so no lock
// may be held that is taken while a unit is open; nor may a unit be open
// already.
func (db *DB) Begin() { db.gate.RLock() }

// End closes the unit and returns the group that it belongs to. One that has
// changed nothing belongs to the last group there is: what it has seen is
// durable when that is.
func (db *DB) End() Group {
	db.mu.Lock()
	g, wake := db.taken, db.pending.wanted
	if wake {
		g++
	}
	db.mu.Unlock()
	db.gate.RUnlock()
	if wake {
		db.work.Signal()
	}
	return g
}

// Put keeps an entity, in place of the one of its kind and id if there is one,
// and returns the group that the unit, which is open, will belong to. The value
// must not change afterwards.
func (db *DB) Put(e Entity) Group { return db.change(entityChange{Entity: e}) }

// Drop forgets an entity. It is like Put otherwise.
func (db *DB) Drop(kind EntityKind, id uint64) Group {
	return db.change(entityChange{Entity: Entity{Kind: kind, ID: id}, drop: true})
}

func (db *DB) change(c entityChange) Group {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pending.entities = append(db.pending.entities, c)
	db.pending.wanted = true
	return db.taken + 1
}

// Confirm has c told of the numbers from from to to once the unit is durable,
// by the committer's goroutine. A unit is open.
func (db *DB) Confirm(c Confirmer, from, to uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pending.confirms = append(db.pending.confirms, confirmation{c, from, to})
	db.pending.wanted = true
}
