package broker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// valueCheck checks the value of an argument. The text of its error is the
// reason that RabbitMQ gives; an *amqp.Error stands for itself.
type valueCheck func(value any, args amqp.Table) error

// tenYears is the longest time that an argument may set, in milliseconds.
const tenYears = 10 * 365 * 24 * 3600 * 1000

var (
	count      = integers(0, math.MaxInt64, "")
	positive   = integers(1, math.MaxInt64, "")
	anyInteger = integers(math.MinInt64, math.MaxInt64, "")

	overflow           = words(always("invalid_overflow"), "drop-head", "reject-publish", "reject-publish-dlx")
	deadLetterStrategy = words(always("invalid_dlx_strategy"), "at-most-once", "at-least-once")
	masterLocator      = words(always("invalid"), "min-masters", "client-local", "random")
	leaderLocator      = words(always("invalid_queue_locator_arg"), "client-local", "balanced", "random", "least-leaders")
	queueMode          = words(unsupported("queue mode"), "default", "lazy")
	knownType          = words(unsupported("queue type"), "classic", "quorum", "stream")
)

// integers accepts integers of all widths (QARG-01) from least to most, beyond
// which they are called tooMuch.
func integers(least, most int64, tooMuch string) valueCheck {
	return func(v any, _ amqp.Table) error {
		n, ok := integer(v)
		switch {
		case !ok: // QARG-02
			return fmt.Errorf(`"expected integer, got %s"`, amqp.TypeName(v))
		case n < least && n == 0:
			return errors.New("{value_zero,0}")
		case n < least:
			return fmt.Errorf("{value_negative,%d}", n)
		case n > most:
			return fmt.Errorf("{%s,%d}", tooMuch, n)
		}
		return nil
	}
}

// words accepts the strings that are given; wrong is the reason against others.
func words(wrong func(string) string, all ...string) valueCheck {
	return func(v any, _ amqp.Table) error {
		s, ok := v.(string)
		switch {
		case !ok:
			return unacceptable(v)
		case !slices.Contains(all, s):
			return errors.New(wrong(s))
		}
		return nil
	}
}

func always(reason string) func(string) string {
	return func(string) string { return reason }
}

func unsupported(what string) func(string) string {
	return func(s string) string { return characters("unsupported " + what + " '" + s + "'") }
}

func boolean(v any, _ amqp.Table) error {
	if _, ok := v.(bool); !ok {
		return unacceptable(v)
	}
	return nil
}

// messageGroups accepts a boolean, and no priorities besides: what a group gives
// next would have to wait for what came first and to overtake it.
func messageGroups(v any, args amqp.Table) error {
	if err := boolean(v, args); err != nil || v == false {
		return err
	}
	most, _ := args.Get("x-max-priority")
	if n, _ := integer(most); n > 0 {
		return errors.New("not_with_priorities")
	}
	return nil
}

func queueVersion(v any, args amqp.Table) error {
	if err := count(v, args); err != nil {
		return err
	}
	if n, _ := integer(v); n != 1 && n != 2 {
		return fmt.Errorf(`"unsupported queue version '%d'"`, n)
	}
	return nil
}

func deadLetterKey(v any, args amqp.Table) error {
	if !isString(v) {
		return unacceptable(v)
	}
	if _, ok := args.Get("x-dead-letter-exchange"); !ok {
		return errors.New("routing_key_but_no_dlx_defined")
	}
	return nil
}

// maxAge accepts a number and a unit. Without a number RabbitMQ fails.
func maxAge(v any, _ amqp.Table) error {
	s, ok := v.(string)
	if !ok {
		return unacceptable(v)
	}
	unit := strings.TrimLeft(s, "0123456789")
	number := s[:len(s)-len(unit)]
	unit, _, _ = strings.Cut(unit, "\n")
	switch {
	case number == "":
		return crash("the x-max-age is %q", s)
	case strings.Trim(number, "0") == "", !slices.Contains([]string{"Y", "M", "D", "h", "m", "s"}, unit):
		return errors.New("invalid_max_age")
	}
	return nil
}

func unacceptable(v any) error {
	return fmt.Errorf("{unacceptable_type,%s}", amqp.TypeName(v))
}

// integer returns the value of an integer. A timestamp is none.
func integer(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case uint8:
		return int64(v), true
	case int16:
		return int64(v), true
	case uint16:
		return int64(v), true
	case int32:
		return int64(v), true
	case uint32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

// text returns the bytes of a string, or of a value that RabbitMQ does not
// tell from one; any other has none.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// characters prints a text as Erlang prints a list of characters: quoted, or
// as numbers if not all can be printed.
func characters(s string) string {
	b := amqp.FormatBinary([]byte(s))
	b = b[len("<<") : len(b)-len(">>")]
	if b[0] == '"' {
		return b
	}
	return "[" + b + "]"
}
