package broker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/leveretmq/leveret/storage"
)

// Parameter is a value that a component keeps in a vhost, or globally: then it has
// no component. Those of components that there are not here, such as shovel, are
// kept and do nothing.
type Parameter struct {
	Component, Name string
	Value           json.RawMessage
}

// ErrParameterNotFound is for a parameter that is to be cleared, and is not there.
var ErrParameterNotFound = errors.New("parameter does not exist")

// parameters are those of all vhosts, and the global ones.
type parameters struct {
	store *storage.DB // immutable; nil: nothing is kept

	mu  sync.RWMutex // guards what follows; below vhost.mu
	all map[parameterName]parameter
}

// parameterName is what is in the way of another parameter. Without a vhost it is
// global.
type parameterName struct {
	vhost           *vhost
	component, name string
}

// parameter never changes.
type parameter struct {
	value string // JSON without white space
	id    uint64 // in the store, 0 if it is not there
}

// SetParameter adds a parameter to a vhost, or replaces the one of that name.
// Operator policies are parameters of the component operator_policy, the limits
// of a vhost the parameter limits of vhost-limits: setting one of these does what
// SetOperatorPolicy and SetVhostLimits do.
func (b *Broker) SetParameter(vhost string, p Parameter) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if c, ok := components[p.Component]; ok {
		return c.set(b, vhost, p)
	}
	return b.parameters.await(b.parameters.set(v, p))
}

// ClearParameter removes one.
func (b *Broker) ClearParameter(vhost, component, name string) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if c, ok := components[component]; ok {
		return c.clear(b, vhost, name)
	}
	return b.parameters.await(b.parameters.clear(parameterName{v, component, name}))
}

// Parameters are those of a vhost, ordered by component and name.
func (b *Broker) Parameters(vhost string) ([]Parameter, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	all := b.parameters.of(v)
	for _, c := range components {
		special, err := c.list(b, vhost)
		if err != nil {
			return nil, err
		}
		all = append(all, special...)
	}
	return inOrder(all), nil
}

// SetGlobalParameter adds a global parameter, or replaces the one of that name.
func (b *Broker) SetGlobalParameter(name string, value json.RawMessage) error {
	return b.parameters.await(b.parameters.set(nil, Parameter{Name: name, Value: value}))
}

// ClearGlobalParameter removes one.
func (b *Broker) ClearGlobalParameter(name string) error {
	return b.parameters.await(b.parameters.clear(parameterName{name: name}))
}

// GlobalParameters are ordered by name.
func (b *Broker) GlobalParameters() []Parameter { return inOrder(b.parameters.of(nil)) }

func inOrder(all []Parameter) []Parameter {
	slices.SortFunc(all, func(a, b Parameter) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// set puts a parameter of a vhost, or a global one.
func (ps *parameters) set(v *vhost, described Parameter) (storage.Group, error) {
	var value bytes.Buffer
	if err := json.Compact(&value, described.Value); err != nil {
		return 0, fmt.Errorf("the value of parameter '%s' is no JSON: %w", described.Name, err)
	}
	return ps.change(v, func() error {
		key := parameterName{v, described.Component, described.Name}
		p := parameter{value.String(), ps.all[key].id}
		if ps.store != nil {
			if p.id == 0 {
				p.id = ps.store.NewID()
			}
			e := parameterEntity{component: key.component, name: key.name, value: p.value}
			if v != nil {
				e.vhost = v.id
			}
			ps.store.Put(storage.Entity{Kind: parameterKind, ID: p.id, Value: e.append(nil)})
		}
		ps.put(key, p)
		return nil
	})
}

// put makes a parameter known. ps.mu is held, or ps is new.
func (ps *parameters) put(key parameterName, p parameter) {
	if ps.all == nil {
		ps.all = map[parameterName]parameter{}
	}
	ps.all[key] = p
}

func (ps *parameters) clear(key parameterName) (storage.Group, error) {
	return ps.change(key.vhost, func() error {
		if _, have := ps.all[key]; !have {
			return fmt.Errorf("%w: '%s'", ErrParameterNotFound, key.name)
		}
		ps.drop(key)
		return nil
	})
}

// drop forgets one. A unit is open, and ps.mu held.
func (ps *parameters) drop(key parameterName) {
	if id := ps.all[key].id; id != 0 {
		ps.store.Drop(parameterKind, id)
	}
	delete(ps.all, key)
}

// change does something in a unit, with the lock held, unless the vhost is deleted.
func (ps *parameters) change(v *vhost, do func() error) (g storage.Group, err error) {
	if ps.store != nil {
		ps.store.Begin()
		defer func() { g = ps.store.End() }()
	}
	if v != nil {
		v.mu.RLock()
		defer v.mu.RUnlock()
		if v.deleted {
			return 0, fmt.Errorf("%w: '%s'", ErrVhostNotFound, v.name)
		}
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return 0, do()
}

// await waits until a change is durable, if there was one.
func (ps *parameters) await(g storage.Group, err error) error {
	if err != nil || ps.store == nil {
		return err
	}
	return ps.store.Wait(g)
}

// of are those of a vhost, or the global ones, in any order.
func (ps *parameters) of(v *vhost) (all []Parameter) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	for key, p := range ps.all {
		if key.vhost == v {
			all = append(all, Parameter{key.component, key.name, json.RawMessage(p.value)})
		}
	}
	return all
}

// forgetVhost is for one that is deleted. A unit is open.
func (ps *parameters) forgetVhost(v *vhost) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for key := range ps.all {
		if key.vhost == v {
			ps.drop(key)
		}
	}
}
