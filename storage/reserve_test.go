package storage

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLargeUnitsComeOneByOne has many reserve more than a group could have of
// all together.
func TestLargeUnitsComeOneByOne(t *testing.T) {
	db, _ := mustOpen(t, Options{Dir: t.TempDir()})
	defer mustClose(t, db)
	var open atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				db.Reserve(1 << 30)
				if open.Add(1) > 1 {
					t.Error("two at once")
				}
				runtime.Gosched()
				open.Add(-1)
				db.Release(1 << 30)
			}
		})
	}
	all.Wait()
	if n := db.backlog.Load(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}
