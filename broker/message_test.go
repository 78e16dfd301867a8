package broker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// newRun is a run of publishes with bodies of the given sizes.
func newRun(sizes ...int) *run {
	r := &run{origin: &origin{exchange: "x", key: "k"}}
	for i, n := range sizes {
		body := bytes.Repeat([]byte{byte(i)}, n)
		properties := amqp.BasicProperties{MessageID: fmt.Sprint(i)}
		r.contents = append(r.contents, amqp.NewContent(properties.Append(nil), body))
	}
	return r
}

// overwrite does to small contents what the next read of a connection does.
func (r *run) overwrite() {
	for i := range r.contents {
		if c := &r.contents[i]; c.KeepSize() > 0 {
			clear(c.Properties())
			clear(c.Body())
		}
	}
}

func TestAPublishIsKeptOnce(t *testing.T) {
	r := newRun(10, 20, 30)
	for _, i := range []int{2, 0, 2, 1, 0} {
		first, again := r.keep(i), r.keep(i)
		if first != again {
			t.Errorf("publish %d is kept as two messages", i)
		}
		if first.origin != r.origin || len(first.content.Body()) != 10*(i+1) {
			t.Errorf("publish %d is kept as %+v", i, first)
		}
	}
}

func TestWhatIsKeptOutlivesTheReadBuffer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 5))
	for range 50 {
		sizes := make([]int, 1+rnd.IntN(longestRun))
		for i := range sizes {
			sizes[i] = []int{0, 1, 16, 100, 1000, 4000, 5000}[rnd.IntN(7)]
		}
		r := newRun(sizes...)
		kept := map[int]*message{}
		for range sizes {
			i := rnd.IntN(len(sizes))
			kept[i] = r.keep(i)
		}
		r.overwrite()
		r.reset()
		for i, m := range kept {
			if id, _ := m.content.Properties().MessageID(); id != fmt.Sprint(i) {
				t.Fatalf("publish %d has become %q", i, id)
			}
			if want := bytes.Repeat([]byte{byte(i)}, sizes[i]); !bytes.Equal(m.content.Body(), want) {
				t.Fatalf("the body of publish %d has changed", i)
			}
		}
	}
}

func TestMessagesShareMemoryOnlyInSmallPieces(t *testing.T) {
	tests := map[string][]int{
		"tiny":          slices.Repeat([]int{16}, longestRun),
		"small":         slices.Repeat([]int{1024}, longestRun),
		"as they come":  slices.Repeat([]int{16, 4000, 100, 9000}, longestRun/4),
		"one":           {16},
		"none, by size": slices.Repeat([]int{5000}, longestRun),
	}
	for name, sizes := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRun(sizes...)
			for i := range r.contents {
				r.keep(i)
				if cap(r.slab) > slabSize {
					t.Fatalf("contents share %d bytes, more than %d", cap(r.slab), slabSize)
				}
				if len(r.messages) >= slabCount {
					t.Fatalf("messages are allocated %d at a time, more than %d", len(r.messages)+1, slabCount)
				}
			}
			if left := cap(r.slab) - len(r.slab); left > 0 || len(r.messages) > 0 {
				t.Errorf("%d bytes and %d messages are left over", left, len(r.messages))
			}
		})
	}
}

func TestAContentLargerThanAPieceHasItsOwn(t *testing.T) {
	headers := amqp.BasicProperties{Headers: amqp.Table{{Key: "k", Value: string(make([]byte, 2*slabSize))}}}
	r := newRun(16, 16, 16)
	r.contents[1] = amqp.NewContent(headers.Append(nil), nil)
	for i := range r.contents {
		r.keep(i)
		if want := r.contents[i].KeepSize(); cap(r.slab) > max(want, slabSize) {
			t.Errorf("content %d of %d bytes is in a piece of %d", i, want, cap(r.slab))
		}
	}
}

func TestARunThatWasResetForgetsItsContents(t *testing.T) {
	r := newRun(16, 16, 5000)
	r.keep(0)
	r.reset()
	contents, kept := r.contents[:cap(r.contents)], r.kept[:cap(r.kept)]
	for i := range contents {
		if contents[i].Size() > 0 {
			t.Errorf("content %d is still there", i)
		}
	}
	for i := range kept {
		if kept[i] != nil {
			t.Errorf("message %d is still there", i)
		}
	}
}

func TestDeliveriesAreSettledQueueByQueueInTheirOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 6))
	queues := []*queue{{name: "a"}, {name: "b"}, {name: "c"}}
	for range 500 {
		var ds []delivery
		want := map[*queue][]delivery{}
		some := queues[:1+rnd.IntN(len(queues))]
		for tag := range uint64(rnd.IntN(20)) {
			q := some[rnd.IntN(len(some))]
			d := delivery{tag: tag, queue: q}
			ds = append(ds, d)
			want[q] = append(want[q], d)
		}
		got := map[*queue][]delivery{}
		byConsumer(ds, func(q *queue, ds []delivery) {
			if got[q] != nil {
				t.Errorf("queue %s gets its deliveries in more than one piece", q.name)
			}
			got[q] = slices.Clone(ds)
		})
		for _, q := range queues {
			if !slices.Equal(got[q], want[q]) {
				t.Fatalf("queue %s gets %v, want %v", q.name, got[q], want[q])
			}
		}
	}
}

// A small message that stays does not hold a large one that was published
// beside it.
func TestASmallMessageDoesNotHoldALargeOne(t *testing.T) {
	small := amqp.NewContent(amqp.Properties{0, 0}, []byte("s"))
	body := make([]byte, 1<<20)
	freed := make(chan struct{})
	runtime.AddCleanup(&body[0], func(freed chan struct{}) { close(freed) }, freed)
	r := &run{origin: new(origin), contents: []amqp.Content{small, amqp.NewContent(amqp.Properties{0, 0}, body)}}
	stays := r.keep(0)
	r.keep(1)
	r.reset()
	body = nil
	for range 10 {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(stays)
			return
		case <-time.After(time.Second):
		}
	}
	t.Error("the large body is still held")
}
