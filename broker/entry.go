package broker

import (
	"math"

	"github.com/leveretmq/leveret/storage"
)

// entry is a message at its position in a queue.
type entry struct {
	seq         uint64 // position: ascending in publish order, unique in the queue
	message     *message
	expires     int64  // see storage.Item
	size        uint32 // of message; 0 if it never waited
	deliveries  uint16 // how often it was given back
	priority    uint8
	redelivered bool
}

// again is the entry when it is given back.
func (e entry) again() entry {
	e.redelivered = true
	e.deliveries += min(1, math.MaxUint16-e.deliveries)
	return e
}

// stowed is the entry, whose message is in memory, as one that waits.
func (e *entry) stowed() stowed {
	size := e.size
	if size == 0 { // it never waited
		size = uint32(e.message.Size())
	}
	return stowed{storage.Item{
		Seq: e.seq, Expires: e.expires, Size: size, Head: uint32(e.message.head()),
		Deliveries: e.deliveries, Priority: e.priority, Redelivered: e.redelivered,
	}, e.message}
}

// entry is the message at its position.
func (s *stowed) entry() entry {
	return entry{
		seq: s.Seq, message: s.message, expires: s.Expires, size: s.Size,
		deliveries: s.Deliveries, priority: s.Priority, redelivered: s.Redelivered,
	}
}
