package broker

import "github.com/leveretmq/leveret/amqp"

// inequivalent is for a declaration that differs from what is there
// (QDEC-22 to QDEC-31, EXCH-14 to EXCH-17). what names the queue or exchange.
func inequivalent(arg, what string, received, current any) error {
	return amqp.PreconditionFailed.Errorf("inequivalent arg '%s' for %s: received '%v' but current is '%v'",
		arg, what, received, current)
}

// compareArgument compares one of the arguments of a declaration with what
// is there (QDEC-25 to QDEC-31, EXCH-20 to EXCH-22).
func compareArgument(arg, what string, received, current amqp.Table) error {
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
	return amqp.PreconditionFailed.Errorf("inequivalent arg '%s' for %s: received %s but current is %s",
		arg, what, shown(r, have), shown(c, had))
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
