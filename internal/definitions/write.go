package definitions

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/leveretmq/leveret/broker"
)

// Origin is what a document says of where it comes from.
type Origin struct {
	Version string // of RabbitMQ, as clients are told
	Cluster string
}

// Write has definitions as RabbitMQ exports those of a cluster.
func Write(d broker.Definitions, from Origin) ([]byte, error) {
	out := from.document("cluster")
	out.ClusterName = &from.Cluster
	out.Explanation = fmt.Sprintf("Definitions of cluster '%s'", from.Cluster)
	out.Users, out.Vhosts = []user{}, []vhost{}
	out.Permissions, out.TopicPermissions, out.GlobalParameters = []permission{}, []topicPermission{}, []parameter{}
	for _, u := range d.Users {
		algorithm := cmp.Or(u.HashingAlgorithm, broker.HashingSHA256)
		out.Users = append(out.Users, user{
			Name: u.Name, PasswordHash: u.PasswordHash, HashingAlgorithm: &algorithm,
			Tags: append(tags{}, u.Tags...), Limits: atLeast(u.Limits),
		})
	}
	for _, v := range d.Vhosts {
		if v.Make {
			out.Vhosts = append(out.Vhosts, writtenVhost(v))
		}
		out.add(v, &v.Name)
	}
	for _, p := range d.Permissions {
		out.Permissions = append(out.Permissions, permission(p))
	}
	for _, p := range d.TopicPermissions {
		out.TopicPermissions = append(out.TopicPermissions, topicPermission(p))
	}
	for _, p := range d.GlobalParameters {
		if p.Name != hashParameter {
			out.GlobalParameters = append(out.GlobalParameters, parameter{Name: p.Name, Value: p.Value})
		}
	}
	return out.bytes()
}

// WriteVhost has the definitions of a vhost as RabbitMQ exports them: none of their
// objects says in which vhost it is.
func WriteVhost(v broker.VhostDefinitions, from Origin) ([]byte, error) {
	out := from.document("single_virtual_host")
	out.VhostName = &v.Name
	out.Explanation = fmt.Sprintf("Definitions of virtual host '%s'", v.Name)
	one := writtenVhost(v)
	out.Metadata, out.Description, out.Limits = one.Metadata, one.Description, one.Limits
	out.add(v, nil)
	return out.bytes()
}

func (from Origin) document(format string) *document {
	return &document{
		RabbitVersion: from.Version, RabbitMQVersion: from.Version, ProductName: "RabbitMQ", ProductVersion: from.Version,
		Format:     format,
		Parameters: []parameter{}, Policies: []policy{}, Exchanges: []exchange{}, Queues: []queue{}, Bindings: []binding{},
	}
}

func (d *document) bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}

// add writes what is in a vhost; name is nil if that goes without saying.
func (d *document) add(v broker.VhostDefinitions, name *string) {
	for _, p := range v.Parameters {
		d.Parameters = append(d.Parameters, parameter{Vhost: name, Component: &p.Component, Name: p.Name, Value: p.Value})
	}
	for _, p := range v.Policies {
		d.Policies = append(d.Policies, policy{
			Vhost: name, Name: p.Name, Pattern: p.Pattern, ApplyTo: cmp.Or(p.ApplyTo, "all"), Definition: written(p.Definition), Priority: p.Priority,
		})
	}
	for _, x := range v.Exchanges {
		d.Exchanges = append(d.Exchanges, exchange{
			Name: x.Name, Vhost: name, Type: x.Type, Durable: &x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
			Arguments: written(x.Arguments),
		})
	}
	for _, q := range v.Queues {
		d.Queues = append(d.Queues, queue{
			Name: q.Name, Vhost: name, Type: q.Type, Durable: &q.Durable, AutoDelete: q.AutoDelete, Arguments: written(q.Arguments),
		})
	}
	for _, b := range v.Bindings {
		to := "queue"
		if b.ToExchange {
			to = "exchange"
		}
		d.Bindings = append(d.Bindings, binding{
			Source: b.Source, Vhost: name, Destination: b.Destination, DestinationType: to, RoutingKey: b.RoutingKey,
			Arguments: written(b.Arguments),
		})
	}
}

// writtenVhost has twice what newer versions of RabbitMQ have in another place.
func writtenVhost(v broker.VhostDefinitions) vhost {
	out := vhost{Name: v.Name, Limits: limits{}}
	for _, p := range v.Parameters {
		if p.Component == vhostLimits {
			_ = json.Unmarshal(p.Value, &out.Limits) // there are no others
		}
	}
	m := v.Metadata
	if m == nil {
		return out
	}
	out.metadata = metadata{Description: &m.Description, Tags: append(tags{}, m.Tags...)}
	if m.DefaultQueueType != "" {
		out.DefaultQueueType = &m.DefaultQueueType
	}
	out.Metadata = &out.metadata
	return out
}

// The components whose parameters mean something.
const (
	vhostLimits    = "vhost-limits"
	operatorPolicy = "operator_policy"
)

// parameter is how the limits of a vhost are set.
func (l limits) parameter() (broker.Parameter, bool) {
	if len(l) == 0 {
		return broker.Parameter{}, false
	}
	value, err := json.Marshal(l)
	return broker.Parameter{Component: vhostLimits, Name: "limits", Value: value}, err == nil
}

// atLeast are limits as JSON wants them.
func atLeast(m map[string]int) limits {
	if m == nil {
		return limits{}
	}
	return m
}
