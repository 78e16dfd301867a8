package storage

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// onlySynced is what is left of a store that is open when the power fails now, and
// nothing is left but what was synced. The machine has started again since.
func (d *platter) onlySynced(t *testing.T) (dir string) {
	t.Helper()
	d.mu.Lock()
	im := d.cut(t, &lottery{Rand: rand.New(rand.NewPCG(1, 1)), way: "old", page: 4096})
	d.mu.Unlock()
	if b := im[filepath.Join(d.root, "mark")]; b != nil {
		otherBoot(t, "", &memory{data: b})
	}
	dir = t.TempDir()
	im.write(t, d.root, dir)
	return dir
}

// TestBadgerHasNothingBeforeTheJournal moves messages to another queue in a unit
// of which Badger learns before the journal is synced.
func TestBadgerHasNothingBeforeTheJournal(t *testing.T) {
	for _, moved := range []string{"settled", "deleted"} {
		t.Run(moved, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), JournalSize: minJournalSize, Durability: OS}
			d := newPlatter(t, o.Dir)
			o.files, o.synced = d, d.transacted
			db, _ := mustOpen(t, o)
			from, to := db.Queue(db.NewID()), db.Queue(db.NewID())
			appendMany(t, db, from, Range{1, 1200}, 1000)
			archiveOf(db).rested()
			unit(t, db, func() {
				to.Append(Item{Seq: 1}, message("the last of them"))
				if moved == "deleted" {
					from.Delete()
				} else {
					from.Settle(Range{1, 1200})
				}
			})
			archiveOf(db).rested()
			o.Dir, o.files, o.synced = d.onlySynced(t), nil, nil
			mustClose(t, db)
			db, state := mustOpen(t, o)
			defer mustClose(t, db)
			if len(state.Queues[from.ID()])+len(state.Queues[to.ID()]) == 0 {
				t.Error("they are in neither queue")
			}
		})
	}
}

// TestDirectoriesAreDurable has the first fragments written long after the
// index, and the directory made by Open.
func TestDirectoriesAreDurable(t *testing.T) {
	root := t.TempDir()
	o := Options{Dir: filepath.Join(root, "var", "store"), JournalSize: minJournalSize}
	d := newPlatter(t, root)
	o.files, o.synced = d, d.transacted
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	for seq := uint64(1); seq <= 1200; seq += 100 { // no message outlives the journal
		appendMany(t, db, q, Range{seq, seq + 99}, 1000)
		unit(t, db, func() { q.Settle(Range{seq, seq + 99}); db.Put(Entity{1, db.NewID(), []byte("x")}) })
	}
	archiveOf(db).rested()
	appendMany(t, db, q, Range{1201, 2400}, 1000)
	archiveOf(db).rested()
	o.Dir, o.files, o.synced = filepath.Join(d.onlySynced(t), "var", "store"), nil, nil
	mustClose(t, db)
	db, state := mustOpen(t, o)
	defer mustClose(t, db)
	if n := len(state.Queues[q.ID()]); n != 1200 {
		t.Errorf("%d messages instead of 1200", n)
	}
}

// TestTheMarkOfTheIndexIsDurableBeforeWhatItNamed opens a store that was killed
// when it had moved its index and had written the mark, but not synced it.
func TestTheMarkOfTheIndexIsDurableBeforeWhatItNamed(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: minJournalSize}
	moved(t, o, 1200)
	db, _ := mustOpen(t, o) // completes a generation, and need not again
	archiveOf(db).rested()
	mustClose(t, db)
	dir := filepath.Join(o.Dir, "index")
	copyTree(t, filepath.Join(dir, "00000001"), filepath.Join(dir, "00000002"), "", nil)
	d := newPlatter(t, o.Dir)
	path := filepath.Join(dir, "mark")
	f, err := d.open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	m := indexMark{f: f}
	if !m.read(f) {
		t.Fatal("there is no mark")
	}
	m.number, m.turn = 2, m.turn+1
	if _, err := f.WriteAt(m.seal(), int64(m.turn%2)*indexMarkSlot); err != nil {
		t.Fatal(err)
	}
	f.Close()
	o.files = d
	b := newArchive(&o)
	if _, err := b.recover(newBuilding()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(false); err != nil {
			t.Error(err)
		}
	}()
	if left, err := numbers(d, dir); err != nil || len(left) != 1 {
		t.Errorf("there are %d: %v", left, err)
	}
	if !m.read(bytes.NewReader(d.durable[path].durable)) || m.number != 2 {
		t.Errorf("after a power cut the mark names %d", m.number)
	}
}
