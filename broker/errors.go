package broker

import "github.com/leveretmq/leveret/amqp"

// Conditions that several methods raise, in RabbitMQ's words.

func noQueue(name string, v *vhost) error {
	return amqp.NotFound.Errorf("no queue '%s' in vhost '%s'", name, v.name)
}

func noExchange(name string, v *vhost) error {
	return amqp.NotFound.Errorf("no exchange '%s' in vhost '%s'", name, v.name)
}

// queueText names a queue as texts do.
func queueText(name string, v *vhost) string { return "queue '" + name + "' in vhost '" + v.name + "'" }

// lockedQueue is for the exclusive queue of another connection (QDEC-14), and
// for an exclusive flag that is not as it was declared (QDEC-17).
func lockedQueue(name string, v *vhost) error {
	return amqp.ResourceLocked.Errorf("cannot obtain exclusive access to locked queue '%s' in vhost '%s'. "+
		"It could be originally declared on another connection or the exclusive property value does not match "+
		"that of the original declaration.", name, v.name)
}

// defaultExchange is for whatever may not be done to it (EXCH-03 to EXCH-05).
func defaultExchange() error {
	return amqp.AccessRefused.Errorf("operation not permitted on the default exchange")
}

// inequivalent is for a declaration that differs from what is there
// (QDEC-22 to QDEC-31, EXCH-14 to EXCH-17). what is "queue" or "exchange".
func inequivalent(arg, what, name string, v *vhost, received, current any) error {
	return amqp.PreconditionFailed.Errorf("inequivalent arg '%s' for %s '%s' in vhost '%s': received '%v' but current is '%v'",
		arg, what, name, v.name, received, current)
}

// inequivalentArgument compares one of the arguments of a declaration with what
// is there (QDEC-25 to QDEC-31, EXCH-20 to EXCH-22).
func inequivalentArgument(arg, what, name string, v *vhost, received, current amqp.Table) error {
	r, have := received.Get(arg)
	c, had := current.Get(arg)
	shown := quoted
	switch {
	case have && had && amqp.Equivalent(r, c), !have && !had:
		return nil
	case have != had && arg == "x-queue-type" && (r == "classic" || c == "classic"): // QDEC-30
		return nil
	case have != had:
		shown = quotedWithType
	}
	return amqp.PreconditionFailed.Errorf("inequivalent arg '%s' for %s '%s' in vhost '%s': received %s but current is %s",
		arg, what, name, v.name, shown(r, have), shown(c, had))
}

func quoted(value any, _ bool) string {
	if value == nil {
		return "none"
	}
	return "'" + amqp.FormatValue(value) + "'"
}

func quotedWithType(value any, have bool) string {
	if !have {
		return "none"
	}
	return "the value '" + amqp.FormatValue(value) + "' of type '" + amqp.TypeName(value) + "'"
}

// unknownTag is for a delivery tag that is not outstanding (ACK-01).
func unknownTag(tag uint64) error {
	return amqp.PreconditionFailed.Errorf("unknown delivery tag %d", tag)
}
