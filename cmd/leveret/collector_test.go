package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGarbageIsBoundedInBytesAndInPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 400, 1 << 20: 400, 20 << 20: 400, 40 << 20: 200, 80 << 20: 100, 160 << 20: 50, 320 << 20: 25, 1 << 40: 25,
	} {
		if got := garbage(live); got != want {
			t.Errorf("%d MiB are alive: %d %% may be garbage, want %d %%", live>>20, got, want)
		}
	}
}

// What is alive is found by a collection; what follows from it holds soon
// after.
func TestCollectionsSetHowMuchGarbageThereMayBe(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer boundGarbage()()
	alive := make([]byte, 160<<20)
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 1000 {
		runtime.GC()
		if metrics.Read(percent); percent[0].Value.Uint64() <= 50 {
			break
		}
		runtime.Gosched()
	}
	if got := percent[0].Value.Uint64(); got < 40 || got > 50 {
		t.Errorf("%d %% may be garbage with 160 MiB alive, want 40 to 50 %%", got)
	}
	runtime.KeepAlive(alive)
}
