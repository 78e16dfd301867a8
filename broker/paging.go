package broker

import (
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// restore fills an empty list with messages that are on disk. It keeps items.
func (r *ready) restore(items []storage.Item) {
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < blockLen && size < blockSize {
			size += int(items[n].Size)
			r.bodies += int(items[n].Size - items[n].Head)
			n++
		}
		r.link(&block{items: items[:n:n], to: n, size: size})
		items = items[n:]
		r.fresh += n
		r.bytes += size
	}
	r.away, r.absent, r.disk = r.head, r.fresh, r.bytes
}

// ranges yields the positions of all messages; between them are only such as
// have been settled.
func (r *ready) ranges(yield func(storage.Range)) {
	if r.aside > 0 {
		r.groups.lists(func(l *ready) { l.positions(yield) })
	}
	if r.gaps {
		r.positions(yield)
		return
	}
	for i := range r.returned {
		yield(storage.Range{From: r.returned[i].seq, To: r.returned[i].seq})
	}
	if r.head != nil {
		yield(storage.Range{From: r.head.items[r.head.from].Seq, To: r.tail.items[r.tail.to-1].Seq})
	}
}

// resident yields the messages that are not on disk.
func (r *ready) resident(yield func(*message)) {
	if r.aside > 0 {
		r.groups.lists(func(l *ready) { l.resident(yield) })
	}
	for i := range r.returned {
		yield(r.returned[i].message)
	}
	for b := r.head; b != nil; b = b.next {
		if b.messages != nil {
			for _, m := range b.messages[b.from:b.to] {
				yield(m)
			}
		}
	}
}

// shedAtOnce bounds the blocks that one call of shed drops.
const shedAtOnce = 16

// shed forgets messages in the middle until no more than window bytes are left
// at either end, as far as place knows where they are on disk; stuck is the
// block that holds it up. more tells that there is more to do.
func (r *ready) shed(window int, place func(*message) storage.Place) (stuck *block, more bool) {
	for n := 0; r.over(window); n++ {
		b := r.rest
		if b == r.tail {
			b.close()
		}
		switch {
		case n == shedAtOnce:
			return nil, true
		case r.absent == 0 && r.front+b.size <= window:
			r.front += b.size
			r.away, r.rest = b.next, b.next
		case b.place(place):
			r.drop()
		default:
			return b, false
		}
	}
	return nil, false
}

// behind is the size of what is in memory behind the front; what came back
// belongs before it.
func (r *ready) behind() int { return r.loaded() - r.back - r.front }

// over tells whether that is more than window bytes.
func (r *ready) over(window int) bool { return r.rest != nil && r.behind() > window }

// drop forgets the messages of the first block of the rest, which are on disk.
func (r *ready) drop() {
	b := r.rest
	if r.absent == 0 {
		r.absent = r.fresh
		for f := r.head; f != b; f = f.next {
			r.absent -= f.to - f.from
		}
	}
	b.items, b.to, b.from = slices.Clone(b.items[b.from:b.to]), b.to-b.from, 0
	b.messages, b.own, b.size = nil, false, 0
	for i := range b.items {
		b.size += int(b.items[i].Size)
	}
	r.disk += b.size
	r.rest = b.next
}

// missing are the first blocks on disk, of about size bytes. Their items do
// not change as long as they are there, but the first of them may be dropped.
func (r *ready) missing(size int) (blocks []*block) {
	for b := r.away; b != r.rest && (size > 0 || len(blocks) == 0); b = b.next {
		blocks = append(blocks, b)
		size -= b.size
	}
	return blocks
}

// wants tells whether b is the block that is to be installed next.
func (r *ready) wants(b *block) bool { return r.absent > 0 && b == r.away }

// install puts the messages of the first block on disk where they were.
func (r *ready) install(b *block, messages []*message) {
	b.messages = messages
	r.disk -= b.size
	r.front += b.size
	r.away = b.next
	r.absent -= b.to - b.from
	if r.away == r.rest {
		r.absent = 0
	}
}
