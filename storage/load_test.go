package storage

import (
	"bytes"
	"path/filepath"
	"runtime"
	"testing"
)

// What is loaded is the caller's: nothing that is loaded later changes it,
// whether it lay side by side or between what others have. In neither case it
// holds much more memory than its own.
func TestLoadedBytesAreTheCallers(t *testing.T) {
	const n, size = 1000, 1000
	p, err := openPages(osFiles{}, filepath.Join(t.TempDir(), "pages"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	items := pagedOut(t, p, n, size)
	var eighth []int
	for i := 0; i < n; i += 8 {
		eighth = append(eighth, i)
	}
	type loaded struct {
		i int
		b []byte
	}
	var kept []loaded
	load := func(order []int) {
		t.Helper()
		before := heap()
		if err := p.load(items, order, func(i int, b []byte) { kept = append(kept, loaded{i, b}) }); err != nil {
			t.Fatal(err)
		}
		if got, most := heap()-before, 2*len(order)*size+4*loadSize; got > most {
			t.Errorf("%d messages of %d bytes hold %d, want at most %d", len(order), size, got, most)
		}
	}
	kept = make([]loaded, 0, 3*n)
	load(all(items))
	load(eighth)
	load(all(items))
	for _, l := range kept {
		if !bytes.Equal(l.b, bytes.Repeat([]byte{byte(l.i)}, size)) {
			t.Fatalf("message %d has changed", l.i)
		}
	}
}

// heap is how many bytes of the heap live, without what pools keep, which goes
// with the second collection.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
