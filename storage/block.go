package storage

import (
	"encoding/binary"
	"errors"
)

// blockLimit is how many items a block of the index has at most.
const blockLimit = 4096

// What an item of a block says beyond what follows from the item before.
const (
	itemGap         = 1 << iota // the sequence number is not the next one
	itemElsewhere               // its bytes do not follow on those before
	itemSize                    // it has another size
	itemExpires                 // it expires
	itemDeliveries              // it was given back
	itemPriority                // it has a priority, or another head
	itemRedelivered             // it may have been delivered
	itemShared                  // its bytes are shared with other queues
)

// block is a block of the index.
type block struct {
	first, last uint64 // sequence numbers
	count, live int
	bytes       int64 // of those that are live
	shared      bool  // messages of it may be in fragments without an owner
}

// blockItem is an item as a block has it.
type blockItem struct {
	Item
	shared bool
}

var errShort = errors.New("record is cut short")

// encodeBlock encodes the items of a block: one queue's, of one segment, in
// order. An item like the one before it takes one byte.
func encodeBlock(items []blockItem) []byte {
	b := binary.AppendUvarint(nil, uint64(len(items)))
	b = binary.AppendUvarint(b, uint64(items[0].Place.segment()))
	var last Item
	for _, it := range items {
		b = appendBlockItem(b, it, last)
		last = it.Item
	}
	return b
}

func appendBlockItem(b []byte, it blockItem, last Item) []byte {
	at := len(b)
	b = append(b, 0)
	var flags byte
	add := func(is bool, flag byte, v uint64) {
		if is {
			flags |= flag
			b = binary.AppendUvarint(b, v)
		}
	}
	add(it.Seq != last.Seq+1, itemGap, it.Seq-last.Seq)
	next := blobEnd(last)
	add(it.Place.offset() != next, itemElsewhere, zigzag(it.Place.offset()-next))
	add(it.Size != last.Size, itemSize, uint64(it.Size))
	add(it.Expires != 0, itemExpires, zigzag(it.Expires-last.Expires))
	add(it.Deliveries != 0, itemDeliveries, uint64(it.Deliveries))
	head := zigzag(int64(it.Head) - int64(last.Head))
	add(it.Priority != 0 || head != 0, itemPriority, uint64(it.Priority)|head<<8)
	if it.Redelivered {
		flags |= itemRedelivered
	}
	if it.shared {
		flags |= itemShared
	}
	b[at] = flags
	return b
}

// decodeBlock appends the items of a block to items.
func decodeBlock(items []blockItem, b []byte) ([]blockItem, error) {
	r := reader{b: b}
	count, segment := r.uvarint(), r.uvarint()
	if count == 0 || count > blockLimit || segment > 1<<31 {
		return items, errShort
	}
	last := new(Item)
	for range count {
		items = append(items, blockItem{})
		it := &items[len(items)-1]
		r.blockItem(it, uint32(segment), last)
		last = &it.Item
	}
	if r.bad || len(r.b) != 0 {
		return items, errShort
	}
	return items, nil
}

// blockItem reads the item that comes after last.
func (r *reader) blockItem(it *blockItem, segment uint32, last *Item) {
	flags := r.byte()
	it.Seq, it.Size, it.Head = last.Seq+1, last.Size, last.Head
	if flags&itemGap != 0 {
		it.Seq = last.Seq + r.uvarint()
	}
	offset := blobEnd(*last)
	if flags&itemElsewhere != 0 {
		offset += unzigzag(r.uvarint())
	}
	r.bad = r.bad || offset < 0 || offset > maxRecord
	it.Place = placeAt(segment, offset)
	if flags&itemSize != 0 {
		it.Size = uint32(r.uvarint())
	}
	if flags&itemExpires != 0 {
		it.Expires = last.Expires + unzigzag(r.uvarint())
	}
	if flags&itemDeliveries != 0 {
		it.Deliveries = uint16(r.uvarint())
	}
	if flags&itemPriority != 0 {
		v := r.uvarint()
		it.Priority, it.Head = uint8(v), uint32(int64(last.Head)+unzigzag(v>>8))
	}
	r.bad = r.bad || it.Head > it.Size
	it.Redelivered, it.shared = flags&itemRedelivered != 0, flags&itemShared != 0
}

// Which items of a block are settled is kept as a bit for each.
func bitmapSize(items int) int { return (items + 7) / 8 }
func bit(b []byte, i int) bool { return b[i/8]&(1<<(i%8)) != 0 }
func setBit(b []byte, i int)   { b[i/8] |= 1 << (i % 8) }

// blobEnd is the offset behind an item's bytes.
func blobEnd(it Item) int64 { return it.Place.offset() + blobHead + int64(it.Size) }

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
