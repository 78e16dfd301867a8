package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// topology is what a run has declared, and where its producers publish.
type topology struct {
	queues        []string
	exchange, key string
}

// declareTopology declares the queues, the exchange and the bindings of l
// under names of their own.
func declareTopology(c *client, l load) (topology, error) {
	prefix := fmt.Sprintf("bench-%d", time.Now().UnixNano())
	var t topology
	for i := range max(1, l.queues) {
		t.queues = append(t.queues, fmt.Sprintf("%s-%d", prefix, i))
		if err := c.declareQueue(t.queues[i], l.durable, l.args); err != nil {
			return topology{}, err
		}
	}
	t.key = t.queues[0]
	if l.exchange == "" {
		return t, nil
	}
	t.exchange, t.key = prefix, "bench.key.of.this"
	if err := c.declareExchange(t.exchange, l.exchange); err != nil {
		return topology{}, err
	}
	for _, q := range t.queues {
		if err := c.bindQueue(q, t.exchange, t.key); err != nil {
			return topology{}, err
		}
	}
	for i := range l.bindings {
		if err := c.bindQueue(t.queues[0], t.exchange, fmt.Sprintf("other%d.*.of.#", i)); err != nil {
			return topology{}, err
		}
	}
	return t, nil
}

func (t topology) remove(c *client) error {
	var errs []error
	for _, q := range t.queues {
		errs = append(errs, c.deleteQueue(q))
	}
	if t.exchange != "" {
		errs = append(errs, c.deleteExchange(t.exchange))
	}
	return errors.Join(errs...)
}

func (c *client) declareQueue(name string, durable bool, args table) error {
	a := appendShort([]byte{0, 0}, name)
	a = append(a, bit(1, durable))
	return c.call(queueDeclare, appendTable(a, args), queueDeclareOk)
}

func (c *client) deleteQueue(name string) error {
	a := appendShort([]byte{0, 0}, name)
	return c.call(queueDelete, append(a, 0), queueDeleteOk)
}

func (c *client) bindQueue(queue, exchange, key string) error {
	a := appendShort([]byte{0, 0}, queue)
	a = appendShort(a, exchange)
	a = appendShort(a, key)
	return c.call(queueBind, appendTable(append(a, 0), nil), queueBindOk)
}

func (c *client) declareExchange(name, kind string) error {
	a := appendShort([]byte{0, 0}, name)
	a = appendShort(a, kind)
	return c.call(exchangeDeclare, appendTable(append(a, 0), nil), exchangeDeclareOk)
}

func (c *client) deleteExchange(name string) error {
	a := appendShort([]byte{0, 0}, name)
	return c.call(exchangeDelete, append(a, 0), exchangeDeleteOk)
}

func (c *client) qos(prefetch uint16) error {
	a := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, prefetch)
	return c.call(basicQos, append(a, 0), basicQosOk)
}

func (c *client) consume(queue string, noAck bool) error {
	a := appendShort([]byte{0, 0}, queue)
	a = appendShort(a, "")
	a = append(a, bit(1, noAck))
	return c.call(basicConsume, appendTable(a, nil), basicConsumeOk)
}

func (c *client) confirmSelect() error {
	return c.call(confirmSelect, []byte{0}, confirmSelectOk)
}

// bit is the nth bit of an octet, set or not.
func bit(n int, set bool) byte {
	if set {
		return 1 << n
	}
	return 0
}
