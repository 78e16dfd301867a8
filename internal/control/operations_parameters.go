package control

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/broker"
)

var parameterOperations = map[string]operation{
	"list_parameters":        list(inVhost((*broker.Broker).Parameters), parameterColumns),
	"list_global_parameters": list(func(q *request) ([]broker.Parameter, error) { return q.Broker.GlobalParameters(), nil }, parameterColumns),
	"set_parameter": func(q *request) (any, error) {
		value, err := parameterValue(q)
		if err != nil {
			return nil, err
		}
		if c := q.get("component"); !slices.Contains(components, c) {
			return nil, &Error{Invalid, "Validation failed\n\ncomponent " + c + " not found\n"}
		}
		return nil, q.Broker.SetParameter(q.get("vhost"), broker.Parameter{Component: q.get("component"), Name: q.get("name"), Value: value})
	},
	"clear_parameter": clearParameter,
	"set_global_parameter": func(q *request) (any, error) {
		value, err := parameterValue(q)
		if err != nil {
			return nil, err
		}
		return nil, q.Broker.SetGlobalParameter(q.get("name"), value)
	},
	"clear_global_parameter": func(q *request) (any, error) { return nil, q.Broker.ClearGlobalParameter(q.get("name")) },
	"set_cluster_name": func(q *request) (any, error) {
		name, err := json.Marshal(q.get("value"))
		if err != nil {
			return nil, err
		}
		return nil, q.Broker.SetGlobalParameter("cluster_name", name)
	},
}

// clearParameter: limits that there are none of are a parameter that is not there.
func clearParameter(q *request) (any, error) {
	component, name := q.get("component"), q.get("name")
	all, err := q.Broker.Parameters(q.get("vhost"))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(p broker.Parameter) bool { return p.Component == component && p.Name == name }) {
		return nil, fmt.Errorf("%w: '%s'", broker.ErrParameterNotFound, name)
	}
	return nil, q.Broker.ClearParameter(q.get("vhost"), component, name)
}

// components are what parameters may be of: those of RabbitMQ and its plugins.
var components = []string{"policy", "operator_policy", "vhost-limits", "federation-upstream", "federation-upstream-set", "shovel", "mqtt"}

func parameterValue(q *request) (json.RawMessage, error) {
	var value json.RawMessage
	err := decode(q.get("value"), &value)
	return value, err
}

var parameterColumns = columns[broker.Parameter]{
	"component": func(_ *request, p *broker.Parameter) any { return p.Component },
	"name":      func(_ *request, p *broker.Parameter) any { return p.Name },
	"value":     func(_ *request, p *broker.Parameter) any { return string(p.Value) },
}
