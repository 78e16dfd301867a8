package perf

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNumbersCountOnceInAnyOrder(t *testing.T) {
	for range 100 {
		var s sequence
		seen := map[uint64]bool{}
		for range 200 {
			n := rand.Uint64N(60) + 1
			if s.add(n) == seen[n] {
				t.Fatalf("%d is new: %v", n, seen[n])
			}
			seen[n] = true
			if s.count() != uint64(len(seen)) {
				t.Fatalf("%d are in, want %d", s.count(), len(seen))
			}
		}
		lowest := uint64(1)
		for seen[lowest] {
			lowest++
		}
		if s.lowest() != lowest {
			t.Errorf("the lowest that is missing is %d, want %d", s.lowest(), lowest)
		}
		for n := range uint64(62) {
			if s.has(n) != seen[n] {
				t.Errorf("has %d: %v", n, s.has(n))
			}
		}
	}
}

func TestWhatIsInNeitherSetIsToldInRows(t *testing.T) {
	var came, refused sequence
	for _, n := range []uint64{1, 2, 5, 9} {
		came.add(n)
	}
	refused.add(4)
	refused.add(10)
	want := []span{{3, 3}, {6, 8}, {11, 12}}
	if got := came.without(12, &refused); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
