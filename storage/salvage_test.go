package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// moved makes a store with messages of 1000 bytes, most of them in Badger, and
// returns the queue they are in.
func moved(t *testing.T, o Options, n uint64) (queue uint64) {
	t.Helper()
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	unit(t, db, func() { db.Put(Entity{3, q.ID(), []byte("queue")}) })
	appendMany(t, db, q, Range{1, n}, 1000)
	archiveOf(db).rested()
	mustClose(t, db)
	return q.ID()
}

// accepted opens a damaged store, first as it is, then with the loss accepted,
// then once more, and returns what was found.
func accepted(t *testing.T, o Options) *State {
	t.Helper()
	if db, state, err := Open(o); err == nil {
		items := 0
		for id, of := range state.Queues {
			if err = db.Load(id, of, func(int, []byte) { items++ }); err != nil {
				break
			}
		}
		mustClose(t, db)
		if !isCorrupt(err) {
			t.Fatalf("the damage was not noticed: %v", err)
		}
	} else if !isCorrupt(err) {
		t.Fatal(err)
	}
	o.AcceptLoss = true
	db, state := mustOpen(t, o)
	mustClose(t, db)
	o.AcceptLoss = false
	db, again := mustOpen(t, o)
	for id, items := range state.Queues {
		if len(again.Queues[id]) != len(items) {
			t.Errorf("%d messages of %d are there when it is opened again", len(again.Queues[id]), len(items))
		}
		checkBodies(t, db, id, again.Queues[id], 1000)
	}
	mustClose(t, db)
	return state
}

// A generation that is gone costs what was in it.
func TestGenerationThatIsGone(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	q := moved(t, o, 5000)
	if err := os.RemoveAll(filepath.Join(o.Dir, "fragments", "00000001")); err != nil {
		t.Fatal(err)
	}
	state := accepted(t, o)
	lost := 5000 - len(state.Queues[q])
	if lost < 1000 || lost == 5000 || state.Lost.Messages != uint64(lost) {
		t.Errorf("%d messages were lost, and %d of it told: %q", lost, state.Lost.Messages, state.Lost.Damages)
	}
	if len(state.Entities) != 1 {
		t.Error("the queue was lost as well")
	}
}

// An index that is gone costs what was in Badger; the journal is still read.
func TestIndexThatIsGone(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	q := moved(t, o, 5000)
	if err := os.RemoveAll(filepath.Join(o.Dir, "index", "00000001")); err != nil {
		t.Fatal(err)
	}
	state := accepted(t, o)
	lost := 5000 - len(state.Queues[q])
	if lost < 1000 || lost == 5000 || state.Lost.Messages != uint64(lost) {
		t.Errorf("%d messages were lost, and %d of it told: %q", lost, state.Lost.Messages, state.Lost.Damages)
	}
	if !strings.Contains(strings.Join(state.Lost.Damages, " "), "index") {
		t.Errorf("the index is not named: %q", state.Lost.Damages)
	}
}
