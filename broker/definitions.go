package broker

import (
	"errors"
	"slices"
)

// Definitions are what there is in a broker besides messages and what runs: what
// RabbitMQ calls by that name.
type Definitions struct {
	Users            []User
	Permissions      []Permission
	TopicPermissions []TopicPermission
	GlobalParameters []Parameter
	Vhosts           []VhostDefinitions
}

// VhostDefinitions are those of a vhost.
type VhostDefinitions struct {
	Name string

	// Make has Import make the vhost if it is not there, and Metadata, if they are
	// not nil, describe it anew.
	Make     bool
	Metadata *VhostMetadata

	Policies   []Policy
	Parameters []Parameter // operator policies and limits are among them
	Exchanges  []Exchange  // but those that are always there
	Queues     []Queue     // but exclusive ones
	Bindings   []Binding   // but those of exclusive queues
}

// Definitions are those of all vhosts, or of those that are named, with the users
// and what is global. What changes meanwhile may be in it or not.
func (b *Broker) Definitions(vhosts ...string) (Definitions, error) {
	d := Definitions{
		Users: b.Users(), Permissions: b.Permissions(), TopicPermissions: b.TopicPermissions(),
		GlobalParameters: b.GlobalParameters(),
	}
	if len(vhosts) == 0 {
		vhosts = b.Vhosts()
	}
	for _, name := range vhosts {
		v, err := b.vhostDefinitions(name)
		if err != nil {
			return Definitions{}, err
		}
		d.Vhosts = append(d.Vhosts, v)
	}
	return d, nil
}

func (b *Broker) vhostDefinitions(name string) (VhostDefinitions, error) {
	var errs [6]error
	metadata, err := b.VhostMetadata(name)
	d := VhostDefinitions{Name: name, Make: true, Metadata: &metadata}
	d.Policies, errs[0] = b.Policies(name)
	d.Parameters, errs[1] = b.Parameters(name)
	d.Bindings, errs[2] = b.Bindings(name)
	d.Exchanges, errs[3] = b.Exchanges(name)
	d.Queues, errs[4] = b.Queues(name)
	errs[5] = err

	exclusive := map[string]bool{}
	d.Queues = slices.DeleteFunc(d.Queues, func(q Queue) bool {
		exclusive[q.Name] = q.Exclusive
		return q.Exclusive
	})
	d.Bindings = slices.DeleteFunc(d.Bindings, func(d Binding) bool { return !d.ToExchange && exclusive[d.Destination] })
	d.Exchanges = slices.DeleteFunc(d.Exchanges, func(x Exchange) bool { return reserved(x.Name) })
	return d, errors.Join(errs[:]...)
}
