package broker

import "github.com/leveretmq/leveret/storage"

// begin opens a unit: what changes until end survives a crash whole or not at
// all. No lock is held, and no unit is open yet.
func (v *vhost) begin() {
	if v.store != nil {
		v.store.Begin()
	}
}

// end closes the unit, when all locks are released.
func (v *vhost) end() storage.Group {
	if v.store == nil {
		return 0
	}
	return v.store.End()
}

// awaitAll waits until all that has happened so far is durable. No lock is held,
// and no unit is open.
func (v *vhost) awaitAll() error {
	v.begin()
	return v.wait(v.end())
}

// wait waits until the units of a group are durable. No lock is held, and no
// unit is open.
func (v *vhost) wait(g storage.Group) error {
	if v.store == nil {
		return nil
	}
	return v.store.Wait(g)
}
