package broker

import (
	"sync"

	"github.com/leveretmq/leveret/storage"
)

// blocks recycles the blocks of ready lists between queues, so that an empty
// queue holds none.
var blocks = sync.Pool{New: func() any {
	return &block{items: make([]storage.Item, blockLen), messages: new([blockLen]*message), own: true}
}}

func newBlock() *block { return blocks.Get().(*block) }

// release gives back a block whose messages have all been taken.
func (b *block) release() {
	if !b.own {
		return
	}
	b.items = b.items[:blockLen]
	b.from, b.to, b.size, b.next = 0, 0, 0, nil
	blocks.Put(b)
}
