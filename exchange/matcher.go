package exchange

import "github.com/leveretmq/leveret/amqp"

// The exchange types that every broker has (0-9-1 s. 3.1.3, XTYP), and those
// that RabbitMQ has as plugins.
const (
	Direct         = "direct"
	Fanout         = "fanout"
	Topic          = "topic"
	Headers        = "headers"
	ConsistentHash = "x-consistent-hash" // XTYP-28 to XTYP-32
	ModulusHash    = "x-modulus-hash"    // XTYP-33
	Random         = "x-random"          // XTYP-34
	RecentHistory  = "x-recent-history"  // XTYP-36: finds as a fanout exchange
)

// Matcher holds the bindings of one exchange and finds the destinations of a
// message.
type Matcher[D comparable] interface {
	// Bind adds a binding that has passed [CheckBinding]. The caller keeps track
	// of which bindings exist and adds none twice; the same destination under
	// another key or other arguments is another binding (QOP-01, QOP-02). Key and
	// args must not change afterwards.
	Bind(key string, args amqp.Table, dst D)

	// Unbind removes a binding that Bind has added. If there is none, nothing
	// happens.
	Unbind(key string, args amqp.Table, dst D)

	// Match appends every destination of a message to to, except those that to
	// has already: so a caller collects over several keys and exchanges, and
	// each destination comes out once (XTYP-02). The order is unspecified. Being
	// called through an interface, Match moves the backing array of to to the
	// heap: keep it from one message to the next.
	Match(to []D, key string, p amqp.Properties) []D
}

// New returns a matcher without bindings for an exchange of that type with
// arguments that have passed [CheckArguments], or false if there is no such
// type. order is a total order of destinations, the same after a restart; pick
// gives some number from 0 to n-1, and may be called by several at once.
func New[D comparable](kind string, args amqp.Table, order func(a, b D) int, pick func(n int) int) (Matcher[D], bool) {
	switch kind {
	case Direct:
		return new(direct[D]), true
	case Fanout, RecentHistory:
		return new(fanout[D]), true
	case Topic:
		return new(topic[D]), true
	case Headers:
		return new(headers[D]), true
	case ConsistentHash:
		return &consistent[D]{on: hashedOf(args)}, true
	case ModulusHash:
		return &modulus[D]{places[D]{order: order}}, true
	case Random:
		return &random[D]{places[D]{order: order}, pick}, true
	}
	return nil, false
}

// ByKey tells whether an exchange of that type with these arguments sends all
// messages of one routing key, and no others, to the same destinations, so that
// they can be remembered in a [Cache].
func ByKey(kind string, args amqp.Table) bool {
	switch kind {
	case Headers, Random:
		return false
	case ConsistentHash:
		return hashedOf(args) == hashed{}
	}
	return true
}

// Keys are the keys that Match is to be called with, in turn, for a message that
// has several: the routing key and, each once and sorted, more. What looks at
// one alone looks at the routing key.
func Keys(kind, key string, more []string) (first string, rest []string) {
	switch kind {
	case Direct, Topic:
		return key, more
	case ModulusHash: // of all together
		for _, k := range more {
			key += "\x00" + k
		}
	}
	return key, nil
}

// CheckArguments tells whether an exchange of that type accepts the arguments of
// its declaration, as far as they are those of its type. The error is an
// [*amqp.Error].
func CheckArguments(kind string, args amqp.Table) error {
	switch kind {
	case ConsistentHash:
		return checkHashed(args)
	case RecentHistory:
		return checkHistory(args)
	}
	return nil
}

// CheckBinding tells whether an exchange of that type accepts a binding. The
// error is an [*amqp.Error] with [amqp.PreconditionFailed] (XTYP-15, XTYP-25,
// XTYP-26, XTYP-28).
func CheckBinding(kind, key string, args amqp.Table) error {
	switch kind {
	case Headers:
		return checkHeaders(args)
	case ConsistentHash:
		return checkWeight(key)
	}
	return nil
}
