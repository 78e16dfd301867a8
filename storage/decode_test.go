package storage

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// FuzzDecode reads segments that are anything at all: nothing panics, nothing
// large is allocated, and no blob is outside of its group.
func FuzzDecode(f *testing.F) {
	var e encoding
	g := group{
		entities: []entityChange{{Entity: Entity{1, 2, []byte("value")}}, {Entity: Entity{1, 3, nil}, drop: true}},
		queues: []queueChange{{
			id: 4, live: 2, settled: []Range{{1, 5}}, requeued: []requeue{{6, 7}},
			appended: []appended{{Item: Item{Seq: 7, Size: 3}, message: message("abc")}, {Item: Item{Seq: 9, Size: 1, Head: 1, Expires: 5, Priority: 1, Deliveries: 2}, message: message("d")}},
		}, {id: 5, deleted: true}},
	}
	if err := e.begin(&g, 1); err != nil {
		f.Fatal(err)
	}
	f.Add(e.buf[segmentHead+headerSize:], uint64(e.blobs))
	f.Add([]byte{opMessage | isShared, 1, 0}, uint64(5))
	f.Add([]byte{opPut, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, uint64(0))
	f.Fuzz(func(t *testing.T, meta []byte, blobs uint64) {
		const salt = 42
		blobs %= 1 << 20
		h := groupHeader{segment: 1, salt: salt, number: 1, meta: uint32(len(meta)), blobs: blobs}
		b := append(make([]byte, headerSize), meta...)
		h.seal(b)
		d := newDisk()
		d.names["f"] = &memory{data: append(b, make([]byte, blobs+recordAlign)...)}
		handle, _ := d.open("f", false)
		w, _ := newWindow(handle)
		g, err := readGroup(w, 0, salt)
		if err != nil {
			t.Fatal("a sealed group is not valid")
		}
		var p places
		if err := g.decode(&p); err != nil {
			return
		}
		end := g.base + Place(blobs)
		for _, it := range p.items {
			if it.Place < g.base || it.Place+Place(it.Size)+blobHead > end {
				t.Fatalf("%+v is not within the group, from %d to %d", it, g.base, end)
			}
		}
	})
}

// FuzzRead reads a file that is anything at all.
func FuzzRead(f *testing.F) {
	f.Add([]byte{}, int64(0))
	f.Add(bytes.Repeat([]byte{0x4c, 0x56, 0x47, 0x50}, 100), int64(8))
	f.Fuzz(func(t *testing.T, b []byte, at int64) {
		d := newDisk()
		d.names["f"] = &memory{data: b}
		handle, _ := d.open("f", false)
		w, _ := newWindow(handle)
		if g, err := readGroup(w, at, 0); err == nil {
			_ = g.decode(&places{})
		}
		s := &slot{segment: &segment{file: handle}, window: w}
		_ = s.headers(max(at, 0), 0, func(int64, *groupHeader) error { return nil })
		if len(b) >= segmentHeadLen {
			new(segmentHeader).parse(b, 0)
		}
		if len(b) >= markSize {
			new(mark).parse(b)
		}
	})
}

// TestUnitsAreNotCut has units of several queues and entities come from several
// goroutines, and looks at the disk at every moment: each is there whole or not
// at all.
func TestUnitsAreNotCut(t *testing.T) {
	d := newDisk()
	o := Options{Dir: t.TempDir(), JournalSize: 1, behind: &shelf{endless: true}, files: d}
	db, _ := mustOpen(t, o)
	const goroutines, units = 4, 25
	var all sync.WaitGroup
	for g := range uint64(goroutines) {
		all.Go(func() {
			a, b := db.Queue(g*2+1), db.Queue(g*2+2)
			for n := uint64(1); n <= units; n++ {
				db.Begin()
				m := message("%d %2000d", n, n)
				a.Append(Item{Seq: n}, m)
				db.Put(Entity{1, g, fmt.Append(nil, n)})
				b.Append(Item{Seq: n}, m)
				if n > 3 {
					a.Settle(Range{n - 3, n - 3})
					b.Settle(Range{n - 3, n - 3})
				}
				if end := db.End(); n%4 == 0 {
					if err := db.Wait(end); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	mustClose(t, db)
	for k, did := range d.log {
		cuts := []int{0}
		if did.kind == "write" {
			cuts = append(cuts, len(did.data)/3, len(did.data)-1)
		}
		for _, n := range cuts {
			o.files = d.killed(k, n)
			db, state, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			mustClose(t, db)
			wholeUnits(t, state, goroutines)
		}
	}
}

func wholeUnits(t *testing.T, state *State, goroutines uint64) {
	t.Helper()
	last := make(map[uint64]uint64)
	for _, e := range state.Entities {
		var n uint64
		_, _ = fmt.Sscan(string(e.Value), &n)
		last[e.ID] = n
	}
	for g := range goroutines {
		a, b := state.Queues[g*2+1], state.Queues[g*2+2]
		want := min(last[g], 3)
		if uint64(len(a)) != want || uint64(len(b)) != want {
			t.Fatalf("after unit %d there are %d and %d messages", last[g], len(a), len(b))
		}
		if want > 0 && (a[want-1].Seq != last[g] || b[want-1].Seq != last[g]) {
			t.Fatalf("after unit %d there are %v and %v", last[g], a, b)
		}
	}
}
