package storage

import "math/bits"

// seqSet is a set of sequence numbers, held as bits in chunks: what consumers
// settle in any order costs a bit each. The zero value is empty.
type seqSet struct{ chunks map[uint64]*chunk }

const chunkBits = 4096

// chunk has a bit for each of chunkBits sequence numbers.
type chunk [chunkBits / 64]uint64

// add adds a range, and returns how many of it were not in the set. It costs
// as much as the range has chunks: the caller bounds it.
func (s *seqSet) add(r Range) (added int) {
	if r.From > r.To {
		return 0
	}
	if s.chunks == nil {
		s.chunks = make(map[uint64]*chunk)
	}
	for n := r.From / chunkBits; n <= r.To/chunkBits; n++ {
		c := s.chunks[n]
		if c == nil {
			c = new(chunk)
			s.chunks[n] = c
		}
		c.each(n, r, func(w *uint64, mask uint64) {
			added += bits.OnesCount64(mask &^ *w)
			*w |= mask
		})
	}
	return added
}

// has tells whether a number is in the set.
func (s *seqSet) has(seq uint64) bool {
	c := s.chunks[seq/chunkBits]
	return c != nil && c[seq%chunkBits/64]&(1<<(seq%64)) != 0
}

// count returns how many numbers of a range are in the set.
func (s *seqSet) count(r Range) (n int) {
	for i, c := range s.within(r) {
		c.each(i, r, func(w *uint64, mask uint64) { n += bits.OnesCount64(*w & mask) })
	}
	return n
}

// take removes what is not above a number, and returns it.
func (s *seqSet) take(through uint64) seqSet {
	r := Range{0, through}
	taken := seqSet{chunks: s.within(r)}
	for n, c := range taken.chunks {
		delete(s.chunks, n)
		if n < through/chunkBits || through%chunkBits == chunkBits-1 {
			continue
		}
		below, above := new(chunk), *c
		above.each(n, r, func(w *uint64, mask uint64) { *w &^= mask })
		for i := range c {
			below[i] = c[i] &^ above[i]
		}
		taken.chunks[n] = below
		if above != (chunk{}) {
			s.chunks[n] = &above
		}
	}
	return taken
}

// empty tells whether the set has no number.
func (s *seqSet) empty() bool { return len(s.chunks) == 0 }

// within returns the chunks that a range touches.
func (s *seqSet) within(r Range) map[uint64]*chunk {
	from, to := r.From/chunkBits, r.To/chunkBits
	found := make(map[uint64]*chunk)
	if to-from < uint64(len(s.chunks)) {
		for n := from; n <= to; n++ {
			if c := s.chunks[n]; c != nil {
				found[n] = c
			}
		}
		return found
	}
	for n, c := range s.chunks {
		if n >= from && n <= to {
			found[n] = c
		}
	}
	return found
}

// each calls f for every word of chunk number n that the range touches, with
// the bits of the range.
func (c *chunk) each(n uint64, r Range, f func(w *uint64, mask uint64)) {
	start := n * chunkBits
	from, to := max(r.From, start)-start, min(r.To, start+chunkBits-1)-start
	for i := from / 64; i <= to/64; i++ {
		mask := ^uint64(0)
		if i == from/64 {
			mask &= ^uint64(0) << (from % 64)
		}
		if i == to/64 {
			mask &= ^uint64(0) >> (63 - to%64)
		}
		f(&c[i], mask)
	}
}
