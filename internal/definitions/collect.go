package definitions

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/broker"
)

// hashParameter is the global parameter in which RabbitMQ keeps what it has
// imported at its start. It is none of what is defined.
const hashParameter = "imported_definition_hash_value"

// collected is what was read, in the broker's terms.
func (p *parser) collected() (broker.Definitions, error) {
	c := collection{at: map[string]int{}, vhost: p.vhost}
	d := &p.read
	if p.vhost == nil {
		c.clusterWide(d)
	}
	for _, x := range d.Parameters {
		v := c.in(x.Vhost)
		setParameter(v, broker.Parameter{Component: *x.Component, Name: x.Name, Value: x.plain()})
	}
	for _, x := range d.Policies {
		v := c.in(x.Vhost)
		v.Policies = append(v.Policies, broker.Policy{
			Name: x.Name, Pattern: x.Pattern, ApplyTo: cmp.Or(x.ApplyTo, "all"), Priority: x.Priority, Definition: x.Definition,
		})
	}
	c.topology(d)
	return c.all, c.err
}

// collection is what comes together.
type collection struct {
	all   broker.Definitions
	at    map[string]int // the place of each vhost in all
	vhost *string        // that all is in, nil if each object says it
	err   error          // the first there was
}

// in are the definitions of a vhost.
func (c *collection) in(name *string) *broker.VhostDefinitions {
	if c.vhost != nil {
		name = c.vhost
	}
	i, have := c.at[*name]
	if !have {
		i = len(c.all.Vhosts)
		c.at[*name] = i
		c.all.Vhosts = append(c.all.Vhosts, broker.VhostDefinitions{Name: *name})
	}
	return &c.all.Vhosts[i]
}

// arguments are those of an object.
func (c *collection) arguments(o object, kind, name, vhost string) map[string]any {
	args, err := o.arguments()
	if err != nil && c.err == nil {
		c.err = &broker.DefinitionError{Object: fmt.Sprintf("%s '%s' in vhost '%s'", kind, name, vhost), Err: err}
	}
	return args
}

func (c *collection) clusterWide(d *document) {
	for _, u := range d.Users {
		made, err := u.user(d.RabbitVersion)
		if err != nil && c.err == nil {
			c.err = &broker.DefinitionError{Object: fmt.Sprintf("user '%s'", u.Name), Err: err}
		}
		c.all.Users = append(c.all.Users, made)
	}
	for _, x := range d.Vhosts {
		v := c.in(&x.Name)
		v.Make, v.Metadata = true, x.described()
		if p, ok := x.Limits.parameter(); ok {
			setParameter(v, p)
		}
	}
	for _, x := range d.Permissions {
		c.all.Permissions = append(c.all.Permissions, broker.Permission(x))
	}
	for _, x := range d.TopicPermissions {
		c.all.TopicPermissions = append(c.all.TopicPermissions, broker.TopicPermission(x))
	}
	for _, x := range d.GlobalParameters {
		if x.Name != hashParameter {
			c.all.GlobalParameters = append(c.all.GlobalParameters, broker.Parameter{Name: x.Name, Value: x.Value})
		}
	}
}

// setParameter adds a parameter, or replaces the one of that name: that of limits is
// in two places.
func setParameter(v *broker.VhostDefinitions, p broker.Parameter) {
	for i, old := range v.Parameters {
		if old.Component == p.Component && old.Name == p.Name {
			v.Parameters[i] = p
			return
		}
	}
	v.Parameters = append(v.Parameters, p)
}

func (c *collection) topology(d *document) {
	for _, x := range d.Exchanges {
		v := c.in(x.Vhost)
		v.Exchanges = append(v.Exchanges, broker.Exchange{
			Name: x.Name, Type: x.Type, Durable: x.Durable == nil || *x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
			Arguments: c.arguments(x.Arguments, "exchange", x.Name, v.Name),
		})
	}
	for _, x := range d.Queues {
		v := c.in(x.Vhost)
		v.Queues = append(v.Queues, broker.Queue{
			Name: x.Name, Durable: x.Durable == nil || *x.Durable, AutoDelete: x.AutoDelete, Type: x.Type,
			Arguments: c.arguments(x.Arguments, "queue", x.Name, v.Name),
		})
	}
	for _, x := range d.Bindings {
		v := c.in(x.Vhost)
		if x.DestinationType != "queue" && x.DestinationType != "exchange" && c.err == nil {
			c.err = &broker.DefinitionError{
				Object: fmt.Sprintf("binding of exchange '%s' to '%s' in vhost '%s'", x.Source, x.Destination, v.Name),
				Err:    fmt.Errorf("unknown destination type '%s'", x.DestinationType),
			}
		}
		v.Bindings = append(v.Bindings, broker.Binding{
			Source: x.Source, Destination: x.Destination, ToExchange: x.DestinationType == "exchange", RoutingKey: x.RoutingKey,
			Arguments: c.arguments(x.Arguments, "binding of exchange", x.Source, v.Name),
		})
	}
}

// user is one of the broker's; version is that of the RabbitMQ that wrote it.
func (u user) user(version string) (broker.User, error) {
	made := broker.User{Name: u.Name, Tags: u.Tags, PasswordHash: u.PasswordHash, Limits: u.Limits}
	if u.HashingAlgorithm != nil {
		made.HashingAlgorithm = *u.HashingAlgorithm
	}
	if u.Password == nil || u.PasswordHash != "" {
		if made.PasswordHash != "" && made.HashingAlgorithm == "" {
			made.HashingAlgorithm = oldHashing(version)
		}
		return made, nil
	}
	made.HashingAlgorithm = cmp.Or(made.HashingAlgorithm, broker.HashingSHA256)
	var err error
	made.PasswordHash, err = broker.HashPassword(made.HashingAlgorithm, *u.Password)
	return made, err
}

// oldHashing is how a RabbitMQ hashed passwords that did not say how: before 3.6
// in one way only.
func oldHashing(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(major); err == nil && n <= 3 {
		if m, err := strconv.Atoi(minor); err == nil && (n < 3 || m < 6) {
			return broker.HashingMD5
		}
	}
	return broker.HashingSHA256
}

// described is what is said of a vhost, nil if nothing is.
func (v vhost) described() *broker.VhostMetadata {
	all := v.metadata
	if m := v.Metadata; m != nil {
		all.Description = cmp.Or(all.Description, m.Description)
		all.DefaultQueueType = cmp.Or(all.DefaultQueueType, m.DefaultQueueType)
		if all.Tags == nil {
			all.Tags = m.Tags
		}
	}
	if all.Description == nil && all.Tags == nil && all.DefaultQueueType == nil {
		return nil
	}
	described := &broker.VhostMetadata{Tags: all.Tags}
	if all.Description != nil {
		described.Description = *all.Description
	}
	if t := all.DefaultQueueType; t != nil && *t != "undefined" { // so RabbitMQ writes that there is none
		described.DefaultQueueType = *t
	}
	return described
}
