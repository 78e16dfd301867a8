package broker

import (
	"fmt"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// publishAll holds every content of a run in a transaction, and then does to
// them what the next read does.
func (t *transaction) publishAll(r *run, mandatory bool, queues ...string) {
	for _, c := range r.contents {
		t.runTo(r.origin, queues, nil, mandatory).hold(c, traits{})
	}
	r.overwrite()
	clear(queues)
}

func TestHeldPublishesOutliveTheReadBuffer(t *testing.T) {
	sizes := slices.Repeat([]int{0, 16, 100, 5000, 1000}, 100)
	var tx transaction
	tx.publishAll(newRun(sizes...), false, "q")
	i := 0
	for _, h := range tx.publishes {
		if !slices.Equal(h.queues, []string{"q"}) {
			t.Errorf("held for %q", h.queues)
		}
		for n, c := range h.contents {
			m := h.keep(n)
			for _, c := range []*amqp.Content{&c, &m.content} {
				if id, _ := c.Properties().MessageID(); id != fmt.Sprint(i) || len(c.Body()) != sizes[i] {
					t.Fatalf("publish %d has become %q with %d bytes", i, id, len(c.Body()))
				}
			}
			i++
		}
	}
	if i != len(sizes) {
		t.Errorf("%d publishes are held, want %d", i, len(sizes))
	}
}

func TestPublishesThatGoTheSameWayAreHeldAsOneRun(t *testing.T) {
	var tx transaction
	one := func(exchange, key string, mandatory bool, queues ...string) {
		r := newRun(10)
		r.origin = &origin{exchange: exchange, key: key}
		tx.publishAll(r, mandatory, queues...)
	}
	for range 3 {
		one("x", "k", false, "a", "b")
	}
	one("x", "k", true, "a", "b")
	one("x", "other", true, "a", "b")
	one("x", "other", true, "b")
	one("x", "k", false, "a", "b") // not with the first: in between there were others
	tx.publishAll(newRun(slices.Repeat([]int{10}, longestRun)...), false, "a", "b")
	var lengths []int
	for _, h := range tx.publishes {
		lengths = append(lengths, len(h.contents))
	}
	if want := []int{3, 1, 1, 1, longestRun, 1}; !slices.Equal(lengths, want) {
		t.Errorf("runs have %v publishes, want %v", lengths, want)
	}
}

func TestManySmallPublishesAreHeldInFewPieces(t *testing.T) {
	r := newRun(slices.Repeat([]int{16}, longestRun)...)
	allocations := testing.AllocsPerRun(10, func() {
		var tx transaction
		for _, c := range r.contents {
			tx.runTo(r.origin, []string{"q"}, nil, false).hold(c, traits{})
		}
	})
	if most := float64(longestRun) / 4; allocations > most {
		t.Errorf("%v allocations for %d publishes", allocations, longestRun)
	}
}

func TestATransactionIsNotLargerThanTheStoreCanKeepAtOnce(t *testing.T) {
	var tx transaction
	for range 2<<30/(512<<20) - 1 {
		if err := tx.grow(512<<20, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.grow(512<<20, 1); err == nil { // with what is noted of each it is more
		t.Error("more than 2 GiB in one commit")
	}
}
