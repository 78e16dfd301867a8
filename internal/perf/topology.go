package perf

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// Topology is what a load goes through. Producers and consumers are spread over
// the queues in turn.
type Topology struct {
	Queues         []string
	QueueArguments amqp.Table
	Durable        bool // the queues
	AutoDelete     bool // the queues, and an exchange that was not there
	Predeclared    bool // use queues as they are; those that are not there are declared

	Exchange   string // "": the default exchange
	Type       string // of it; "": direct
	RoutingKey string // "": the name of each queue
	Bindings   int    // of the first queue, besides, to keys that no message has
	Remove     bool   // what was declared goes when the test is closed
}

// key is the routing key of what is for a queue.
func (t *Topology) key(queue int) string {
	if t.RoutingKey != "" && t.Exchange != "" {
		return t.RoutingKey
	}
	return t.Queues[queue]
}

// reached are the queues that get what is for one of them.
func (t *Topology) reached(queue int) (all []int) {
	every := t.Exchange != "" && (t.Type == "fanout" || t.Type == "headers" || t.RoutingKey != "")
	for i := range t.Queues {
		if i == queue || every {
			all = append(all, i)
		}
	}
	return all
}

// declare has the broker make what is not there.
func (t *Topology) declare(ctx context.Context, a address) error {
	known := t.Exchange == "" || strings.HasPrefix(t.Exchange, "amq.")
	if !known {
		var err error
		if known, err = exists(ctx, a, &amqp.ExchangeDeclare{Exchange: t.Exchange, Passive: true}, &amqp.ExchangeDeclareOk{}); err != nil {
			return err
		}
	}
	missing, err := t.missing(ctx, a)
	if err != nil {
		return err
	}
	c, err := connect(ctx, a)
	if err != nil {
		return err
	}
	defer c.abort()
	if !known {
		m := &amqp.ExchangeDeclare{Exchange: t.Exchange, Type: t.kind(), AutoDelete: t.AutoDelete}
		if err := c.call(m, &amqp.ExchangeDeclareOk{}); err != nil {
			return err
		}
	}
	for _, q := range missing {
		m := &amqp.QueueDeclare{Queue: q, Durable: t.Durable, AutoDelete: t.AutoDelete, Arguments: t.QueueArguments}
		if err := c.call(m, &amqp.QueueDeclareOk{}); err != nil {
			return err
		}
	}
	if err := t.bind(c); err != nil {
		return err
	}
	return c.close()
}

func (t *Topology) kind() string {
	if t.Type == "" {
		return "direct"
	}
	return t.Type
}

// missing are the queues to declare.
func (t *Topology) missing(ctx context.Context, a address) (all []string, err error) {
	if !t.Predeclared {
		return t.Queues, nil
	}
	for _, q := range t.Queues {
		there, err := exists(ctx, a, &amqp.QueueDeclare{Queue: q, Passive: true}, &amqp.QueueDeclareOk{})
		if err != nil {
			return nil, err
		}
		if !there {
			all = append(all, q)
		}
	}
	return all, nil
}

func (t *Topology) bind(c *client) error {
	if t.Exchange == "" {
		return nil
	}
	for i, q := range t.Queues {
		if err := c.call(&amqp.QueueBind{Queue: q, Exchange: t.Exchange, RoutingKey: t.key(i)}, &amqp.QueueBindOk{}); err != nil {
			return err
		}
	}
	for i := range t.Bindings {
		m := &amqp.QueueBind{Queue: t.Queues[0], Exchange: t.Exchange, RoutingKey: fmt.Sprintf("other%d.*.of.#", i)}
		if err := c.call(m, &amqp.QueueBindOk{}); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes it all.
func (t *Topology) remove(ctx context.Context, a address) error {
	c, err := connect(ctx, a)
	if err != nil {
		return err
	}
	defer c.abort()
	for _, q := range t.Queues {
		if err := c.call(&amqp.QueueDelete{Queue: q}, &amqp.QueueDeleteOk{}); err != nil {
			return err
		}
	}
	if t.Exchange != "" && !strings.HasPrefix(t.Exchange, "amq.") {
		if err := c.call(&amqp.ExchangeDelete{Exchange: t.Exchange}, &amqp.ExchangeDeleteOk{}); err != nil {
			return err
		}
	}
	return c.close()
}

// exists asks on a connection of its own, since the answer no ends the channel.
func exists(ctx context.Context, a address, passive, reply amqp.Method) (bool, error) {
	c, err := connect(ctx, a)
	if err != nil {
		return false, err
	}
	defer c.abort()
	err = c.call(passive, reply)
	var r *refusal
	missing := errors.As(err, &r) && r.Code == amqp.NotFound
	if missing {
		err = c.send(1, &amqp.ChannelCloseOk{})
	}
	if err != nil {
		return false, err
	}
	return !missing, c.close()
}
