package broker

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// A message is stored as its exchange and its routing key, each behind an octet
// with its length, what is hidden of its origin if there is any, and its content.

// keeping is what the store and the confirms of its publisher note on a message
// that is stored.
type keeping struct {
	stored   storage.Stored
	confirms *confirms    // that wait for the store; nil: nobody does
	tag      uint64       // by which the message is to be confirmed
	left     atomic.Int32 // queues that store it and have not settled it

	transient bool // only quorum queues store it (QQ-02)
}

// persistent tells whether there are queues that store the message.
func (m *message) persistent() bool { return m.keeping != nil }

// AppendTo implements storage.Message.
func (m *message) AppendTo(dst []byte) []byte {
	dst = append(append(dst, byte(len(m.exchange))), m.exchange...)
	dst = append(append(dst, byte(len(m.key))), m.key...)
	return m.content.AppendStored(appendHidden(dst, m.hidden))
}

// Size implements storage.Message.
func (m *message) Size() int {
	return 1 + len(m.exchange) + 1 + len(m.key) + hiddenSize(m.hidden) + m.content.StoredSize()
}

// head is how many bytes are not of the body.
func (m *message) head() int { return m.Size() - m.content.BodySize() }

// Stored implements storage.Message.
func (m *message) Stored() *storage.Stored { return &m.stored }

// decoder makes messages of what AppendTo made of others. They share memory, as
// those of a run do, and their origins.
type decoder struct {
	origins  map[origin]*origin
	last     *origin   // of the message before; nil before the first
	messages []message // allocated, not yet used
	keepings []keeping // likewise
	left     int       // messages that are still to come; 0: nobody knows
}

// mostOrigins bounds the origins that are remembered, for messages of which
// each has one of its own.
const mostOrigins = 1 << 10

var errNoMessage = errors.New("stored message: too short")

// message returns the message that AppendTo made b of. It refers to b, which
// must not change any more.
func (d *decoder) message(b []byte) (*message, error) {
	exchange, b, ok := cutShort(b)
	if !ok {
		return nil, errNoMessage
	}
	key, b, ok := cutShort(b)
	if !ok {
		return nil, errNoMessage
	}
	hidden, b, ok := cutHidden(b)
	if !ok {
		return nil, errNoMessage
	}
	content, err := amqp.LoadContent(b)
	if err != nil {
		return nil, fmt.Errorf("stored message: %w", err)
	}
	m := d.next()
	m.origin, m.content = d.origin(exchange, key, hidden), content
	if mode, _ := content.Properties().DeliveryMode(); mode == persistentMode {
		m.keeping = d.nextKeeping()
	}
	return m, nil
}

// next returns memory for a message.
func (d *decoder) next() *message {
	if len(d.messages) == 0 {
		d.messages = make([]message, max(1, min(d.left, slabCount)))
	}
	m := &d.messages[0]
	d.messages, d.left = d.messages[1:], d.left-1
	return m
}

// nextKeeping returns memory for what is noted on the message just taken.
func (d *decoder) nextKeeping() *keeping {
	if len(d.keepings) == 0 {
		d.keepings = make([]keeping, 1+len(d.messages))
	}
	k := &d.keepings[0]
	d.keepings = d.keepings[1:]
	return k
}

// cutShort cuts a string behind its length off b.
func cutShort(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}

// origin returns an origin, the same one for the same strings.
func (d *decoder) origin(exchange, key, hidden []byte) *origin {
	if o := d.last; o != nil && o.exchange == string(exchange) && o.key == string(key) && o.hidden == string(hidden) {
		return o
	}
	d.last = d.origins[origin{string(exchange), string(key), string(hidden)}]
	if d.last != nil {
		return d.last
	}
	d.last = &origin{string(exchange), string(key), string(hidden)}
	if d.origins == nil || len(d.origins) >= mostOrigins {
		d.origins = make(map[origin]*origin)
	}
	d.origins[*d.last] = d.last
	return d.last
}
