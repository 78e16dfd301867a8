package broker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// maxExpiration is the longest time to live, in milliseconds.
const maxExpiration = 315360000000

// checkProperties refuses a message whose properties are malformed or ask for
// what cannot be done, in RabbitMQ's order (PUB-06).
func (ch *channel) checkProperties(p amqp.Properties) error {
	if err := p.Check(); err != nil { // FRM-27
		return err
	}
	if user, ok := p.UserID(); ok && user != ch.session.user { // PUB-07
		return amqp.PreconditionFailed.Errorf(
			"user_id property set to '%s' but authenticated user was '%s'", user, ch.session.user)
	}
	if expiration, ok := p.Expiration(); ok {
		if reason := badExpiration(expiration); reason != "" {
			return amqp.PreconditionFailed.Errorf("invalid expiration '%s': %s", expiration, reason)
		}
		return refused("message property expiration")
	}
	if mode, ok := p.DeliveryMode(); ok && mode != 1 && mode != 2 { // WIRE-07
		return amqp.PreconditionFailed.Errorf("invalid message: {delivery_mode_unknown,%d}", mode)
	}
	headers, _, err := p.Headers()
	if err != nil {
		return err
	}
	for _, key := range []string{"CC", "BCC"} {
		if v, ok := headers.Get(key); ok {
			if _, ok := v.(amqp.Array); !ok { // PUB-13
				return amqp.PreconditionFailed.Errorf(
					"invalid message: {unacceptable_type_in_header,%q,%s}", key, amqp.TypeName(v))
			}
			return refused("message header " + key)
		}
	}
	return nil
}

// badExpiration says what is wrong with an expiration property, as RabbitMQ
// does (PUB-08 to PUB-10); empty if nothing is.
func badExpiration(s string) string {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 {
		return "no_integer"
	}
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n == 0 {
		return "no_integer"
	}
	if rest := digits[n:]; rest != "" {
		return fmt.Sprintf("{leftover_string,%q}", rest)
	}
	value := strings.TrimLeft(digits, "0")
	switch {
	case value == "":
		return ""
	case s[0] == '-':
		return "{value_negative,-" + value + "}"
	}
	if ms, err := strconv.ParseUint(value, 10, 64); err != nil || ms > maxExpiration {
		return "{value_too_large," + value + "}"
	}
	return ""
}
