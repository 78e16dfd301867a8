package model

import (
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

func inequivalent(arg, what string, received, current any) *refusal {
	return refuse(406, "inequivalent arg '%s' for %s in vhost '/': received '%v' but current is '%v'", arg, what, received, current)
}

// sameArgument is QDEC-25 to QDEC-28, and EXCH-20 to EXCH-22.
func sameArgument(arg, what string, now, before amqp.Table) *refusal {
	received, have := now.Get(arg)
	current, had := before.Get(arg)
	if have && had {
		if sameValue(received, current) {
			return nil
		}
		return inequivalent(arg, what, received, current)
	}
	if !have && !had {
		return nil
	}
	return refuse(406, "inequivalent arg '%s' for %s in vhost '/': received %s but current is %s",
		arg, what, describe(received, have), describe(current, had))
}

func describe(v any, present bool) string {
	if !present {
		return "none"
	}
	return fmt.Sprintf("the value '%v' of type '%s'", v, typeName(v))
}

func typeName(v any) string {
	switch v.(type) {
	case int32:
		return "signedint"
	case int64:
		return "long"
	case int8:
		return "byte"
	case bool:
		return "bool"
	default:
		return "longstr"
	}
}

// compared are the arguments of queues that sequences use and that have to
// be the same when a queue is declared again, in their order (QDEC-24). Leveret's
// own come after those of RabbitMQ.
var compared = []string{
	"x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length",
	"x-max-length-bytes", "x-max-priority", "x-overflow", "x-single-active-consumer", "x-queue-type", "x-delivery-limit",
}

// comparedQuorum are those of quorum queues.
var comparedQuorum = []string{
	"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-expires", "x-max-length", "x-max-length-bytes",
	"x-overflow", "x-single-active-consumer", "x-queue-type", "x-delivery-limit", "x-message-ttl",
}

// deduplication are those that exchanges have, too.
var deduplication = []string{"x-message-deduplication", "x-cache-size", "x-cache-ttl", "x-deduplication-header"}

func (q *queue) equivalentArguments(args amqp.Table) *refusal {
	theirs := compared
	if q.quorum() {
		theirs = comparedQuorum
	}
	for _, arg := range append(slices.Concat(theirs, deduplication), "x-message-groups", "x-priority-aging") {
		if arg == "x-queue-type" && word(args, arg) != "quorum" && !q.quorum() { // QDEC-30
			continue
		}
		if r := sameArgument(arg, "queue '"+q.name+"'", args, q.args); r != nil {
			return r
		}
	}
	return nil
}

// checkQueueArguments is QARG-03 to QARG-11, for a queue that is new (QARG-31).
func checkQueueArguments(queue string, args amqp.Table) *refusal {
	invalid := func(arg, reason string) *refusal {
		return refuse(406, "invalid arg '%s' for queue '%s' in vhost '/': %s", arg, queue, reason)
	}
	for _, arg := range []string{"x-expires", "x-message-ttl", "x-max-length", "x-max-priority"} {
		v, _ := args.Get(arg)
		switch n, _ := integer(v); {
		case n < 0:
			return invalid(arg, fmt.Sprintf("{value_negative,%d}", n))
		case arg == "x-max-priority" && n > 255:
			return invalid(arg, fmt.Sprintf("{max_value_exceeded,%d}", n))
		}
	}
	_, exchange := args.Get("x-dead-letter-exchange")
	_, key := args.Get("x-dead-letter-routing-key")
	overflow := word(args, "x-overflow")
	switch {
	case key && !exchange:
		return invalid("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined")
	case !slices.Contains([]string{"", "drop-head", "reject-publish", "reject-publish-dlx"}, overflow):
		return invalid("x-overflow", "invalid_overflow")
	}
	return nil
}

// checkConsumerArguments is CONS-10 and CONS-11.
func (q *queue) checkConsumerArguments(args amqp.Table) (priority int, _ *refusal) {
	if v, ok := args.Get("x-priority"); ok {
		n, ok := integer(v)
		if !ok {
			return 0, refuse(406, "invalid arg 'x-priority' for queue '%s' in vhost '/': \"expected integer, got %s\"", q.name, typeName(v))
		}
		priority = int(n)
	}
	if _, ok := args.Get("x-stream-offset"); ok {
		kind := "classic"
		if q.quorum() {
			kind = "quorum"
		}
		return 0, refuse(406, "invalid arg 'x-stream-offset' for queue '%s' in vhost '/' of queue type rabbit_%s_queue", q.name, kind)
	}
	return priority, nil
}
