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

// origins are origins that loaded messages share.
type origins map[origin]*origin

// mostOrigins bounds the origins that are remembered, for messages of which
// each has one of its own.
const mostOrigins = 1 << 10

var errNoMessage = errors.New("stored message: too short")

// decodeMessage returns the message that AppendTo made b of. It refers to b,
// which must not change any more.
func decodeMessage(b []byte, known origins) (*message, error) {
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
	m := message{origin: known.find(exchange, key, hidden), content: content}
	if mode, _ := content.Properties().DeliveryMode(); mode == persistentMode {
		m.keeping = new(keeping)
	}
	return &m, nil
}

// cutShort cuts a string behind its length off b.
func cutShort(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}

// find returns an origin, the same one for the same strings.
func (known origins) find(exchange, key, hidden []byte) *origin {
	if o := known[origin{string(exchange), string(key), string(hidden)}]; o != nil {
		return o
	}
	o := &origin{string(exchange), string(key), string(hidden)}
	if len(known) >= mostOrigins {
		clear(known)
	}
	known[*o] = o
	return o
}
