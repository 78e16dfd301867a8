package control

import (
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

// operation carries out a command. What it returns becomes JSON.
type operation func(*request) (any, error)

// operations are all that an open broker carries out, by name; see nodeOperations
// for the others.
var operations = merged(
	appOperations, listOperations, userOperations, permissionOperations, vhostOperations, parameterOperations, policyOperations, queueOperations,
)

func merged(all ...map[string]operation) map[string]operation {
	sum := map[string]operation{}
	for _, some := range all {
		maps.Copy(sum, some)
	}
	return sum
}

var policyOperations = map[string]operation{
	"set_policy":          setPolicy((*broker.Broker).SetPolicy),
	"set_operator_policy": setPolicy((*broker.Broker).SetOperatorPolicy),
	"clear_policy":        func(q *request) (any, error) { return nil, q.Broker.DeletePolicy(q.get("vhost"), q.get("name")) },
	"clear_operator_policy": func(q *request) (any, error) {
		return nil, q.Broker.DeleteOperatorPolicy(q.get("vhost"), q.get("name"))
	},
}

func setPolicy(set func(*broker.Broker, string, broker.Policy) error) operation {
	return func(q *request) (any, error) {
		p := broker.Policy{Name: q.get("name"), Pattern: q.get("pattern"), ApplyTo: q.get("apply-to")}
		if err := decode(q.get("definition"), &p.Definition); err != nil {
			return nil, err
		}
		var err error
		if p.Priority, err = q.number("priority", 0); err != nil {
			return nil, err
		}
		return nil, set(q.Broker, q.get("vhost"), p)
	}
}

// decode reads JSON, with numbers as they are written.
func decode(text string, to any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(to); err != nil || d.More() {
		return &Error{Invalid, "JSON decoding error. Reason: badarg"}
	}
	return nil
}

// number is an argument that is one, or what it is if it is not given.
func (q *request) number(name string, otherwise int) (int, error) {
	text := q.get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &Error{Invalid, name + " should be a number, actually was " + text}
	}
	return n, nil
}

// counted is an answer that says how many there were.
type counted struct {
	Count int `json:"count"`
}

var queueOperations = map[string]operation{
	"purge_queue": func(q *request) (any, error) {
		n, err := q.Broker.PurgeQueue(q.get("vhost"), q.get("queue"))
		return counted{n}, queueError(err)
	},
	"delete_queue": func(q *request) (any, error) {
		n, err := q.Broker.DeleteQueue(q.get("vhost"), q.get("queue"), q.get("if-unused") != "", q.get("if-empty") != "")
		return counted{n}, queueError(err)
	},
	"redrive":                    redrive,
	"close_connection":           closeConnection,
	"close_all_connections":      closeConnections("vhost", func(c *broker.ConnectionInfo) string { return c.Vhost }),
	"close_all_user_connections": closeConnections("user", func(c *broker.ConnectionInfo) string { return c.User }),
}

// queueError is why a queue cannot be deleted or purged. What AMQP says of it is for
// clients.
func queueError(err error) error {
	var e *amqp.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Code == amqp.NotFound:
		return &Error{NoQueue, e.Text}
	case strings.HasSuffix(e.Text, "in use"):
		return &Error{InUse, e.Text}
	case strings.HasSuffix(e.Text, "not empty"):
		return &Error{NotEmpty, e.Text}
	}
	return &Error{Refused, e.Text}
}

func closeConnection(q *request) (any, error) {
	id, ok := q.connection(q.get("connection"))
	if !ok {
		return nil, &Error{Invalid, q.get("connection")}
	}
	return nil, q.Broker.CloseConnection(id, q.get("reason"))
}

// closeConnections closes those of which something is as an argument says, of all
// vhosts if there is an argument global.
func closeConnections(by string, of func(*broker.ConnectionInfo) string) operation {
	return func(q *request) (any, error) {
		limit, err := q.number("limit", 0)
		if err != nil {
			return nil, err
		}
		n := 0
		closed := q.Broker.CloseConnections(func(c broker.ConnectionInfo) bool {
			if q.get("global") == "" && of(&c) != q.get(by) || limit > 0 && n >= limit {
				return false
			}
			n++
			return true
		}, q.get("reason"))
		return counted{closed}, nil
	}
}

// redrive moves messages, and tells how many so far.
func redrive(q *request) (any, error) {
	var o broker.RedriveOptions
	if q.arguments.Has("exchange") {
		to := q.get("exchange")
		o.Exchange, o.RoutingKey = &to, q.get("routing-key")
	}
	var err error
	if o.Count, err = q.number("limit", 0); err != nil {
		return nil, err
	}
	if rate := q.get("rate"); rate != "" {
		if o.Rate, err = strconv.ParseFloat(rate, 64); err != nil || o.Rate <= 0 {
			return nil, &Error{Invalid, "rate should be a positive number, actually was " + rate}
		}
	}
	o.Progress = q.tell
	n, err := q.Broker.Redrive(q, q.get("vhost"), q.get("queue"), o)
	return counted{n}, err
}
