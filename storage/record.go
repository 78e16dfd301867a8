package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A group is one record of a segment:
//
//	header | meta | blobs
//
// The meta says what the group changes, and the blobs are the bytes of its
// messages, each behind its checksum. All numbers are little-endian; a record
// starts at a multiple of recordAlign.

const (
	headerSize  = 64
	recordAlign = 8
	blobHead    = 4 // the checksum before a blob
	saltOffset  = 8 // of the salt in a header

	groupMagic = 0x5047564c // LVGP

	// maxRecord keeps all offsets within 32 bits.
	maxRecord = 1<<32 - 1<<20
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealSum makes the last four bytes the checksum of those before.
func sealSum(b []byte) {
	n := len(b) - 4
	binary.LittleEndian.PutUint32(b[n:], crc32.Checksum(b[:n], castagnoli))
}

// appendSum appends the checksum of b.
func appendSum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// hasSum tells whether the last four bytes are the checksum of those before.
func hasSum(b []byte) bool {
	n := len(b) - 4
	return n >= 0 && binary.LittleEndian.Uint32(b[n:]) == crc32.Checksum(b[:n], castagnoli)
}

// groupHeader starts a record.
type groupHeader struct {
	segment  uint32 // that it is in
	salt     uint64 // of the directory, which no client can know
	number   uint64 // of the group
	meta     uint32 // bytes
	blobs    uint64 // bytes
	previous uint32 // the chain before
	messages uint64 // all that were ever journaled, these included
	count    uint32 // of messages in the group
	chain    uint32 // checksum of all of the above and the meta
}

// size is that of the record.
func (h *groupHeader) size() int64 {
	return align(headerSize + int64(h.meta) + int64(h.blobs))
}

func align(n int64) int64 { return (n + recordAlign - 1) &^ (recordAlign - 1) }

// seal writes the header before the meta that follows it in b.
func (h *groupHeader) seal(b []byte) {
	le := binary.LittleEndian
	clear(b[:headerSize])
	le.PutUint32(b[0:], groupMagic)
	le.PutUint32(b[4:], h.segment)
	le.PutUint64(b[8:], h.salt)
	le.PutUint64(b[16:], h.number)
	le.PutUint32(b[24:], h.meta)
	le.PutUint32(b[28:], h.previous)
	le.PutUint64(b[32:], h.blobs)
	le.PutUint64(b[40:], h.messages)
	le.PutUint32(b[48:], h.count)
	h.chain = chainOf(b[:headerSize], b[headerSize:headerSize+int(h.meta)])
	le.PutUint32(b[60:], h.chain)
}

// chainOf is the checksum of a group. It has the one of the group before in it,
// by way of the header.
func chainOf(header, meta []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:60], castagnoli), castagnoli, meta)
}

// parse reads a header; false if it is none of a directory with the salt.
func (h *groupHeader) parse(b []byte, salt uint64) bool {
	le := binary.LittleEndian
	if le.Uint32(b) != groupMagic || le.Uint64(b[8:]) != salt {
		return false
	}
	*h = groupHeader{
		segment: le.Uint32(b[4:]), salt: salt, number: le.Uint64(b[16:]),
		meta: le.Uint32(b[24:]), previous: le.Uint32(b[28:]), blobs: le.Uint64(b[32:]),
		messages: le.Uint64(b[40:]), count: le.Uint32(b[48:]), chain: le.Uint32(b[60:]),
	}
	return true
}

// blobSum is the checksum of a blob. It depends on the place as well, so that
// the bytes of another one are never taken for it.
func blobSum(p Place, b []byte) uint32 {
	return crc32.Update(uint32(p>>32)*0x9e3779b1^uint32(p), castagnoli, b)
}

// openBlob returns the bytes of the blob whose checksum and bytes are record;
// false if they are not what was stored at the place.
func openBlob(p Place, record []byte) ([]byte, bool) {
	if len(record) < blobHead {
		return nil, false
	}
	b := record[blobHead:]
	return b, binary.LittleEndian.Uint32(record) == blobSum(p, b)
}

// placeAt is the place of what is at an offset of a segment.
func placeAt(segment uint32, offset int64) Place {
	return Place(uint64(segment)<<32 | uint64(offset))
}

func (p Place) segment() uint32 { return uint32(p >> 32) }
func (p Place) offset() int64   { return int64(uint32(p)) }

// A segment starts with a page that says which it is.
const (
	segmentHead    = 4096
	segmentMagic   = 0x4745534c4556454c // LEVELSEG
	formatVersion  = 1
	segmentHeadLen = 48
)

// segmentHeader is what the page says.
type segmentHeader struct {
	segment  uint32
	salt     uint64
	first    uint64 // the number of its first group
	chain    uint32 // before that
	messages uint64 // before that
}

func (h *segmentHeader) seal(b []byte) {
	le := binary.LittleEndian
	clear(b[:segmentHead])
	le.PutUint64(b[0:], segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], h.segment)
	le.PutUint64(b[16:], h.salt)
	le.PutUint64(b[24:], h.first)
	le.PutUint64(b[32:], h.messages)
	le.PutUint32(b[40:], h.chain)
	sealSum(b[:segmentHeadLen])
}

// parse reads a header; false if it is none of a directory with the salt.
func (h *segmentHeader) parse(b []byte, salt uint64) bool {
	le := binary.LittleEndian
	if le.Uint64(b) != segmentMagic || !hasSum(b[:segmentHeadLen]) || le.Uint64(b[16:]) != salt {
		return false
	}
	*h = segmentHeader{
		segment: le.Uint32(b[12:]), salt: salt, first: le.Uint64(b[24:]),
		messages: le.Uint64(b[32:]), chain: le.Uint32(b[40:]),
	}
	return true
}

// errInvalid tells that there is no valid group, whatever there is.
var errInvalid = errors.New("no valid group")
