package broker

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// ranges yields the positions of all messages. With priorities these are no
// others: what lies between two of a lane may be in another one or delivered.
// Without, between them are only such as have been taken.
func (l *lanes) ranges(yield func(storage.Range)) {
	if l.prioritized == nil {
		l.ready.ranges(yield)
		return
	}
	cursors := make([]cursor, 0, len(l.lanes))
	for _, r := range l.lanes {
		cursors = append(cursors, r.cursor())
	}
	var m marked
	for from := firstOf(cursors); from != none; from = firstOf(cursors) {
		m.from = from
		for i := range cursors {
			cursors[i].mark(&m)
		}
		m.ranges(yield)
	}
}

// none is the position of a cursor that is at its end.
const none = math.MaxUint64

// cursor goes over the positions of a lane, which ascend.
type cursor struct {
	returned []entry
	block    *block
	at       int // in block
}

// cursor is at the first message. The heap becomes a sorted one.
func (r *ready) cursor() cursor {
	slices.SortFunc(r.returned, bySeq)
	c := cursor{returned: r.returned, block: r.head}
	if r.head != nil {
		c.at = r.head.from
	}
	return c
}

// seq is the position where the cursor is.
func (c *cursor) seq() uint64 {
	switch {
	case len(c.returned) > 0:
		return c.returned[0].seq
	case c.block != nil:
		return c.block.items[c.at].Seq
	}
	return none
}

func (c *cursor) advance() {
	if len(c.returned) > 0 {
		c.returned = c.returned[1:]
		return
	}
	if c.at++; c.at == c.block.to {
		if c.block = c.block.next; c.block != nil {
			c.at = c.block.from
		}
	}
}

func firstOf(cursors []cursor) uint64 {
	first := uint64(none)
	for i := range cursors {
		first = min(first, cursors[i].seq())
	}
	return first
}

// marked is a set of positions, of so many from one on.
type marked struct {
	from uint64
	bits [512]uint64
}

// mark has the cursor go over those of its positions that may be in m, and
// adds them.
func (c *cursor) mark(m *marked) {
	for seq := c.seq(); seq-m.from < uint64(64*len(m.bits)); seq = c.seq() {
		m.bits[(seq-m.from)/64] |= 1 << ((seq - m.from) % 64)
		c.advance()
	}
}

// ranges yields what is in the set, and empties it.
func (m *marked) ranges(yield func(storage.Range)) {
	var r storage.Range
	for i, w := range m.bits {
		for at := m.from + uint64(64*i); w != 0; {
			skip := bits.TrailingZeros64(w)
			ones := bits.TrailingZeros64(^(w >> skip))
			from := at + uint64(skip)
			if from != r.To+1 || r.To == 0 {
				if r.To != 0 {
					yield(r)
				}
				r.From = from
			}
			r.To = from + uint64(ones) - 1
			w &^= (1<<ones - 1) << skip
		}
	}
	if r.To != 0 {
		yield(r)
	}
	clear(m.bits[:])
}

// bySeq orders entries by their positions.
func bySeq(a, b entry) int { return cmp.Compare(a.seq, b.seq) }
