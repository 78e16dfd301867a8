package broker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// slowWindow is a window that looks at every publish.
type slowWindow struct {
	reached, confirmed uint64
	waiting, refused   map[uint64]bool
}

func (w *slowWindow) confirm() (a answer, ok bool) {
	n := w.confirmed
	a.refused = w.refused[n+1]
	for n < w.reached && !w.waiting[n+1] && w.refused[n+1] == a.refused {
		n++
	}
	before := w.confirmed
	w.confirmed = n
	a.tag, a.multiple, a.refused = n, n-before > 1, a.refused && n > before
	return a, n > before
}

func TestAWindowAnswersWhatWaitsForNothing(t *testing.T) { // CONF-16
	rapid.Check(t, func(t *rapid.T) {
		var w window
		slow := slowWindow{waiting: map[uint64]bool{}, refused: map[uint64]bool{}}
		published := uint64(0)
		runs := [][2]uint64{}
		span := rapid.SampledFrom([]int{3, 70, 400, 3000}).Draw(t, "span")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // a run, some of which waits
				from := published + 1
				published += uint64(rapid.IntRange(1, span).Draw(t, "publishes"))
				some := rapid.Uint64().Draw(t, "waiting")
				for n := from; n <= published; n++ {
					if some>>(n%61)&1 != 0 {
						w.await(n)
						slow.waiting[n] = true
					}
				}
				few := rapid.Uint64().Draw(t, "refused") & rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}).Draw(t, "of")
				for n := from; n <= published; n++ {
					if few>>(n%61)&1 != 0 {
						w.refuse(n)
						slow.refused[n] = true
						delete(slow.waiting, n)
					}
				}
				runs = append(runs, [2]uint64{from, published})
			case 1: // all of a run is durable, now or again
				if len(runs) > 0 {
					r := rapid.SampledFrom(runs).Draw(t, "durable")
					w.durable(r[0], r[1])
					for n := r[0]; n <= r[1]; n++ {
						delete(slow.waiting, n)
					}
				}
			case 2: // some are settled
				if published > 0 {
					from := rapid.Uint64Range(1, published).Draw(t, "from")
					to := min(published, from+uint64(rapid.IntRange(0, 130).Draw(t, "more")))
					w.durable(from, to)
					for n := from; n <= to; n++ {
						delete(slow.waiting, n)
					}
				}
			case 3:
				w.reach(published)
				slow.reached = published
			}
			for more := rapid.IntRange(0, 5).Draw(t, "answers"); more > 0; more-- {
				got, want := fmt.Sprint(w.confirm()), fmt.Sprint(slow.confirm())
				if got != want {
					t.Fatalf("the answer is %s, want %s", got, want)
				}
			}
		}
	})
}

// A window that nothing waits in keeps no memory for more than a few.
func TestAWindowGivesBackItsMemory(t *testing.T) {
	var w window
	for n := uint64(1); n <= 100_000; n++ {
		w.await(n)
	}
	w.reach(100_000)
	w.durable(1, 100_000)
	if a, ok := w.confirm(); a.tag != 100_000 || !ok || len(w.waiting) > leastWaiting {
		t.Errorf("confirmed up to %d, %t, %d words are kept", a.tag, ok, len(w.waiting))
	}
}

func BenchmarkWindow(b *testing.B) {
	var w window
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := uint64(0); b.Loop(); {
		from := n + 1
		n += rnd.Uint64N(200)
		for i := from; i <= n; i++ {
			w.await(i)
		}
		w.reach(n)
		w.confirm()
		w.durable(from, n)
		w.confirm()
	}
}
