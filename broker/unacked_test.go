package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowUnacked is what unacked should do: the unsettled deliveries in order.
type slowUnacked []delivery

func (u *slowUnacked) remove(which func(delivery) bool) (removed []delivery) {
	for _, d := range *u {
		if which(d) {
			removed = append(removed, d)
		}
	}
	*u = slices.DeleteFunc(*u, which)
	return removed
}

func (u *slowUnacked) has(tag uint64) bool {
	return slices.ContainsFunc(*u, func(d delivery) bool { return d.tag == tag })
}

func TestUnsettledDeliveriesAreFoundByTheirTags(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			checkUnacked(t, rand.New(rand.NewPCG(seed, 2)))
		})
	}
}

func checkUnacked(t *testing.T, rnd *rand.Rand) {
	queues := []*queue{{name: "a"}, {name: "b"}, {name: "c"}}
	var u unacked
	var slow slowUnacked
	last := uint64(0)
	gaps := rnd.IntN(2) == 0 // deliveries without acknowledgement use tags, too
	pushes := 40 + rnd.IntN(40)
	for range 3000 {
		tag := uint64(rnd.IntN(int(last) + 3))
		if len(slow) > 0 && rnd.IntN(4) > 0 {
			tag = slow[rnd.IntN(len(slow))].tag
		}
		var got, want []delivery
		var ok bool
		switch n := rnd.IntN(100); {
		case n < pushes:
			last++
			if gaps && rnd.IntN(3) == 0 {
				last += uint64(rnd.IntN(5))
			}
			d := delivery{entry: entry{seq: last}, tag: last, queue: queues[rnd.IntN(len(queues))]}
			u.push(d)
			slow = append(slow, d)
		case n < 94:
			known := slow.has(tag)
			if got, ok = u.take(nil, tag); ok != known {
				t.Fatalf("tag %d: found is %t, want %t", tag, ok, known)
			}
			want = slow.remove(func(d delivery) bool { return d.tag == tag })
		case n < 97:
			known := slow.has(tag)
			if got, ok = u.takeThrough(nil, tag); ok != known {
				t.Fatalf("through tag %d: found is %t, want %t", tag, ok, known)
			}
			if known {
				want = slow.remove(func(d delivery) bool { return d.tag <= tag })
			}
		case n < 99:
			q := queues[rnd.IntN(len(queues))]
			got, want = u.takeOf(nil, q), slow.remove(func(d delivery) bool { return d.queue == q })
		case rnd.IntN(2) == 0: // taken, they come back
			got, ok = u.takeThrough(nil, tag)
			u.restore(got)
			if known := slow.has(tag); ok != known {
				t.Fatalf("through tag %d: found is %t, want %t", tag, ok, known)
			}
			got = nil
		case rnd.IntN(10) == 0:
			got, want = u.takeAll(nil), slow.remove(func(delivery) bool { return true })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("took %v, want %v", got, want)
		}
		if u.live != len(slow) {
			t.Fatalf("%d are unsettled, want %d", u.live, len(slow))
		}
	}
}

func TestTakenDeliveriesAreAppendedToWhatIsThere(t *testing.T) {
	q := new(queue)
	var u unacked
	for tag := range uint64(6) {
		u.push(delivery{tag: tag + 1, queue: q})
	}
	ds, _ := u.take(nil, 2)
	ds, _ = u.takeThrough(ds, 3)
	ds, _ = u.take(ds, 99)
	ds = u.takeOf(ds, q)
	var tags []uint64
	for _, d := range ds {
		tags = append(tags, d.tag)
	}
	if want := []uint64{2, 1, 3, 4, 5, 6}; !slices.Equal(tags, want) {
		t.Errorf("took %v, want %v", tags, want)
	}
}

// What a range has before the first tag that is missing is settled,
// whether that tag was settled before or never belonged to a delivery that waits.
func TestARangeEndsAtTheFirstTagThatIsMissing(t *testing.T) {
	tests := map[string]struct {
		tags    []uint64 // delivered
		settled uint64   // of those, before; 0: none
		missing uint64   // the first one of the range 3 to 6; 0: none
	}{
		"all are there":       {[]uint64{1, 2, 3, 4, 5, 6, 7}, 0, 0},
		"one was settled":     {[]uint64{1, 2, 3, 4, 5, 6, 7}, 5, 5},
		"the first was":       {[]uint64{1, 2, 3, 4, 5, 6, 7}, 3, 3},
		"one was never there": {[]uint64{1, 3, 4, 6, 7}, 0, 5},
		"they end too early":  {[]uint64{2, 3, 4}, 0, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := new(queue)
			var u unacked
			for _, tag := range test.tags {
				u.push(delivery{tag: tag, queue: q})
			}
			u.take(nil, test.settled)
			live := u.live
			ds, missing := u.takeRange(nil, ackRange{3, 6})
			if missing != test.missing {
				t.Errorf("%d is missing, want %d", missing, test.missing)
			}
			end := uint64(7)
			if missing > 0 {
				end = missing
			}
			for i, d := range ds {
				if d.tag != 3+uint64(i) || d.queue != q {
					t.Errorf("took %d at %d", d.tag, i)
				}
			}
			if len(ds) != int(end-3) || u.live != live-len(ds) {
				t.Errorf("took %d and left %d of %d", len(ds), u.live, live)
			}
		})
	}
}

func TestADeliveryThatStaysUnsettledHoldsNoMemoryForOthers(t *testing.T) {
	q := new(queue)
	var u unacked
	u.push(delivery{tag: 1, queue: q})
	var ds []delivery
	for tag := uint64(2); tag < 1_000_000; tag++ {
		u.push(delivery{tag: tag, queue: q})
		if ds, _ = u.take(ds[:0], tag); len(ds) != 1 {
			t.Fatalf("tag %d is not found", tag)
		}
	}
	if cap(u.window) > 8 {
		t.Errorf("one delivery is kept in a window of %d", cap(u.window))
	}
	if _, ok := u.take(nil, 1); !ok {
		t.Error("the first delivery is not found any more")
	}
}

func TestTheWindowStaysInProportionToWhatIsUnsettled(t *testing.T) {
	q := new(queue)
	var u unacked
	rnd := rand.New(rand.NewPCG(1, 3))
	var tags []uint64
	var ds []delivery
	for tag := uint64(1); tag < 300_000; tag++ {
		u.push(delivery{tag: tag, queue: q})
		tags = append(tags, tag)
		if len(tags) > 100 {
			i := rnd.IntN(len(tags))
			ds, _ = u.take(ds[:0], tags[i])
			tags[i] = tags[len(tags)-1]
			tags = tags[:len(tags)-1]
		}
		if cap(u.window) > 1024 {
			t.Fatalf("%d deliveries are kept in a window of %d", u.live, cap(u.window))
		}
	}
}

func TestSettledDeliveriesAreForgotten(t *testing.T) {
	q := new(queue)
	var u unacked
	for tag := uint64(1); tag <= 100; tag++ {
		u.push(delivery{entry: entry{message: new(message)}, tag: tag, queue: q})
	}
	u.take(nil, 50)
	u.takeThrough(nil, 60)
	u.takeOf(nil, q)
	for i, d := range u.window[:cap(u.window)] {
		if d.message != nil || d.queue != nil {
			t.Fatalf("place %d still refers to %+v", i, d)
		}
	}
}

func TestAWindowThatRanEmptyGivesItsMemoryBack(t *testing.T) {
	q := new(queue)
	var u unacked
	for tag := uint64(1); tag <= 100_000; tag++ {
		u.push(delivery{tag: tag, queue: q})
	}
	u.takeAll(nil)
	for tag := uint64(100_001); tag <= 110_000; tag++ {
		u.push(delivery{tag: tag, queue: q})
		u.take(nil, tag)
	}
	if cap(u.window) > 10_000 {
		t.Errorf("an empty window has room for %d deliveries", cap(u.window))
	}
}
