package storage

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A fragment has messages of one segment and one owner: a queue, or none (0)
// for those that several queues share. Its value is
//
//	segment u32 | owner u64 | count u32 | sum u32 | count * (offset u32, length u32) | records
//
// little-endian, the sum being that of all that is before the records without
// itself. A record is checksum and bytes as in the journal. One too long is
// alone in its fragment, and the value continues under further keys.
const (
	fragmentHead  = 20
	fragmentEntry = 8
	// fragmentSize is how large a fragment grows, and partSize how much of it
	// is under one key.
	fragmentSize = 256 << 10
	partSize     = fragmentSize + 32<<10
)

// fragment is what the index and memory know of a fragment.
type fragment struct {
	owner      uint64
	segment    uint32
	first, end uint32 // offsets of its first message and its last
	generation uint32 // where it is
	size       uint32 // bytes of the value
	sum        uint32 // as in the value
	live       uint32 // how many items refer to it; not stored
}

const fragmentKeySize = 20

// parts is how many keys the value takes.
func (f *fragment) parts() int { return int((int64(f.size) + partSize - 1) / partSize) }

// key names the fragment in its generation.
func (f *fragment) key(part int) []byte {
	be := binary.BigEndian
	k := be.AppendUint32(make([]byte, 0, fragmentKeySize), f.segment)
	k = be.AppendUint64(k, f.owner)
	k = be.AppendUint32(k, f.first)
	return be.AppendUint32(k, uint32(part))
}

// spans tells whether a place is between the ends of the fragment.
func (f *fragment) spans(p Place) bool {
	return p.segment() == f.segment && uint32(p.offset()) >= f.first && uint32(p.offset()) <= f.end
}

// record names the fragment in the index.
func (f *fragment) record() recordKey {
	return recordKey{recordFragment, uint64(f.segment)<<32 | uint64(f.first), f.owner}
}

func (f *fragment) append(b []byte) []byte {
	for _, v := range [...]uint32{f.end, f.generation, f.size, f.sum} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func parseFragment(k recordKey, b []byte) (*fragment, bool) {
	if len(b) != 16 {
		return nil, false
	}
	le := binary.LittleEndian
	return &fragment{
		owner: k.b, segment: uint32(k.a >> 32), first: uint32(k.a),
		end: le.Uint32(b), generation: le.Uint32(b[4:]), size: le.Uint32(b[8:]), sum: le.Uint32(b[12:]),
	}, true
}

// compareFragments orders those of a segment.
func compareFragments(f, g *fragment) int {
	switch {
	case f.owner != g.owner:
		if f.owner < g.owner {
			return -1
		}
		return 1
	case f.first < g.first:
		return -1
	case f.first > g.first:
		return 1
	}
	return 0
}

// findFragment returns the fragment of an owner that an offset is in, of those
// of a segment.
func findFragment(of []*fragment, owner uint64, offset uint32) *fragment {
	want := fragment{owner: owner, first: offset}
	i, found := slices.BinarySearchFunc(of, &want, compareFragments)
	if !found {
		i--
	}
	if i < 0 || of[i].owner != owner || of[i].end < offset {
		return nil
	}
	return of[i]
}

// blob is where a record is in a segment.
type blob struct{ offset, length uint32 }

func (b blob) end() int64 { return int64(b.offset) + int64(b.length) }

// appendFragmentHead appends what is before the records, and returns its sum.
func appendFragmentHead(dst []byte, segment uint32, owner uint64, blobs []blob) ([]byte, uint32) {
	le, at := binary.LittleEndian, len(dst)
	dst = le.AppendUint32(dst, segment)
	dst = le.AppendUint64(dst, owner)
	dst = le.AppendUint32(dst, uint32(len(blobs)))
	dst = le.AppendUint32(dst, 0)
	for _, b := range blobs {
		dst = le.AppendUint32(le.AppendUint32(dst, b.offset), b.length)
	}
	sum := fragmentSum(dst[at:])
	le.PutUint32(dst[at+16:], sum)
	return dst, sum
}

func fragmentSum(head []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:16], castagnoli), castagnoli, head[fragmentHead:])
}

// fragmentValue reads the value of a fragment.
type fragmentValue struct {
	segment uint32
	table   []byte
	records []byte
}

// parseFragmentValue tells whether a value is that of the fragment, but for its
// records.
func parseFragmentValue(f *fragment, b []byte) (v fragmentValue, ok bool) {
	le := binary.LittleEndian
	if len(b) != int(f.size) || len(b) < fragmentHead ||
		le.Uint32(b) != f.segment || le.Uint64(b[4:]) != f.owner || le.Uint32(b[16:]) != f.sum {
		return v, false
	}
	n := int64(le.Uint32(b[12:]))
	if n == 0 || n*fragmentEntry > int64(len(b)-fragmentHead) {
		return v, false
	}
	head := fragmentHead + int(n)*fragmentEntry
	v = fragmentValue{f.segment, b[fragmentHead:head], b[head:]}
	return v, fragmentSum(b[:head]) == f.sum
}

// each calls f for every record.
func (v fragmentValue) each(f func(p Place, record []byte)) bool {
	rest := v.records
	for t := v.table; len(t) > 0; t = t[fragmentEntry:] {
		length := binary.LittleEndian.Uint32(t[4:])
		if int64(length) > int64(len(rest)) {
			return false
		}
		f(placeAt(v.segment, int64(binary.LittleEndian.Uint32(t))), rest[:length])
		rest = rest[length:]
	}
	return len(rest) == 0
}
