package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// quorum tells whether a queue is a quorum queue, as a client sees one.
func (q *queue) quorum() bool { return word(q.args, "x-queue-type") == "quorum" }

// checkQuorum is QARG-26, QARG-28 to QARG-30 and QDEC-03, for a queue that is new.
func checkQuorum(m *amqp.QueueDeclare) *refusal {
	if word(m.Arguments, "x-queue-type") != "quorum" {
		return nil
	}
	invalid := func(property string) *refusal {
		return refuse(406, "invalid property '%s' for queue '%s' in vhost '/'", property, m.Queue)
	}
	switch _, priorities := m.Arguments.Get("x-max-priority"); {
	case m.Queue == "":
		return refuse(406, "Cannot declare a server-named queue for type rabbit_quorum_queue")
	case priorities:
		return refuse(406, "invalid arg 'x-max-priority' for queue '%s' in vhost '/' of queue type rabbit_quorum_queue", m.Queue)
	case m.AutoDelete:
		return invalid("auto-delete")
	case m.Exclusive:
		return invalid("exclusive-owner")
	case !m.Durable:
		return invalid("non-durable")
	}
	return nil
}

// cannotDelete is QQ-03 and QQ-04.
func (q *queue) cannotDelete(m *amqp.QueueDelete) *refusal {
	flag := ""
	switch {
	case !q.quorum():
	case m.IfUnused:
		flag = "if-unused"
	case m.IfEmpty:
		flag = "if-empty"
	}
	if flag == "" {
		return nil
	}
	return refuse(540, "cannot delete queue '%s' in vhost '/'. queue.delete operations with %s flag set are not supported by quorum queues",
		q.name, flag)
}

// cannotGet is QQ-07.
func (q *queue) cannotGet() *refusal {
	if !q.quorum() || !q.single() {
		return nil
	}
	return refuse(405, "cannot obtain access to locked queue '%s' in vhost '/'. basic.get operations are not supported by "+
		"quorum queues with single active consumer", q.name)
}

// overflows is what happens to messages above the limits: in a quorum queue the
// policy says so rather than the argument (LEN-10), and one way is as another
// (QQ-20).
func (q *queue) overflows() (how string) {
	if !q.quorum() {
		how, _ = q.word("overflow")
		return how
	}
	if all := q.asked("overflow"); len(all) > 0 {
		how = all[min(1, len(all)-1)].(string)
		if _, own := q.args.Get("x-overflow"); !own {
			how = all[0].(string)
		}
	}
	if how == "reject-publish-dlx" {
		return "drop-head"
	}
	return how
}

// types are what policies for queues apply to.
func (q *queue) types() []string {
	if q.quorum() {
		return []string{"all", "queues", "quorum_queues"}
	}
	return []string{"all", "queues", "classic_queues"}
}

// back is where what is requeued goes in a quorum queue: before all that was never
// given back if deliveries are limited (QQ-13) or its channel was lost, else behind
// all (QQ-14).
func (q *queue) back(e entry, lost bool) entry {
	if q.quorum() && !q.grouped() && q.world.wrong != "quorum queues keep positions" {
		q.last++
		e.position = q.last
		_, limited := q.number("delivery-limit")
		if e.first = limited || lost; !e.first {
			e.place = e.position
		}
	}
	return e
}

// keepsAll has a quorum queue store every message (QQ-02).
func (q *queue) keepsAll() bool {
	return q.quorum() && q.world.wrong != "quorum queues lose what is transient"
}

// cannotConsume is QQ-05.
func (ch *channel) cannotConsume(q *queue) *refusal {
	if !q.quorum() || ch.limit == 0 {
		return nil
	}
	return refuse(540, "queue '%s' in vhost '/' does not support global qos", q.name)
}

// consumesQuorum tells whether the channel has a consumer of a quorum queue.
func (ch *channel) consumesQuorum() bool {
	return slices.ContainsFunc(ch.consumers, func(k *consumer) bool { return k.queue.quorum() })
}
