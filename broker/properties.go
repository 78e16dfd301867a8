package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// maxExpiration is the longest time to live, in milliseconds.
const maxExpiration = 315360000000

// examine checks the properties of a message in RabbitMQ's order (PUB-06) and
// does what they ask for: more are the routing keys of the headers CC and BCC
// (PUB-11), t is what queues are to do with it, and c changes where consumers
// are to see other properties.
func (ch *channel) examine(c *amqp.Content) (more copies, t traits, err error) {
	p := c.Properties()
	if err := p.Check(); err != nil { // FRM-27
		return more, t, err
	}
	seen, ordinary := p, true
	if to, ok := p.ReplyTo(); ok && to == directReplyTo {
		if ch.reply == nil { // RTO-05
			return more, t, amqp.PreconditionFailed.Errorf("fast reply consumer does not exist")
		}
		seen, ordinary = p.WithReplyTo(ch.reply.name), false // RTO-06
	}
	if user, ok := p.UserID(); ok && user != ch.session.name && !slices.Contains(ch.session.tags, "impersonator") { // PUB-07
		return more, t, amqp.PreconditionFailed.Errorf(
			"user_id property set to '%s' but authenticated user was '%s'", user, ch.session.name)
	}
	if more, t, err = demands(p); err != nil {
		return more, t, err
	}
	if more.blind {
		seen, ordinary = seen.WithoutHeader("BCC"), false
	}
	if !ordinary {
		*c = c.WithProperties(seen)
	} else if len(more.keys) == 0 && len(p) <= largestRemembered {
		ch.properties, ch.traits = append(ch.properties[:0], p...), t
	}
	return more, t, nil
}

// demands are what properties ask for, whoever has published them. They have
// passed their Check.
func demands(p amqp.Properties) (more copies, t traits, err error) {
	if expiration, ok := p.Expiration(); ok {
		if reason := badExpiration(expiration); reason != "" {
			return more, t, amqp.PreconditionFailed.Errorf("invalid expiration '%s': %s", expiration, reason)
		}
	}
	headers, _, err := p.Headers()
	if err != nil {
		return more, t, err
	}
	if more.keys, err = furtherKeys(headers); err != nil {
		return more, t, err
	}
	if mode, ok := p.DeliveryMode(); ok && mode != 1 && mode != persistentMode { // WIRE-07
		return more, t, amqp.PreconditionFailed.Errorf("invalid message: {delivery_mode_unknown,%d}", mode)
	}
	if _, more.blind = headers.Get("BCC"); more.blind { // PUB-12, WIRE-08
		more.hidden = hide(keysIn(headers, "BCC"))
	}
	return more, traitsOf(p), nil
}

// furtherKeys are the routing keys in the headers CC and BCC, sorted and each
// once. Whatever else is in their arrays is ignored (PUB-13, PUB-14).
func furtherKeys(headers amqp.Table) ([]string, error) {
	var keys []string
	for _, name := range []string{"CC", "BCC"} {
		v, ok := headers.Get(name)
		if !ok {
			continue
		}
		if _, ok := v.(amqp.Array); !ok {
			return nil, amqp.PreconditionFailed.Errorf(
				"invalid message: {unacceptable_type_in_header,%q,%s}", name, amqp.TypeName(v))
		}
		keys = append(keys, keysIn(headers, name)...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
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
