package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// queueType is what the queues of a type take.
type queueType struct {
	module            string   // RabbitMQ's name for it, which its texts show
	arguments         []string // of queue.declare, in the order in which they are compared (QDEC-24)
	consumerArguments []string // of basic.consume
	foreignPolicies   []string // keys of policies that queues of the type do not have (POL-11)
	replicated        bool     // they are named by the client, durable and shared (QDEC-03, QARG-28 to QARG-30)
}

var queueTypes = map[string]*queueType{"classic": classicQueue, "quorum": quorumQueue, "stream": streamQueue}

var classicQueue = &queueType{
	module: "rabbit_classic_queue",
	arguments: []string{
		"x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length",
		"x-max-length-bytes", "x-max-priority", "x-overflow", "x-queue-mode", "x-queue-version",
		"x-single-active-consumer", "x-queue-type", "x-queue-master-locator",
		// Deviates: RabbitMQ knows it for quorum queues only (QARG-25), whose
		// functions all queues share here. Of x-consumer-timeout it knows nothing yet.
		"x-delivery-limit", "x-consumer-timeout",
		// Deviates: RabbitMQ knows none of these (LAV-14).
		dedupArgument, dedupSizeArgument, dedupTTLArgument, dedupHeaderArgument, "x-message-groups", agingArgument,
	},
	consumerArguments: []string{"x-priority", "x-cancel-on-ha-failover", "x-consumer-timeout", "x-credit"},
	// RabbitMQ has delivery-limit here, too.
	foreignPolicies: []string{
		"max-age", "stream-max-segment-size-bytes", "queue-leader-locator", "initial-cluster-size",
		"dead-letter-strategy",
	},
}

// quorumQueue differs from classicQueue in little that a client can see: here is
// but one node, and what is durable there is durable here.
var quorumQueue = &queueType{
	module: "rabbit_quorum_queue",
	arguments: []string{
		"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-expires", "x-max-length",
		"x-max-length-bytes", "x-max-in-memory-length", "x-max-in-memory-bytes", "x-overflow",
		"x-single-active-consumer", "x-queue-type", "x-quorum-initial-group-size", "x-delivery-limit",
		"x-message-ttl", "x-queue-leader-locator", "x-consumer-timeout",
		dedupArgument, dedupSizeArgument, dedupTTLArgument, dedupHeaderArgument, "x-message-groups",
	},
	consumerArguments: []string{"x-priority", "x-consumer-timeout", "x-credit"},
	foreignPolicies: []string{
		"queue-mode", "ha-mode", "ha-params", "ha-sync-mode", "ha-promote-on-shutdown", "ha-promote-on-failure",
		"queue-master-locator", "max-age", "stream-max-segment-size-bytes", "initial-cluster-size",
	},
	replicated: true,
}

var streamQueue = &queueType{
	module: "rabbit_stream_queue",
	arguments: []string{
		"x-max-length-bytes", "x-queue-type", "x-max-age", "x-stream-max-segment-size-bytes",
		"x-initial-cluster-size", "x-queue-leader-locator", "x-consumer-timeout",
	},
	consumerArguments: []string{"x-stream-offset", "x-credit"},
	replicated:        true,
}

func (t *queueType) queueArguments() []string      { return t.arguments }
func (t *queueType) argumentsOfConsumer() []string { return t.consumerArguments }

// checkDelete refuses conditions that a replicated queue does not know (QQ-03,
// QQ-04).
func (t *queueType) checkDelete(what string, m *amqp.QueueDelete) error {
	flag := ""
	switch {
	case t.replicated && m.IfUnused:
		flag = "if-unused"
	case t.replicated && m.IfEmpty:
		flag = "if-empty"
	default:
		return nil
	}
	return amqp.NotImplemented.Errorf("cannot delete %s. queue.delete operations with %s flag set are not supported by quorum queues",
		what, flag)
}

// known tells whether a type of queue has an argument in one of its lists.
func known(key string, list func(*queueType) []string) bool {
	for _, t := range queueTypes {
		if slices.Contains(list(t), key) {
			return true
		}
	}
	return false
}
