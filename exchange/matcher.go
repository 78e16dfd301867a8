package exchange

import "github.com/leveretmq/leveret/amqp"

// The exchange types that every broker has (0-9-1 s. 3.1.3, XTYP).
const (
	Direct  = "direct"
	Fanout  = "fanout"
	Topic   = "topic"
	Headers = "headers"
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

// New returns a matcher without bindings for an exchange of that type, or false
// if there is no such type.
func New[D comparable](kind string) (Matcher[D], bool) {
	switch kind {
	case Direct:
		return new(direct[D]), true
	case Fanout:
		return new(fanout[D]), true
	case Topic:
		return new(topic[D]), true
	case Headers:
		return new(headers[D]), true
	}
	return nil, false
}

// ByKey tells whether an exchange of that type sends all messages of one
// routing key to the same destinations, so that they can be remembered in a
// [Cache].
func ByKey(kind string) bool {
	return kind == Direct || kind == Fanout || kind == Topic
}

// LooksAtKey tells whether an exchange of that type looks at the routing key of
// a message at all.
func LooksAtKey(kind string) bool { return kind == Direct || kind == Topic }

// CheckBinding tells whether an exchange of that type accepts a binding. The
// error is an [*amqp.Error] with [amqp.PreconditionFailed]. Only headers
// exchanges refuse anything, before 4.x (XTYP-15, XTYP-25, XTYP-26).
func CheckBinding(kind, key string, args amqp.Table) error {
	if kind == Headers {
		return checkHeaders(args)
	}
	return nil
}
