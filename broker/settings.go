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
	insists  bool // a letter that no queue takes is tried again until one does (QQ-19)
}

// settingsOf are the settings that the arguments of a queue of a type and its
// policies ask for. All were checked before.
func settingsOf(t *queueType, args amqp.Table, r rule) *settings {
	w := wishes{args, r}
	s := &settings{
		ttl: w.span("message-ttl"), expires: w.span("expires"),
		maxLength: w.least("max-length"), maxBytes: w.least("max-length-bytes"),
		overflow:        w.overflow(t),
		deliveryLimit:   w.least("delivery-limit"),
		consumerTimeout: w.least("consumer-timeout"),
	}
	if x, ok := w.word("dead-letter-exchange"); ok { // a key alone has no effect (DLX-26)
		key, keyed := w.word("dead-letter-routing-key")
		strategy, _ := w.word("dead-letter-strategy")
		insists := strategy == "at-least-once" && t.replicated && s.overflow == rejectPublish
		s.deadLetter = &deadLettering{x, key, keyed, insists}
	}
	return s
}

// equal tells that a queue with s does the same as one with other.
func (s *settings) equal(other *settings) bool {
	a, b := *s, *other
	if a.deadLetter == nil || b.deadLetter == nil || *a.deadLetter != *b.deadLetter {
		return a == b
	}
	a.deadLetter, b.deadLetter = nil, nil
	return a == b
}

// wishes are all that something is asked for of a queue: its arguments, whose
// keys begin with x-, its policy and its operator policy.
type wishes struct {
	arguments amqp.Table
	rule      rule
}

// least is the lowest of the numbers that are given for a key (POL-04, POL-09,
// LEN-10); negative ones are none.
func (w *wishes) least(key string) int64 {
	lowest := int64(unset)
	lower := func(v any, _ bool) {
		if n, ok := integer(v); ok && n >= 0 && (lowest == unset || n < lowest) {
			lowest = n
		}
	}
	lower(w.arguments.Get("x-" + key))
	lower(w.rule.policy.get(key))
	lower(w.rule.operator.get(key))
	return lowest
}

// span is a time in milliseconds, which policies do not bound.
func (w *wishes) span(key string) int64 { return min(w.least(key), tenYears) }

// word is what the argument says, or else the policies (POL-09, DLX-25).
func (w *wishes) word(key string) (word string, ok bool) {
	if v, ok := w.arguments.Get("x-" + key); ok {
		return text(v), true
	}
	return w.rule.word(key)
}

// word is what the operator policy says, or else the policy (POL-04).
func (r rule) word(key string) (word string, ok bool) {
	v, ok := r.operator.get(key)
	if !ok {
		v, ok = r.policy.get(key)
	}
	return text(v), ok
}

// overflow is what the argument says, or else the policies; quorum queues have it
// the other way round (LEN-10), and have no reject-publish-dlx (QQ-20).
func (w *wishes) overflow(t *queueType) overflowing {
	word, _ := w.word("overflow")
	if !t.replicated {
		return overflows[word]
	}
	if ruled, ok := w.rule.word("overflow"); ok {
		word = ruled
	}
	if word == "reject-publish-dlx" {
		return dropHead
	}
	return overflows[word]
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
