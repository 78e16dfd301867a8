package broker

import "github.com/leveretmq/leveret/amqp"

// settings are what the arguments of a queue, and the policies that match it,
// make it do. They never change; a queue gets others when its policies change.
type settings struct {
	ttl             int64 // milliseconds that messages live; unset: for ever (TTL-01)
	expires         int64 // milliseconds without use after which the queue goes; unset: never (EXP-01)
	maxLength       int64 // ready messages; unset: any number (LEN-01)
	maxBytes        int64 // of their bodies; unset: any number (LEN-01)
	overflow        overflowing
	deadLetter      *deadLettering // nil: messages that die are gone
	deliveryLimit   int64          // failed deliveries after which a message dies; unset: any number (QQ-10)
	consumerTimeout int64          // milliseconds; unset: that of the broker (CONS-33)
}

// unset is a setting that is not there.
const unset = -1

// overflowing is what a queue does when it has reached its limit (LEN-02,
// LEN-06, LEN-07).
type overflowing uint8

const (
	dropHead overflowing = iota
	rejectPublish
	rejectPublishDLX
)

var overflows = map[string]overflowing{
	"drop-head": dropHead, "reject-publish": rejectPublish, "reject-publish-dlx": rejectPublishDLX,
}

// deadLettering is where dead messages go.
type deadLettering struct {
	exchange string
	key      string
	keyed    bool // by key, instead of the routing key of the message (DLX-02)
}

// settingsOf are the settings that the arguments of a queue ask for. They were
// checked before.
func settingsOf(args amqp.Table) *settings {
	number := func(key string) int64 {
		if v, ok := args.Get(key); ok {
			if n, ok := integer(v); ok && n >= 0 {
				return n
			}
		}
		return unset
	}
	s := &settings{
		ttl: number("x-message-ttl"), expires: number("x-expires"), maxLength: number("x-max-length"),
		maxBytes: number("x-max-length-bytes"), deliveryLimit: number("x-delivery-limit"),
		consumerTimeout: number("x-consumer-timeout"),
	}
	if v, ok := args.Get("x-overflow"); ok {
		s.overflow = overflows[text(v)]
	}
	if v, _ := args.Get("x-queue-type"); text(v) == "quorum" && s.overflow == rejectPublishDLX { // QQ-20
		s.overflow = dropHead
	}
	if v, ok := args.Get("x-dead-letter-exchange"); ok {
		s.deadLetter = &deadLettering{exchange: text(v)}
		if v, ok := args.Get("x-dead-letter-routing-key"); ok {
			s.deadLetter.key, s.deadLetter.keyed = text(v), true
		}
	}
	return s
}

// lifetime is how long a message lives in milliseconds, unset if for ever: the
// lower of what it and its queue say (TTL-01).
func (s *settings) lifetime(t traits) int64 {
	switch {
	case !t.mortal:
		return s.ttl
	case s.ttl == unset:
		return t.lifetime
	}
	return min(s.ttl, t.lifetime)
}
