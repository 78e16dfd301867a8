package broker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// newMessage is a message as a queue holds it.
func newMessage(body string) *message {
	return &message{origin: &origin{"x", "k"}, content: amqp.NewContent(amqp.Properties{0, 0}, []byte(body))}
}

// slowReady is what ready should do: all messages, sorted.
type slowReady []entry

func (r *slowReady) add(e entry) {
	*r = append(*r, e)
	slices.SortFunc(*r, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
}

func (r *slowReady) pop() entry {
	e := (*r)[0]
	*r = (*r)[1:]
	return e
}

func (r *slowReady) bytes() (n int) {
	for _, e := range *r {
		n += e.message.content.Size()
	}
	return n
}

func TestReadyMessagesAreTakenInTheOrderOfTheirPositions(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			checkReady(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func checkReady(t *testing.T, rnd *rand.Rand) {
	var r ready
	var slow slowReady
	var out []entry // delivered, not settled
	seq := uint64(0)
	// Now and then the chances change, so that the list grows to many blocks
	// and runs empty.
	push, pop := 50, 50
	for range 5000 {
		if rnd.IntN(500) == 0 {
			push, pop = 10+rnd.IntN(90), 10+rnd.IntN(90)
		}
		switch n := rnd.IntN(push + pop + 21); {
		case n < push:
			e := entry{seq: seq, message: newMessage(fmt.Sprint(seq))}
			seq++
			r.push(e)
			slow.add(e)
		case n < push+pop:
			if len(slow) == 0 {
				continue
			}
			got, want := r.pop(), slow.pop()
			if got != want {
				t.Fatalf("popped %+v, want %+v", got, want)
			}
			out = append(out, got)
		case n < push+pop+20:
			if len(out) == 0 {
				continue
			}
			i := rnd.IntN(len(out))
			e := out[i]
			out = slices.Delete(out, i, i+1)
			r.giveBack(e)
			e.redelivered, e.deliveries = true, e.deliveries+1
			slow.add(e)
		case rnd.IntN(20) == 0:
			if got := r.purge(); got != len(slow) {
				t.Fatalf("purged %d messages, want %d", got, len(slow))
			}
			slow = nil
		}
		if r.len() != len(slow) || r.bytes != slow.bytes() {
			t.Fatalf("%d messages of %d bytes, want %d of %d", r.len(), r.bytes, len(slow), slow.bytes())
		}
	}
}

func TestAnEmptyReadyListHoldsNoMemory(t *testing.T) {
	var r ready
	m := newMessage("body")
	for i := range uint64(3 * blockLen) {
		r.push(entry{seq: i, message: m})
	}
	for i := range uint64(2 * blockLen) {
		r.pop()
		r.giveBack(entry{seq: i, message: m})
		r.pop()
	}
	for r.len() > 0 {
		r.pop()
	}
	if r.head != nil || r.tail != nil || r.returned != nil {
		t.Errorf("an empty list keeps %+v", r)
	}
}
