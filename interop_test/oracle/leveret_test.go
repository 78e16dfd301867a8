package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
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

// operate is [Player.Operate]: commands are given by their words, but that a vhost
// stands behind -p.
func (p *inProcess) operate(words []string) error {
	vhost := "/"
	if i := slices.Index(words, "-p"); i > 0 {
		vhost = words[i+1]
		words = slices.Delete(slices.Clone(words), i, i+2)
	}
	command, ok := orders[words[0]]
	if !ok {
		return fmt.Errorf("nobody knows %s", words[0])
	}
	return command(p.broker, vhost, words[1:])
}

// orders are the commands that scenarios give.
var orders = map[string]func(b *broker.Broker, vhost string, args []string) error{
	"add_vhost":         func(b *broker.Broker, _ string, args []string) error { return b.CreateVhost(args[0]) },
	"delete_vhost":      func(b *broker.Broker, _ string, args []string) error { return b.DeleteVhost(args[0]) },
	"add_user":          func(b *broker.Broker, _ string, args []string) error { return b.AddUser(args[0], args[1]) },
	"delete_user":       func(b *broker.Broker, _ string, args []string) error { return b.DeleteUser(args[0]) },
	"change_password":   func(b *broker.Broker, _ string, args []string) error { return b.SetPassword(args[0], args[1]) },
	"set_user_tags":     func(b *broker.Broker, _ string, args []string) error { return b.SetUserTags(args[0], args[1:]...) },
	"clear_permissions": func(b *broker.Broker, vhost string, args []string) error { return b.ClearPermission(args[0], vhost) },
	"set_permissions": func(b *broker.Broker, vhost string, args []string) error {
		return b.SetPermission(broker.Permission{User: args[0], Vhost: vhost, Configure: args[1], Write: args[2], Read: args[3]})
	},
	"set_topic_permissions": func(b *broker.Broker, vhost string, args []string) error {
		return b.SetTopicPermission(broker.TopicPermission{User: args[0], Vhost: vhost, Exchange: args[1], Write: args[2], Read: args[3]})
	},
	"set_vhost_limits": func(b *broker.Broker, vhost string, args []string) error {
		limits, err := limitsIn(args[0])
		if err != nil {
			return err
		}
		return b.SetVhostLimits(vhost, limits)
	},
	"set_user_limits": func(b *broker.Broker, _ string, args []string) error {
		limits, err := limitsIn(args[1])
		if err != nil {
			return err
		}
		return b.SetUserLimits(args[0], limits)
	},
}

func limitsIn(text string) (limits map[string]int, err error) {
	err = json.Unmarshal([]byte(text), &limits)
	return limits, err
}
