package storage

import (
	"fmt"
	"math"
)

// visitor is told what groups change, in order.
type visitor interface {
	// put may use the value only until it returns.
	put(e Entity)
	drop(kind EntityKind, id uint64)
	// message has the item with place and size. Queues that share a blob are
	// each told of it.
	message(queue uint64, it Item)
	settle(queue uint64, r Range)
	requeue(queue, seq uint64, deliveries uint16)
	deleted(queue uint64)
}

// decoding reads the meta of a group.
type decoding struct {
	reader
	base  Place // of the first blob
	blobs int64 // bytes that are left for blobs not yet seen
	next  Place
	queue uint64
	seq   uint64 // of the message before
}

// decode tells a visitor what is in a group. It trusts no number that it reads.
func (g *record) decode(v visitor) error {
	d := decoding{reader: reader{b: g.meta}, base: g.base, blobs: int64(g.blobs), next: g.base}
	for len(d.b) > 0 && !d.bad {
		d.operation(v)
	}
	if d.bad || d.blobs != 0 {
		return fmt.Errorf("%w: the operations of group %d make no sense", errInvalid, g.number)
	}
	return nil
}

func (d *decoding) operation(v visitor) {
	op := d.byte()
	switch {
	case op&opMessage != 0:
		if it := d.message(op); !d.bad {
			v.message(d.queue, it)
		}
	case op == opPut:
		e := Entity{Kind: EntityKind(d.byte()), ID: d.uvarint()}
		if e.Value = d.bytes(d.uvarint()); !d.bad {
			v.put(e)
		}
	case op == opDrop:
		if kind, id := EntityKind(d.byte()), d.uvarint(); !d.bad {
			v.drop(kind, id)
		}
	case op == opQueue:
		d.queue, d.seq = d.uvarint(), 0
	default:
		d.change(op, v)
	}
}

// change reads what happens to a queue, but for new messages.
func (d *decoding) change(op byte, v visitor) {
	switch op {
	case opSettle:
		from := d.uvarint()
		n := d.uvarint()
		if d.bad = d.bad || n > math.MaxUint64-from; !d.bad {
			v.settle(d.queue, Range{from, from + n})
		}
	case opRequeue:
		if seq, n := d.uvarint(), d.limited(math.MaxUint16); !d.bad {
			v.requeue(d.queue, seq, uint16(n))
		}
	case opDelete:
		v.deleted(d.queue)
	default:
		d.bad = true
	}
}

func (d *decoding) message(op byte) (it Item) {
	it.Size = uint32(d.limited(math.MaxUint32 - blobHead))
	it.Seq = d.seq + 1
	if op&hasSeq != 0 {
		it.Seq = d.seq + d.uvarint()
	}
	if op&hasExpires != 0 {
		it.Expires = int64(d.uvarint())
	}
	if op&hasDeliveries != 0 {
		it.Deliveries = uint16(d.limited(math.MaxUint16))
	}
	if op&hasPriority != 0 {
		it.Priority = d.byte()
	}
	it.Redelivered = op&isRedelivered != 0
	record := blobHead + int64(it.Size)
	if op&isShared != 0 {
		it.Place = d.base + Place(d.limited(maxRecord))
		d.bad = d.bad || it.Place+Place(record) > d.next
	} else {
		it.Place = d.next
		d.next += Place(record)
		d.blobs -= record
		d.bad = d.bad || d.blobs < 0
	}
	if op&hasHead != 0 {
		it.Head = uint32(d.limited(uint64(it.Size)))
	}
	d.bad = d.bad || it.Seq < d.seq // a seq never wraps around
	d.seq = it.Seq
	return it
}
