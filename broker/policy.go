package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Policy gives settings to the queues and exchanges of a vhost in whose names a
// pattern is found. Each of them has one policy at most, that of the highest
// priority, and by the same rules one operator policy (POL-01, POL-02).
type Policy struct {
	Name string

	// Pattern is a regular expression as package regexp has them. It is found
	// anywhere in a name, unless it has ^ or $.
	Pattern string

	// ApplyTo is all, queues, exchanges, classic_queues, quorum_queues or
	// streams. Default: all.
	ApplyTo string

	// Priority decides between policies for the same thing; among equals the
	// first by name counts.
	Priority int

	// Definition has the settings by their keys (POL-06), such as "max-length":
	// 1000. Numbers may be of any type of integer, or a json.Number.
	Definition map[string]any
}

// PolicyError is what is wrong with a policy that is refused (POL-05, POL-07).
type PolicyError struct {
	Faults []string // in RabbitMQ's words
}

// Error has the text by which RabbitMQ refuses the policy (POL-08).
func (e *PolicyError) Error() string {
	return "Validation failed\n\n" + strings.Join(e.Faults, "\n") + "\n"
}

// ErrPolicyNotFound is for a policy that is to be deleted, and is not there.
var ErrPolicyNotFound = errors.New("policy does not exist")

// SetPolicy adds a policy to a vhost, or replaces the one of the same name. All
// that it is for has the new settings when SetPolicy returns (POL-03). The error
// is a [PolicyError] if it is not in order, and then nothing has changed.
func (b *Broker) SetPolicy(vhost string, p Policy) error { return b.setPolicy(vhost, policyKind, p) }

// DeletePolicy removes a policy. What had it has what is left when DeletePolicy
// returns.
func (b *Broker) DeletePolicy(vhost, name string) error {
	return b.deletePolicy(vhost, policyKind, name)
}

// Policies are those of a vhost, ordered by name.
func (b *Broker) Policies(vhost string) ([]Policy, error) { return b.policies(vhost, policyKind) }

// SetOperatorPolicy does for operator policies what SetPolicy does. They limit
// what policies and arguments may set: the lower number counts (POL-04).
func (b *Broker) SetOperatorPolicy(vhost string, p Policy) error {
	return b.setPolicy(vhost, operatorPolicyKind, p)
}

// DeleteOperatorPolicy removes an operator policy.
func (b *Broker) DeleteOperatorPolicy(vhost, name string) error {
	return b.deletePolicy(vhost, operatorPolicyKind, name)
}

// OperatorPolicies are those of a vhost, ordered by name.
func (b *Broker) OperatorPolicies(vhost string) ([]Policy, error) {
	return b.policies(vhost, operatorPolicyKind)
}

func (b *Broker) setPolicy(vhost string, kind storage.EntityKind, described Policy) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	p, err := newPolicy(kind, described.entity())
	if err != nil {
		return err
	}
	if err := v.putPolicy(kind, p); err != nil {
		return err
	}
	return v.policiesChanged(kind, p.name, "policy set")
}

// entity is how a policy is stored, in some vhost.
func (p Policy) entity() policyEntity {
	return policyEntity{
		name: p.Name, pattern: p.Pattern, applyTo: p.ApplyTo, priority: p.Priority, definition: ordered(p.Definition),
	}
}

func (b *Broker) deletePolicy(vhost string, kind storage.EntityKind, name string) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if err := v.dropPolicy(kind, name); err != nil {
		return err
	}
	return v.policiesChanged(kind, name, "policy deleted")
}

// policiesChanged gives queues the settings that they have now.
func (v *vhost) policiesChanged(kind storage.EntityKind, name, how string) error {
	v.log.Info().Str("vhost", v.name).Str("policy", name).Bool("operator", kind == operatorPolicyKind).Msg(how)
	v.conformQueues()
	return v.awaitTopology()
}

// vhost is the one with a name.
func (b *Broker) vhost(name string) (*vhost, error) {
	if v := b.vhosts.get(name); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("%w: '%s'", ErrVhostNotFound, name)
}

func (b *Broker) policies(vhost string, kind storage.EntityKind) ([]Policy, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []Policy
	for _, name := range slices.Sorted(maps.Keys(v.policies[kind])) {
		p := v.policies[kind][name]
		all = append(all, Policy{p.name, p.pattern, p.applyTo, p.priority, unordered(p.definition)})
	}
	return all, nil
}

func unordered(t amqp.Table) map[string]any {
	m := make(map[string]any, len(t))
	for _, f := range t {
		m[f.Key] = f.Value
		if list, ok := f.Value.(amqp.Array); ok {
			m[f.Key] = slices.Clone([]any(list))
		}
	}
	return m
}
