package storage

import "sync/atomic"

// Place is where the bytes of a message are; 0 is nowhere. A place stays the
// same when its message moves from the journal to Badger.
type Place uint64

// Item is what is known of a stored message without its bytes.
type Item struct {
	Seq         uint64 // position in its queue, ascending, the first not below 1
	Place       Place
	Expires     int64  // when it expires, in milliseconds since 1970; 0 is never
	Size        uint32 // of its bytes
	Head        uint32 // those of them that are not the body
	Deliveries  uint16 // how often it was given back, as far as is known
	Priority    uint8
	Redelivered bool // it may have been delivered before
}

// Message is a message as the package sees it. It does not change once it was
// appended to a queue.
type Message interface {
	// AppendTo appends the bytes to store, Size of them.
	AppendTo(dst []byte) []byte
	// Size is the number of bytes to store.
	Size() int
	// Stored is the package's note on the message, part of it.
	Stored() *Stored
}

// Stored is what the package notes on a message. A message is stored once,
// however many queues of a unit it is appended to; it belongs to one unit only.
type Stored struct {
	place atomic.Uint64
	blob  uint64 // which group has it, and where; of the committer
}

// Place is where the bytes of the message can be read; 0 as long as they
// cannot.
func (s *Stored) Place() Place { return Place(s.place.Load()) }

// Found notes where a message is that was loaded.
func (s *Stored) Found(p Place) { s.place.Store(uint64(p)) }

// Range are the sequence numbers from From to To, both included.
type Range struct{ From, To uint64 }
