package storage

import (
	"encoding/binary"
	"hash/crc32"
)

// The kinds of records in the index.
const (
	recordMeta       = 'M' // what the index as a whole holds
	recordEntity     = 'E' // kind, id: value
	recordQueue      = 'Q' // queue: the highest sequence number that a covered segment had
	recordBlock      = 'I' // queue, first sequence number: items
	recordSettled    = 'A' // queue, first sequence number: which of the block are settled
	recordFragment   = 'F' // segment and first offset, owner: where a fragment is
	recordGeneration = 'G' // number: the files of a generation that is complete
)

// recordKey names a record: the kind and two numbers, big-endian, 17 bytes.
type recordKey struct {
	kind byte
	a, b uint64
}

const recordKeySize = 17

func (k recordKey) append(b []byte) []byte {
	b = append(b, k.kind)
	b = binary.BigEndian.AppendUint64(b, k.a)
	return binary.BigEndian.AppendUint64(b, k.b)
}

func parseRecordKey(b []byte) (k recordKey, ok bool) {
	if len(b) != recordKeySize {
		return k, false
	}
	return recordKey{b[0], binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])}, true
}

// sealRecord appends the checksum of a record to its value. The key is in it,
// so that no record is taken for another one.
func sealRecord(k recordKey, value []byte) []byte {
	return binary.LittleEndian.AppendUint32(value, recordSum(k, value))
}

// openRecord returns the value of a record without its checksum; false if that
// is wrong.
func openRecord(k recordKey, b []byte) (value []byte, sum uint32, ok bool) {
	if len(b) < 4 {
		return nil, 0, false
	}
	value, sum = b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	return value, sum, recordSum(k, value) == sum
}

func recordSum(k recordKey, value []byte) uint32 {
	var key [recordKeySize]byte
	return crc32.Update(crc32.Checksum(k.append(key[:0]), castagnoli), castagnoli, value)
}

// indexMeta is the record of the index about itself. It is written with each
// transaction, so that one that was lost, in part or whole, shows.
type indexMeta struct {
	covered
	commit  uint64 // number of the transaction
	records uint64 // how many others there are
	sum     uint64 // of their checksums
	live    uint64 // messages that the blocks have
}

const indexMetaSize = 4 + 4 + 8 + 4 + 8 + 8 + 4*8

func (m *indexMeta) append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, m.segment)
	b = le.AppendUint64(b, m.group)
	b = le.AppendUint32(b, m.chain)
	for _, v := range [...]uint64{m.messages, m.maxID, m.commit, m.records, m.sum, m.live} {
		b = le.AppendUint64(b, v)
	}
	return b
}

func (m *indexMeta) parse(b []byte) bool {
	if len(b) != indexMetaSize || binary.LittleEndian.Uint32(b) != formatVersion {
		return false
	}
	le := binary.LittleEndian
	m.segment, m.group, m.chain = le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint32(b[16:])
	for i, v := range [...]*uint64{&m.messages, &m.maxID, &m.commit, &m.records, &m.sum, &m.live} {
		*v = le.Uint64(b[20+8*i:])
	}
	return true
}
