package storage

import "testing"

// TestRoomIsNoticedWhateverBecomesOfTheFile reaches twice the limit, from where
// it goes on only when segments are given back, and the file of the last of
// them is not kept: one that is too small for any message stays free.
func TestRoomIsNoticedWhateverBecomesOfTheFile(t *testing.T) {
	gate := make(chan struct{})
	o := Options{Dir: t.TempDir(), JournalSize: 16 << 20, Durability: OS}
	o.space = func(string) (int64, error) { <-gate; return 1 << 40, nil }
	db, _ := mustOpen(t, o)
	j := db.engine.(*store).journal
	q := db.Queue(db.NewID())
	appendOne := func(seq uint64) Group { // which takes a segment
		db.Begin()
		q.Append(Item{Seq: seq}, &text{b: body(q.ID(), seq, 3<<19)})
		return db.End()
	}
	for seq := range uint64(18) {
		if err := db.Wait(appendOne(seq + 1)); err != nil {
			t.Fatal(err)
		}
	}
	last := appendOne(19)
	j.mu.Lock()
	for !j.full() || j.want == 0 || !j.hasFree(j.want) {
		j.changed.Wait()
	}
	j.mu.Unlock()
	close(gate)
	if err := db.Wait(last); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
}

// What stays of the journal after a burst that has filled it is less than that.
func TestSegmentsAreRemovedAfterABurst(t *testing.T) {
	const limit = 16 << 20
	o := Options{Dir: t.TempDir(), JournalSize: limit, Durability: OS}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 15000}, 1000)
	unit(t, db, func() { q.Settle(Range{1, 15000}) })
	archiveOf(db).rested()
	j := db.engine.(*store).journal
	j.mu.Lock()
	if n := sizeOf(j.free); n > limit/4*3 {
		t.Errorf("%d bytes of the journal are free, want three quarters of %d at most", n, limit)
	}
	j.mu.Unlock()
	mustClose(t, db)
}

func TestOffsetsOfALargeJournalFitInPlaces(t *testing.T) {
	j := &journal{limit: 1 << 40}
	if at := placeAt(1, j.fullSegment()); at.segment() != 1 || at.offset() != j.fullSegment() {
		t.Errorf("the end of segment 1 is at %d of %d", at.offset(), at.segment())
	}
}
