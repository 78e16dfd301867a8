package broker

import (
	"runtime"
	"testing"
)

// A message of a long backlog is an item of the index: what it adds to the heap
// is that and little else.
func TestAQueuedMessageTakes64BytesOfMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory itself")
	}
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	p.declareDurable(b, "q")
	const first, n = 20_000, 100_000
	p.fill("q", 2, 0, first, kib)
	quiesce(b)
	before := alive()
	p.fill("q", 2, first, n, kib)
	quiesce(b)
	each := (alive() - before) / (n - first)
	if each > 64 {
		t.Errorf("a message of 1 KiB takes %d bytes of memory, want 64 at most", each)
	}
}

// alive is how many bytes of the heap live, without what pools keep, which goes
// with the second collection.
func alive() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
