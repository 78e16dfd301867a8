package storage

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// history does units one after the other and remembers what there was after
// each.
type history struct {
	t      *testing.T
	d      *disk
	o      Options
	db     *DB
	queues map[uint64]*Queue
	next   map[uint64]uint64

	entities map[uint64]string
	messages map[uint64]map[uint64]string // by queue and seq
	states   []string                     // after each unit; the first is nothing
	lines    map[string]bool              // that any of them has
}

func newHistory(t *testing.T) *history {
	d := newDisk()
	h := &history{
		t: t, d: d, o: Options{Dir: t.TempDir(), JournalSize: 1, files: d, behind: &shelf{endless: true}},
		next: make(map[uint64]uint64), entities: make(map[uint64]string),
		messages: make(map[uint64]map[uint64]string), states: []string{""},
	}
	h.open()
	return h
}

func (h *history) open() {
	h.db, _ = mustOpen(h.t, h.o)
	h.queues = make(map[uint64]*Queue)
}

func (h *history) queue(id uint64) *Queue {
	if h.queues[id] == nil {
		h.queues[id] = h.db.Queue(id)
	}
	return h.queues[id]
}

// unit does something, and remembers the state and when it was durable.
func (h *history) unit(do func()) {
	unit(h.t, h.db, do)
	h.states = append(h.states, h.state())
	h.d.note(fmt.Sprint(len(h.states) - 1))
}

func (h *history) put(id uint64, value string) {
	h.db.Put(Entity{1, id, []byte(value)})
	h.entities[id] = value
}

func (h *history) drop(id uint64) {
	h.db.Drop(1, id)
	delete(h.entities, id)
}

// publish appends a message to queues.
func (h *history) publish(body string, queues ...uint64) {
	m := message("%s", body)
	for _, id := range queues {
		h.next[id]++
		h.queue(id).Append(Item{Seq: h.next[id]}, m)
		if h.messages[id] == nil {
			h.messages[id] = make(map[uint64]string)
		}
		h.messages[id][h.next[id]] = body
	}
}

func (h *history) settle(queue, from, to uint64) {
	h.queue(queue).Settle(Range{from, to})
	maps.DeleteFunc(h.messages[queue], func(seq uint64, _ string) bool { return from <= seq && seq <= to })
}

func (h *history) remove(queue uint64) {
	h.queue(queue).Delete()
	delete(h.queues, queue)
	delete(h.messages, queue)
}

func (h *history) state() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(h.entities)) {
		fmt.Fprintf(&b, "%d=%s\n", id, h.entities[id])
	}
	for _, id := range slices.Sorted(maps.Keys(h.messages)) {
		for _, seq := range slices.Sorted(maps.Keys(h.messages[id])) {
			fmt.Fprintf(&b, "%d/%d: %s\n", id, seq, h.messages[id][seq])
		}
	}
	return b.String()
}

// found is what a disk has, in the form of history.state, after it was opened
// with the options.
func foundOn(d *disk, o Options) (string, *State, error) {
	o.files = d
	db, state, err := Open(o)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for _, e := range state.Entities {
		fmt.Fprintf(&b, "%d=%s\n", e.ID, e.Value)
	}
	for _, id := range slices.Sorted(maps.Keys(state.Queues)) {
		items := state.Queues[id]
		bodies := make([]string, len(items))
		err := db.Load(id, items, func(i int, b []byte) { bodies[i] = string(b) })
		if err != nil {
			db.Close()
			return "", nil, err
		}
		for i, it := range items {
			fmt.Fprintf(&b, "%d/%d: %s\n", id, it.Seq, bodies[i])
		}
	}
	return b.String(), state, db.Close()
}

// script is a history with everything in it, over several segments and one
// restart.
func script(t *testing.T, units int) *history {
	h := newHistory(t)
	r := rand.New(rand.NewPCG(1, uint64(units)))
	for i := range units {
		body := fmt.Sprintf("body %d %s", i, strings.Repeat("x", r.IntN(3000)))
		h.unit(func() {
			switch i % 8 {
			case 0:
				h.put(uint64(i), body[:10])
				h.publish(body, 1)
			case 1, 2:
				h.publish(body, 1, 2, 3)
				h.publish("", 2)
			case 3:
				h.settle(1, h.next[1]-1, h.next[1])
				h.settle(2, 1, 1+uint64(i/2))
			case 4:
				h.publish(body+"never", 2)
				h.publish(body, 2)
				h.settle(2, h.next[2]-1, h.next[2]-1)
			case 5:
				h.queue(3).Requeued(h.next[3], 3)
				h.drop(uint64(i - 5))
				h.publish(body, 4)
			case 6:
				h.publish(strings.Repeat(body, 1+i/16), 5)
			case 7:
				h.remove(4)
			}
		})
		if i == units/2 {
			mustClose(t, h.db)
			h.d.note("closed")
			h.open()
		}
	}
	return h
}

// durable is the number of the last unit that was durable before an operation.
func (h *history) durable(ops int) (n int) {
	for _, o := range h.d.log[:ops] {
		if o.kind == "note" {
			_, _ = fmt.Sscan(o.to, &n)
		}
	}
	return n
}

// mustHave fails unless a state is one after a unit from at least on.
func (h *history) mustHave(t *testing.T, state string, least int, what string) {
	t.Helper()
	for k := len(h.states) - 1; k >= least; k-- {
		if h.states[k] == state {
			return
		}
	}
	for k, s := range h.states {
		if s == state {
			t.Fatalf("%s: found the state after unit %d, and %d was durable", what, k, least)
		}
	}
	t.Fatalf("%s: found a state that never was:\n%.2000s", what, state)
}
