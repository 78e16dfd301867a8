package broker

import (
	"cmp"
	"slices"
	"sort"

	"github.com/leveretmq/leveret/storage"
)

// calendar has messages that are due at a time of their own, which is when the
// item expires. A heap knows who is next; what else is known of them lies in
// pages, in the order of their positions. Both are without pointers but for the
// bodies in memory: those that came last, as far as memory has room.
type calendar struct {
	heap   []due
	pages  []*page // ascending, none of them empty
	away   int     // of pages[:away] no body is in memory
	loaded int     // size of the bodies in memory
}

// due is when a message is to go on.
type due struct {
	at  int64 // milliseconds since 1970
	seq uint64
}

func (d due) before(o due) bool { return d.at < o.at || d.at == o.at && d.seq < o.seq }

// page is a piece of a calendar.
type page struct {
	items    []storage.Item // ascending by position; the size of one that has gone is 0
	messages []*message     // by index, nil where they are on disk; none if all of them are
	live     int            // items that have not gone
	size     int            // of all that came
}

func (c *calendar) len() int { return len(c.heap) }

// next is when the first message is due. There must be one.
func (c *calendar) next() int64 { return c.heap[0].at }

// push adds a message behind all others.
func (c *calendar) push(it storage.Item, m *message) {
	last := len(c.pages) - 1
	if last < 0 || len(c.pages[last].items) == blockLen || c.pages[last].size >= blockSize {
		c.pages = append(c.pages, new(page))
		last++
	}
	p := c.pages[last]
	p.items, p.messages = append(p.items, it), append(p.messages, m)
	p.live++
	p.size += int(it.Size)
	c.loaded += int(it.Size)
	c.heap = append(c.heap, due{it.Expires, it.Seq})
	c.rise(len(c.heap) - 1)
}

// restore fills an empty calendar with messages that are on disk. It keeps
// items.
func (c *calendar) restore(items []storage.Item) {
	c.heap = make([]due, len(items))
	for i := range items {
		c.heap[i] = due{items[i].Expires, items[i].Seq}
	}
	for i := len(c.heap)/2 - 1; i >= 0; i-- {
		c.sink(i)
	}
	for piece := range slices.Chunk(items, blockLen) {
		c.pages = append(c.pages, &page{items: piece, live: len(piece), size: blockSize}) // nothing joins them
	}
	c.away = len(c.pages)
}

// take removes messages that are due by now, in the order in which they are: so
// many at most, and about so many bytes.
func (c *calendar) take(now int64, most, size int) (taken []parting) {
	for len(c.heap) > 0 && c.next() <= now && len(taken) < most && size > 0 {
		s := c.remove(c.pop().seq)
		size -= int(s.Size)
		taken = append(taken, parting{stowed: s})
	}
	return taken
}

// find is where the message at a position is, if it is there.
func (c *calendar) find(seq uint64) (n, i int, ok bool) {
	n = sort.Search(len(c.pages), func(n int) bool { return c.pages[n].items[0].Seq > seq }) - 1
	if n < 0 {
		return 0, 0, false
	}
	items := c.pages[n].items
	if i := seq - items[0].Seq; i < uint64(len(items)) && items[i].Seq == seq { // none is missing
		return n, int(i), items[i].Size > 0
	}
	i, ok = slices.BinarySearchFunc(items, seq, func(it storage.Item, seq uint64) int { return cmp.Compare(it.Seq, seq) })
	return n, i, ok && items[i].Size > 0
}

// remove takes the message at a position out of its page.
func (c *calendar) remove(seq uint64) (a stowed) {
	n, i, ok := c.find(seq)
	if !ok {
		panic("BUG: the calendar has no message that its heap has")
	}
	p := c.pages[n]
	a.Item = p.items[i]
	if a.message = p.body(i); a.message != nil {
		p.messages[i] = nil
		c.loaded -= int(a.Size)
	}
	p.items[i].Size = 0
	p.live--
	switch {
	case p.live == 0:
		c.pages = slices.Delete(c.pages, n, n+1)
		if n < c.away {
			c.away--
		}
	case n < len(c.pages)-1 && p.live <= len(p.items)/2:
		p.compact()
	}
	return a
}

// body is the i-th message, nil if it is on disk or has gone.
func (p *page) body(i int) *message {
	if p.messages == nil {
		return nil
	}
	return p.messages[i]
}

// compact gives back the memory of what has gone.
func (p *page) compact() {
	items := make([]storage.Item, 0, p.live)
	var messages []*message
	for i := range p.items {
		if p.items[i].Size == 0 {
			continue
		}
		items = append(items, p.items[i])
		if p.messages != nil {
			messages = append(messages, p.messages[i])
		}
	}
	p.items, p.messages = items, messages
}

// shed forgets bodies until no more than window bytes are in memory, as far as
// place knows where they are on disk; stuck is the page that holds it up. more
// tells that there is more to do. What the last page has stays.
func (c *calendar) shed(window int, place func(*message) storage.Place) (stuck *page, more bool) {
	for n := 0; c.loaded > window && c.away < len(c.pages)-1; n++ {
		if n == shedAtOnce {
			return nil, true
		}
		p := c.pages[c.away]
		for i := range p.items {
			if m := p.body(i); m != nil {
				c.forget(p, i, place(m))
			}
		}
		if slices.ContainsFunc(p.messages, func(m *message) bool { return m != nil }) {
			return p, false
		}
		p.messages = nil
		c.away++
	}
	return nil, false
}

// forget forgets a body that is in a place, unless that is nowhere.
func (c *calendar) forget(p *page, i int, place storage.Place) {
	if place != 0 {
		p.items[i].Place, p.messages[i] = place, nil
		c.loaded -= int(p.items[i].Size)
	}
}

// paged forgets bodies that are in the page file now. It returns those whose
// messages have gone meanwhile.
func (c *calendar) paged(out []stowed) (gone []storage.Item) {
	for _, a := range out {
		if n, i, ok := c.find(a.Seq); ok {
			c.forget(c.pages[n], i, a.Place)
		} else {
			gone = append(gone, a.Item)
		}
	}
	return gone
}

// inPageFile are the messages that the page file has.
func (c *calendar) inPageFile() (all []storage.Item) {
	for _, p := range c.pages {
		for _, it := range p.items {
			if it.Size > 0 && it.Place.Paged() {
				all = append(all, it)
			}
		}
	}
	return all
}

func (c *calendar) rise(i int) {
	h := c.heap
	for i > 0 {
		up := (i - 1) / 2
		if h[up].before(h[i]) {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func (c *calendar) sink(i int) {
	h := c.heap
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// pop removes who is next, and gives memory back that was needed once.
func (c *calendar) pop() due {
	h := c.heap
	first, last := h[0], len(h)-1
	h[0] = h[last]
	c.heap = h[:last]
	c.sink(0)
	if last >= blockLen && last < cap(h)/4 {
		c.heap = slices.Clone(c.heap)
	}
	return first
}
