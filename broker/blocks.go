package broker

import "sync"

// blocks recycles the blocks of ready lists between queues, so that an empty
// queue holds none.
var blocks = sync.Pool{New: func() any { return new(block) }}

func newBlock() *block { return blocks.Get().(*block) }

// release gives back a block whose entries have all been taken.
func (b *block) release() {
	b.from, b.to, b.next = 0, 0, nil
	blocks.Put(b)
}
