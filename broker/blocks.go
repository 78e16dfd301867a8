package broker

import (
	"sync"

	"github.com/leveretmq/leveret/storage"
)

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
