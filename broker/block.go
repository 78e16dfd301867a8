package broker

import (
	"sync"

	"github.com/leveretmq/leveret/storage"
)

const (
	blockLen = 256

	// firstLen is the length of a block that is alone: there may be many queues
	// with hardly a message.
	firstLen = 8

	// blockSize is how many bytes are enough for a block: what is read from
	// disk at once, at least.
	blockSize = 256 << 10
)

// block is a piece of the list of fresh messages.
type block struct {
	items    []storage.Item // those from to on are not there yet
	messages []*message     // nil: they are on disk
	from, to int
	size     int // of the messages that it ever had in memory
	own      bool
	group    *group // whose block it is; nil: it is not sorted, or there are no groups
	next     *block
}

// blocks recycles the blocks of ready lists between queues, so that an empty
// queue holds none.
var blocks, firsts = sync.Pool{New: blockOf(blockLen)}, sync.Pool{New: blockOf(firstLen)}

func blockOf(n int) func() any {
	return func() any {
		return &block{items: make([]storage.Item, n), messages: make([]*message, n), own: true}
	}
}

// newBlock returns an empty block, a short one if it is the first of its queue.
func newBlock(first bool) *block {
	if first {
		return firsts.Get().(*block)
	}
	return blocks.Get().(*block)
}

// release gives back a block whose messages have all been taken.
func (b *block) release() {
	if !b.own {
		return
	}
	b.items = b.items[:len(b.messages)]
	b.from, b.to, b.size, b.next, b.group = 0, 0, 0, nil, nil
	if len(b.items) == firstLen {
		firsts.Put(b)
		return
	}
	blocks.Put(b)
}

// close has what comes next go to another block.
func (b *block) close() { b.items = b.items[:b.to] }

// place notes where the messages are on disk; false if it is not known of all.
func (b *block) place(of func(*message) storage.Place) (all bool) {
	all = true
	for i := b.from; i < b.to; i++ {
		it := &b.items[i]
		if it.Place == 0 {
			it.Place = of(b.messages[i])
		}
		all = all && it.Place != 0
	}
	return all
}

// takePaged forgets which messages of a block that is on disk are in the page
// file, and returns them. Those that were dropped are the business of who did.
func (b *block) takePaged() (paged []storage.Item) {
	for i := b.from; i < b.to; i++ {
		if it := &b.items[i]; it.Place.Paged() {
			paged = append(paged, *it)
			it.Place = 0
		}
	}
	return paged
}
