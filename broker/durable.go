package broker

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// What is durable of a vhost stands in the store from the moment that it is
// known, and goes from there in the unit in which it goes. Each keep and forget
// is called with v.mu held and a unit open; what is not to be kept, they pass
// over.

// keep puts an entity into the store.
func (v *vhost) keep(kind storage.EntityKind, id uint64, e entity) {
	v.changed.Store(uint64(v.store.Put(storage.Entity{Kind: kind, ID: id, Value: e.append(nil)})))
}

// forget takes the entity with an id out of the store; 0 is none.
func (v *vhost) forget(kind storage.EntityKind, id uint64) {
	if id != 0 {
		v.changed.Store(uint64(v.store.Drop(kind, id)))
	}
}

// keeps tells whether new durable things are to be stored.
func (v *vhost) keeps() bool { return v.store != nil && !v.deleted }

// keepVhost stores a new vhost.
func (v *vhost) keepVhost() {
	v.id = v.store.NewID()
	v.keep(vhostKind, v.id, vhostEntity{v.name})
}

func (v *vhost) keepExchange(x *namedExchange) {
	if v.keeps() && x.durable {
		x.id = v.store.NewID()
		v.keep(exchangeKind, x.id, exchangeEntity{v.id, x.name, x.kind, x.autoDelete, x.internal, x.arguments})
	}
}

func (v *vhost) keepQueue(q *queue) {
	if v.keeps() && q.durable {
		q.stored = v.store.Queue(v.store.NewID())
		v.keep(queueKind, q.stored.ID(), queueEntity{v.id, q.name, q.autoDelete, q.arguments})
	}
}

// forgetQueue forgets a queue with its messages. q.mu is held too.
func (v *vhost) forgetQueue(q *queue) {
	if q.stored != nil {
		q.stored.Delete()
		v.forget(queueKind, q.stored.ID())
	}
}

// keepBinding returns the id of a binding in the store, 0 if it is not durable
// (DUR-03).
func (v *vhost) keepBinding(x *namedExchange, k bindingKey, args amqp.Table) (id uint64) {
	if v.keeps() && x.durable && k.to.lasts() {
		id = v.store.NewID()
		v.keep(bindingKind, id, bindingEntity{v.id, x.name, k.to.end(), k.key, args})
	}
	return id
}

func (v *vhost) keepPolicy(kind storage.EntityKind, p *policy) {
	if old := v.policies[kind][p.name]; old != nil {
		p.id = old.id
	} else if v.keeps() {
		p.id = v.store.NewID()
	}
	if p.id != 0 {
		v.keep(kind, p.id, p.policyEntity)
	}
}

// keepLimits stores the limits of the vhost, if it has any.
func (v *vhost) keepLimits() {
	if len(v.limits) == 0 {
		v.forget(vhostLimitsKind, v.limitsID)
		v.limitsID = 0
	} else if v.keeps() {
		if v.limitsID == 0 {
			v.limitsID = v.store.NewID()
		}
		v.keep(vhostLimitsKind, v.limitsID, vhostLimitsEntity{v.id, v.limits})
	}
}

// keepMetadata stores what is known of the vhost, if it is anything.
func (v *vhost) keepMetadata() {
	if m := v.metadata; m.Description == "" && len(m.Tags) == 0 && m.DefaultQueueType == "" {
		v.forget(vhostMetadataKind, v.metadataID)
		v.metadataID = 0
	} else if v.keeps() {
		if v.metadataID == 0 {
			v.metadataID = v.store.NewID()
		}
		v.keep(vhostMetadataKind, v.metadataID, vhostMetadataEntity{v.id, m})
	}
}

func (x *namedExchange) lasts() bool { return x.durable }
func (q *queue) lasts() bool         { return q.durable }

func (x *namedExchange) end() end { return end{x.name, true} }
func (q *queue) end() end         { return end{q.name, false} }

// awaitTopology waits until all that is stored of the vhost's topology so far
// is durable: until then nobody is told of it. No lock is held, and no unit is
// open.
func (v *vhost) awaitTopology() error { return v.wait(storage.Group(v.changed.Load())) }
