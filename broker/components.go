package broker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
)

// component is what its parameters stand for.
type component struct {
	set   func(b *Broker, vhost string, p Parameter) error
	clear func(b *Broker, vhost, name string) error
	list  func(b *Broker, vhost string) ([]Parameter, error)
}

// components are those whose parameters are kept elsewhere.
var components = map[string]component{
	operatorPolicyComponent: {setOperatorPolicy, (*Broker).DeleteOperatorPolicy, operatorPolicies},
	vhostLimitsComponent:    {setVhostLimits, clearVhostLimits, vhostLimitsParameter},
}

const (
	operatorPolicyComponent = "operator_policy"
	vhostLimitsComponent    = "vhost-limits"
	vhostLimitsName         = "limits" // of the only parameter of the component
)

// operatorPolicyValue is how RabbitMQ has an operator policy as a parameter.
type operatorPolicyValue struct {
	ApplyTo    string         `json:"apply-to"`
	Definition map[string]any `json:"definition"`
	Pattern    string         `json:"pattern"`
	Priority   int            `json:"priority"`
}

func setOperatorPolicy(b *Broker, vhost string, p Parameter) error {
	var value operatorPolicyValue
	if err := decodeParameter(p, &value); err != nil {
		return err
	}
	return b.SetOperatorPolicy(vhost, Policy{
		Name: p.Name, Pattern: value.Pattern, ApplyTo: value.ApplyTo, Priority: value.Priority, Definition: value.Definition,
	})
}

func operatorPolicies(b *Broker, vhost string) (all []Parameter, err error) {
	policies, err := b.OperatorPolicies(vhost)
	for _, p := range policies {
		value, err := json.Marshal(operatorPolicyValue{cmp.Or(p.ApplyTo, "all"), p.Definition, p.Pattern, p.Priority})
		if err != nil {
			return nil, err
		}
		all = append(all, Parameter{operatorPolicyComponent, p.Name, value})
	}
	return all, err
}

func setVhostLimits(b *Broker, vhost string, p Parameter) error {
	var limits map[string]int
	if err := decodeParameter(p, &limits); err != nil {
		return err
	}
	return b.SetVhostLimits(vhost, limits)
}

func clearVhostLimits(b *Broker, vhost, name string) error {
	limits, err := b.VhostLimits(vhost)
	switch {
	case err != nil:
		return err
	case name != vhostLimitsName || len(limits) == 0:
		return fmt.Errorf("%w: '%s'", ErrParameterNotFound, name)
	}
	return b.ClearVhostLimits(vhost)
}

func vhostLimitsParameter(b *Broker, vhost string) ([]Parameter, error) {
	limits, err := b.VhostLimits(vhost)
	if err != nil || len(limits) == 0 {
		return nil, err
	}
	value, err := json.Marshal(limits)
	return []Parameter{{vhostLimitsComponent, vhostLimitsName, value}}, err
}

// decodeParameter reads the value of a parameter that has a meaning.
func decodeParameter(p Parameter, value any) error {
	d := json.NewDecoder(bytes.NewReader(p.Value))
	d.UseNumber()
	if err := d.Decode(value); err != nil {
		return fmt.Errorf("the value of parameter '%s' of component '%s': %w", p.Name, p.Component, err)
	}
	return nil
}
