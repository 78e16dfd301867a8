package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbageIsBoundedInBytesAndInPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 400, 1 << 20: 400, 10 << 20: 400, 20 << 20: 200, 40 << 20: 100, 80 << 20: 50, 160 << 20: 25, 1 << 40: 25,
	} {
		if got := storeHeadroom.percent(live); got != want {
			t.Errorf("%d MiB are alive: %d %% may be garbage, want %d %%", live>>20, got, want)
		}
	}
	for live, want := range map[uint64]int{0: 400, 64 << 20: 400, 128 << 20: 200, 256 << 20: 100, 1 << 40: 100} {
		if got := memoryHeadroom.percent(live); got != want {
			t.Errorf("%d MiB are alive in memory: %d %% may be garbage, want %d %%", live>>20, got, want)
		}
	}
}

// What is alive is found by a collection; what follows from it holds soon
// after.
func TestCollectionsSetHowMuchGarbageThereMayBe(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer boundGarbage(storeHeadroom)()
	alive := make([]byte, 100<<20)
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 1000 {
		runtime.GC()
		if metrics.Read(percent); percent[0].Value.Uint64() <= 40 {
			break
		}
		runtime.Gosched()
	}
	if got := percent[0].Value.Uint64(); got < 30 || got > 40 {
		t.Errorf("%d %% may be garbage with 100 MiB alive, want 30 to 40 %%", got)
	}
	runtime.KeepAlive(alive)
}

// Memory that was needed goes back to the system once nothing has happened for
// a while, and not before.
func TestMemoryGoesBackWhenItIsCalm(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	released := make(chan struct{}, 1)
	c := &collector{headroom: storeHeadroom, last: time.Now(), release: func() {
		debug.FreeOSMemory()
		select {
		case released <- struct{}{}:
		default:
		}
	}}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stopped = true
	}()
	garbage := make([]byte, 64<<20)
	clear(garbage)
	runtime.KeepAlive(garbage)
	runtime.GC() // it is free from here on, and with the system in the end
	c.collected()
	if len(released) > 0 {
		t.Error("memory was given back right after a collection")
	}
	c.mu.Lock()
	c.last = time.Now().Add(-calm)
	c.mu.Unlock()
	c.collected()
	if len(released) == 0 {
		t.Error("memory was not given back although nothing was collected for long")
	}
}
