package oracle

import (
	"encoding/json"
	"strings"

	"github.com/leveretmq/leveret/broker"
)

// setPolicy is [Player.SetPolicy].
func (p *inProcess) setPolicy(set Policy) error {
	const vhost = "/"
	b := p.broker
	switch {
	case set.Clear && set.Operator:
		return b.DeleteOperatorPolicy(vhost, set.Name)
	case set.Clear:
		return b.DeletePolicy(vhost, set.Name)
	}
	policy := broker.Policy{Name: set.Name, Pattern: set.Pattern, ApplyTo: set.ApplyTo, Priority: set.Priority}
	numbers := json.NewDecoder(strings.NewReader(set.Definition))
	numbers.UseNumber()
	if err := numbers.Decode(&policy.Definition); err != nil {
		return err
	}
	if set.Operator {
		return b.SetOperatorPolicy(vhost, policy)
	}
	return b.SetPolicy(vhost, policy)
}
