package broker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// argumentCheck finds what is wrong with the value of an argument.
type argumentCheck struct {
	key   string
	check valueCheck
}

// queueChecks are those of queue.declare, in their order. Known arguments that
// are not here may have any value (QARG-21).
var queueChecks = []argumentCheck{
	{"x-expires", integers(1, tenYears, "value_too_large")},     // QARG-04
	{"x-message-ttl", integers(0, tenYears, "value_too_large")}, // QARG-03
	{"x-dead-letter-routing-key", deadLetterKey},                // QARG-11
	{"x-dead-letter-strategy", deadLetterStrategy},              // QARG-12
	{"x-max-length", count},                                     // QARG-05
	{"x-max-length-bytes", count},
	{"x-max-in-memory-length", count},
	{"x-max-in-memory-bytes", count},
	{"x-max-priority", integers(0, 255, "max_value_exceeded")}, // QARG-06
	{agingArgument, checkAging},
	{"x-overflow", overflow},              // QARG-09
	{"x-queue-mode", queueMode},           // QARG-08
	{"x-queue-version", queueVersion},     // QARG-07
	{"x-single-active-consumer", boolean}, // QARG-13
	{"x-message-groups", messageGroups},
	{"x-quorum-initial-group-size", positive}, // QARG-20
	{"x-max-age", maxAge},                     // QARG-17
	{"x-stream-max-segment-size-bytes", count},
	{"x-consumer-timeout", count},             // QARG-22
	{"x-initial-cluster-size", positive},      // QARG-20
	{"x-queue-leader-locator", leaderLocator}, // QARG-16
	dedupChecks[0], dedupChecks[1], dedupChecks[2], dedupChecks[3],
}

// consumerChecks are those of basic.consume.
var consumerChecks = []argumentCheck{
	{"x-priority", anyInteger},           // CONS-10
	{"x-cancel-on-ha-failover", boolean}, // CONS-12
	{"x-consumer-timeout", count},        // QARG-22
}

// checkServerNamed is for a declaration without a name (QDEC-03).
func checkServerNamed(args amqp.Table) error {
	v, ok := args.Get("x-queue-type")
	if !ok {
		return nil
	}
	switch t := queueTypes[text(v)]; {
	case t == nil:
		return crash("the type of a server-named queue is %s", amqp.FormatValue(v))
	case t.replicated:
		return amqp.PreconditionFailed.Errorf("Cannot declare a server-named queue for type %s", t.module)
	}
	return nil
}

// checkDeclaration returns the type of a new queue, if its arguments are in
// order. The order of what is checked is RabbitMQ's. what names the queue in
// texts.
func checkDeclaration(what string, m *amqp.QueueDeclare) (*queueType, error) {
	if v, ok := m.Arguments.Get("x-dead-letter-exchange"); ok && !isString(v) { // QARG-10
		return nil, amqp.PreconditionFailed.Errorf("invalid type '%s' for arg 'x-dead-letter-exchange' in %s",
			amqp.TypeName(v), what)
	}
	t, err := queueTypeOf(what, m.Arguments)
	if err != nil {
		return nil, err
	}
	if err := t.check(what, m.Arguments, queueChecks, (*queueType).queueArguments); err != nil {
		return nil, err
	}
	return t, t.checkProperties(what, m)
}

// queueTypeOf is the type that the arguments of a queue name.
func queueTypeOf(what string, args amqp.Table) (*queueType, error) {
	v, ok := args.Get("x-queue-type")
	if !ok {
		return classicQueue, nil
	}
	if err := knownType(v, nil); err != nil { // QARG-14
		return nil, invalidArgument("x-queue-type", what, err)
	}
	return queueTypes[v.(string)], nil
}

// checkConsumer checks the arguments of a consumer.
func (t *queueType) checkConsumer(what string, args amqp.Table) error {
	if err := t.check(what, args, consumerChecks, (*queueType).argumentsOfConsumer); err != nil {
		return err
	}
	if _, ok := args.Get("x-credit"); ok { // RabbitMQ has it for itself, and fails
		return crash("x-credit is not for clients")
	}
	return nil
}

// check checks the values of the arguments in one of the lists of t, then that
// there are none that only another type of queue has (QARG-24, CONS-11). What
// no type has is ignored (QDEC-29).
func (t *queueType) check(what string, args amqp.Table, checks []argumentCheck, list func(*queueType) []string) error {
	for _, c := range checks {
		v, ok := args.Get(c.key)
		if !ok || !slices.Contains(list(t), c.key) {
			continue
		}
		if err := c.check(v, args); err != nil {
			return invalidArgument(c.key, what, err)
		}
	}
	for _, f := range args {
		if known(f.Key, list) && !slices.Contains(list(t), f.Key) {
			return amqp.PreconditionFailed.Errorf("invalid arg '%s' for %s of queue type %s", f.Key, what, t.module)
		}
	}
	return nil
}

// checkProperties checks what the type thinks of the declaration as a whole.
func (t *queueType) checkProperties(what string, m *amqp.QueueDeclare) error {
	invalid := func(property string) error {
		return amqp.PreconditionFailed.Errorf("invalid property '%s' for %s", property, what)
	}
	switch {
	case t.replicated && m.AutoDelete: // QARG-30
		return invalid("auto-delete")
	case t.replicated && m.Exclusive: // QARG-29
		return invalid("exclusive-owner")
	case t.replicated && !m.Durable: // QARG-28
		return invalid("non-durable")
	case t == classicQueue && !m.Exclusive:
		return checkMasterLocator(m.Arguments)
	case t == streamQueue:
		return checkStream(m.Arguments)
	}
	return nil
}

// checkMasterLocator is QARG-15: RabbitMQ does not check it, and fails.
func checkMasterLocator(args amqp.Table) error {
	v, ok := args.Get("x-queue-master-locator")
	if !ok {
		return nil
	}
	if !slices.Contains([]string{"min-masters", "client-local", "random"}, text(v)) {
		return crash("the x-queue-master-locator is %s", amqp.FormatValue(v))
	}
	return nil
}

// checkStream refuses all streams.
func checkStream(args amqp.Table) error {
	v, _ := args.Get("x-stream-max-segment-size-bytes")
	if n, _ := integer(v); n > 3_000_000_000 { // QARG-18
		return amqp.PreconditionFailed.Errorf("Exceeded max value for x-stream-max-segment-size-bytes")
	}
	return refused("queue type stream")
}

// invalidArgument is for a value that a check has found wrong.
func invalidArgument(key, what string, reason error) error {
	var e *amqp.Error
	if errors.As(reason, &e) {
		return e
	}
	return amqp.PreconditionFailed.Errorf("invalid arg '%s' for %s: %v", key, what, reason)
}

// crash is for what makes RabbitMQ's own code fail, and is no fault of ours: the
// cause is for the log.
func crash(format string, args ...any) error {
	return &amqp.Error{Code: amqp.InternalError, NoMethod: true, Err: fmt.Errorf(format, args...)}
}
