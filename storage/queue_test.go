package storage

import "testing"

// TestSettleEverything settles a part of what was settled before.
func TestSettleEverything(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10}, 10)
	unit(t, db, func() {
		q.Settle(Range{0, 1<<64 - 1})
		q.Settle(Range{0, 3})
	})
	mustClose(t, db)
	db, state := mustOpen(t, o)
	defer mustClose(t, db)
	if n := len(state.Queues[q.ID()]); n != 0 {
		t.Errorf("%d messages are back", n)
	}
}

// liar has not as many bytes as it says.
type liar struct{ text }

func (m *liar) Size() int { return m.text.Size() + 1 }

// TestAMessageOfAnotherSizeIsNotStored would make all behind it unreadable.
func TestAMessageOfAnotherSizeIsNotStored(t *testing.T) {
	failures := 0
	o := Options{Dir: t.TempDir(), OnError: func(error) { failures++ }}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 10}, 10)
	db.Begin()
	q.Append(Item{Seq: 11}, &liar{text{b: []byte("liar")}})
	q.Append(Item{Seq: 12}, message("behind it"))
	if err := db.Wait(db.End()); err == nil {
		t.Error("it was stored")
	}
	if err := db.Close(); err == nil || failures != 1 {
		t.Errorf("%d failures, and then %v", failures, err)
	}
	o.OnError = nil
	db, state := mustOpen(t, o)
	defer mustClose(t, db)
	if n := len(state.Queues[q.ID()]); n != 10 {
		t.Errorf("%d messages instead of 10", n)
	}
}
