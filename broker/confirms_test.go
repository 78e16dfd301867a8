package broker

import (
	"math/rand/v2"
	"testing"
)

func TestEveryPublishIsConfirmedOnceAndInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 4))
	var c confirms
	published, confirmed := uint64(0), uint64(0)
	for range 10_000 {
		if rnd.IntN(3) > 0 {
			if first := c.publish(); first != (published == confirmed) {
				t.Fatalf("publish %d: first is %t with %d confirmed", published+1, first, confirmed)
			}
			published++
			continue
		}
		tag, multiple, ok := c.confirm()
		switch n := published - confirmed; {
		case ok != (n > 0):
			t.Fatalf("%d unconfirmed publishes: %t", n, ok)
		case ok && (tag != published || multiple != (n > 1)):
			t.Fatalf("%d unconfirmed publishes are confirmed by tag %d, multiple %t", n, tag, multiple)
		}
		confirmed = published
	}
}
