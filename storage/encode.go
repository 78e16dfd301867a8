package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The meta of a group is a list of operations, each a byte and what belongs to
// it as varints.
const (
	opPut     = 1 // kind, id, length, value
	opDrop    = 2 // kind, id
	opQueue   = 3 // id; what follows is about this queue
	opSettle  = 4 // from, to - from
	opRequeue = 5 // seq, deliveries
	opDelete  = 6

	// opMessage is set for a message, and the other bits tell what of it
	// follows, in this order; first, without a bit of its own, the size. What
	// follows for one whose blob another queue has as well is where it is.
	opMessage     = 0x80
	hasSeq        = 0x01 // distance from the seq before, if that is not 1
	hasExpires    = 0x02
	hasDeliveries = 0x04
	hasPriority   = 0x08
	isRedelivered = 0x10
	isShared      = 0x20
	hasHead       = 0x40
)

// errTooLarge tells that offsets would no longer fit.
var errTooLarge = errors.New("storage: a group of more than 4 GiB")

// encoding builds the record of a group. It keeps its memory for the next one.
type encoding struct {
	buf      []byte // room for a segment's header, header, meta, blobs
	blobs    int64  // bytes
	messages uint64
	number   uint64 // of the group
}

// pieceSize is about how much is written at once, and how much memory is kept.
const pieceSize = 1 << 20

// begin encodes the meta of a group, and notes on its messages where among its
// blobs they will be.
func (e *encoding) begin(g *group, number uint64) error {
	if cap(e.buf) > 4*pieceSize || e.buf == nil {
		e.buf = make([]byte, 0, 1<<16)
	}
	e.buf = e.buf[:segmentHead+headerSize]
	e.blobs, e.messages, e.number = 0, 0, number
	for i := range g.entities {
		e.entity(&g.entities[i])
	}
	for i := range g.queues {
		e.queue(&g.queues[i])
	}
	if int64(len(e.buf))+e.blobs > maxRecord-segmentHead {
		return errTooLarge
	}
	return nil
}

func (e *encoding) entity(c *entityChange) {
	if c.drop {
		e.buf = binary.AppendUvarint(append(e.buf, opDrop, byte(c.Kind)), c.ID)
		return
	}
	e.buf = binary.AppendUvarint(append(e.buf, opPut, byte(c.Kind)), c.ID)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(c.Value)))
	e.buf = append(e.buf, c.Value...)
}

func (e *encoding) queue(c *queueChange) {
	if c.empty() {
		return
	}
	b := binary.AppendUvarint(append(e.buf, opQueue), c.id)
	for _, r := range c.settled {
		b = binary.AppendUvarint(append(b, opSettle), r.From)
		b = binary.AppendUvarint(b, r.To-r.From)
	}
	for _, r := range c.requeued {
		b = binary.AppendUvarint(append(b, opRequeue), r.seq)
		b = binary.AppendUvarint(b, uint64(r.deliveries))
	}
	e.buf = b
	e.appends(c.appended)
	if c.deleted {
		e.buf = append(e.buf, opDelete)
	}
}

// appends encodes messages and gives each its offset among the blobs, for the
// time being as its place.
func (e *encoding) appends(as []appended) {
	b, previous := e.buf, uint64(0)
	key := uint32(e.number<<1 | 1) // never 0, which is on messages not yet seen
	for i := range as {
		a := &as[i]
		if a.message == nil {
			continue
		}
		s := a.message.Stored()
		a.shared = uint32(s.blob>>32) == key
		if !a.shared {
			s.blob = uint64(key)<<32 | uint64(uint32(e.blobs))
			e.blobs += blobHead + int64(a.Size)
		}
		a.Place = Place(uint32(s.blob))
		b = appendMessage(b, a, previous)
		previous = a.Seq
		e.messages++
	}
	e.buf = b
}

func appendMessage(b []byte, a *appended, previous uint64) []byte {
	at, op := len(b), byte(opMessage)
	b = binary.AppendUvarint(append(b, op), uint64(a.Size))
	if a.Seq != previous+1 {
		op |= hasSeq
		b = binary.AppendUvarint(b, a.Seq-previous)
	}
	if a.Expires != 0 {
		op |= hasExpires
		b = binary.AppendUvarint(b, uint64(a.Expires))
	}
	if a.Deliveries != 0 {
		op |= hasDeliveries
		b = binary.AppendUvarint(b, uint64(a.Deliveries))
	}
	if a.Priority != 0 {
		op |= hasPriority
		b = append(b, a.Priority)
	}
	if a.Redelivered {
		op |= isRedelivered
	}
	if a.shared {
		op |= isShared
		b = binary.AppendUvarint(b, uint64(a.Place))
	}
	if a.Head != 0 {
		op |= hasHead
		b = binary.AppendUvarint(b, uint64(a.Head))
	}
	b[at] = op
	return b
}

// appendBlob appends the checksum and the bytes of a message, whose place is
// known by now. With any other number of bytes than were announced, nothing
// behind them could be read.
func appendBlob(b []byte, a *appended) ([]byte, error) {
	at := len(b)
	b = a.message.AppendTo(append(b, 0, 0, 0, 0))
	if n := len(b) - at - blobHead; n != int(a.Size) {
		return nil, fmt.Errorf("storage: message %d has %d bytes instead of %d", a.Seq, n, a.Size)
	}
	binary.LittleEndian.PutUint32(b[at:], blobSum(a.Place, b[at+blobHead:]))
	return b, nil
}
