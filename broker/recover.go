package broker

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/storage"
)

// recovery makes a broker what its store has found. Nobody else uses the broker
// yet.
type recovery struct {
	broker   *Broker
	vhosts   map[uint64]*vhost
	queues   map[uint64]*queue // also those of delayed exchanges
	users    map[uint64]*user
	delayed  []*queue                  // queues of delayed exchanges alone
	failed   map[*queue][]storage.Item // what has failed too often, and is not dealt again (QQ-10)
	bindings int
	messages int
	stray    uint64  // messages without a queue
	lost     []error // what made no sense
}

// recover takes what the store has found. What makes no sense is an error, or
// with AcceptLoss forgotten. began is when the start did.
func (b *Broker) recover(state *storage.State, began time.Time) error {
	r := newRecovery(b)
	if err := r.take(state); err != nil {
		return err
	}
	r.bury()
	r.report(state, time.Since(began))
	return nil
}

func newRecovery(b *Broker) *recovery {
	return &recovery{
		broker: b, vhosts: map[uint64]*vhost{}, queues: map[uint64]*queue{}, users: map[uint64]*user{},
		failed: map[*queue][]storage.Item{},
	}
}

// take makes everything known that a state has.
func (r *recovery) take(state *storage.State) error {
	for _, e := range state.Entities { // by kind: what others refer to comes first
		if err := r.forgive(e, r.entity(e)); err != nil {
			return err
		}
	}
	r.conform()
	for id, q := range r.queues {
		q.lastSeq = max(state.Next[id], 1) - 1
	}
	for id, items := range state.Queues {
		err := r.items(id, items)
		if err := r.forgive(storage.Entity{Kind: queueKind, ID: id}, err); err != nil {
			return err
		}
	}
	return nil
}

// forgive returns the error that there is with an entity, unless losses are
// accepted: then the entity is forgotten.
func (r *recovery) forgive(e storage.Entity, err error) error {
	if err == nil {
		return nil
	}
	err = &storage.CorruptError{File: fmt.Sprintf("entity %d of kind %d", e.ID, e.Kind), Offset: -1, Reason: err.Error()}
	if !r.broker.options.AcceptLoss {
		return err
	}
	r.lost = append(r.lost, err)
	r.broker.store.Begin()
	r.broker.store.Drop(e.Kind, e.ID)
	if e.Kind == queueKind {
		r.broker.store.Queue(e.ID).Delete()
	}
	r.broker.store.End()
	return nil
}

// entity makes one known.
func (r *recovery) entity(e storage.Entity) error {
	value, err := decodeEntity(e.Kind, e.Value)
	if err != nil {
		return err
	}
	switch value := value.(type) {
	case vhostEntity:
		return r.vhost(e.ID, value)
	case exchangeEntity:
		return r.exchange(e.ID, value)
	case queueEntity:
		return r.queue(e.ID, value)
	case bindingEntity:
		return r.binding(e.ID, value)
	case policyEntity:
		return r.policy(e, value)
	case userEntity:
		return r.user(e.ID, value)
	case permissionEntity:
		return r.permission(e.ID, value)
	case topicPermissionEntity:
		return r.topicPermission(e.ID, value)
	case vhostLimitsEntity:
		return r.vhostLimits(e.ID, value)
	case parameterEntity:
		return r.parameter(e.ID, value)
	case vhostMetadataEntity:
		return r.vhostMetadata(e.ID, value)
	}
	return nil
}

// conform gives everything the settings that policies ask for.
func (r *recovery) conform() {
	for _, v := range r.vhosts {
		v.conformExchanges()
	}
	for _, q := range r.queues {
		if q.delays == nil {
			q.obey(q.vhost.rule(q.name, q.kind))
		}
	}
}

// report logs what there is.
func (r *recovery) report(state *storage.State, took time.Duration) {
	log := r.broker.options.Log
	log.WithLevel(zerolog.InfoLevel).Int("vhosts", len(r.vhosts)).Int("queues", len(r.queues)-len(r.delayed)).
		Int("bindings", r.bindings).Int("messages", r.messages).Stringer("took", took.Round(time.Millisecond)).Bool("clean", state.Clean).
		Msg("recovered what was stored")
	for _, damage := range state.Lost.Damages {
		log.Error().Msgf("accepted a loss: %s", damage)
	}
	for _, err := range r.lost {
		log.Error().Err(err).Msg("accepted a loss")
	}
	if l := state.Lost; len(l.Damages)+len(r.lost) > 0 {
		log.Error().Uint64("messages", l.Messages+r.stray).Uint64("groups", l.Groups).Msg("messages are lost")
	}
}
