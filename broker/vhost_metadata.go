package broker

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// VhostMetadata is what a vhost has besides its name.
type VhostMetadata struct {
	Description string
	Tags        []string

	// DefaultQueueType is the type of queues that are declared without
	// x-queue-type, as far as they can be of that type: a quorum queue is durable,
	// and neither exclusive nor auto-delete. Empty is what Options say.
	DefaultQueueType string
}

// SetVhostMetadata gives a vhost other metadata. The error is an [amqp.Error] if
// there is no such type of queue.
func (b *Broker) SetVhostMetadata(vhost string, m VhostMetadata) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if err := checkDefaultType(m.DefaultQueueType); err != nil {
		return err
	}
	m.Tags = slices.Clone(m.Tags)
	if err := v.setMetadata(m); err != nil {
		return err
	}
	return v.awaitTopology()
}

// VhostMetadata is that of a vhost.
func (b *Broker) VhostMetadata(vhost string) (VhostMetadata, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return VhostMetadata{}, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	m := v.metadata
	m.Tags = slices.Clone(m.Tags)
	return m, nil
}

func checkDefaultType(name string) error {
	if name == "" || queueTypes[name] != nil {
		return nil
	}
	return amqp.PreconditionFailed.Errorf("unknown default queue type '%s'", name)
}

func (v *vhost) setMetadata(m VhostMetadata) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted {
		return fmt.Errorf("%w: '%s'", ErrVhostNotFound, v.name)
	}
	v.metadata = m
	v.keepMetadata()
	return nil
}

// typeOf is the type of a queue that is declared so.
func (v *vhost) typeOf(m *amqp.QueueDeclare) string {
	if name, named := v.typed(m).Arguments.Get("x-queue-type"); named {
		return text(name)
	}
	return classicQueue.name()
}

// typed is a declaration of a queue with the type that the vhost has for it, if it
// does not name one and can be of that type.
func (v *vhost) typed(m *amqp.QueueDeclare) *amqp.QueueDeclare {
	if _, named := m.Arguments.Get("x-queue-type"); named {
		return m
	}
	v.mu.RLock()
	name := v.metadata.DefaultQueueType
	v.mu.RUnlock()
	if name == "" {
		name = v.defaultType
	}
	t := queueTypes[name]
	if t == nil || t == classicQueue || t.replicated && (!m.Durable || m.Exclusive || m.AutoDelete) {
		return m
	}
	typed := *m
	typed.Arguments = append(slices.Clip(m.Arguments), amqp.Field{Key: "x-queue-type", Value: name})
	return &typed
}
