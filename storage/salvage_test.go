package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// tables are the tables of Badgers in a directory.
func tables(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.sst"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	return paths
}

// flipInBody flips a bit of a body that is in the first table of fragments.
func flipInBody(t *testing.T, dir string) {
	t.Helper()
	path := tables(t, filepath.Join(dir, "fragments"))[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
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

// A flipped bit in a body costs this message, whether its generation was
// complete or not.
func TestOneDamagedBodyIsOneMessage(t *testing.T) {
	for _, n := range []uint64{5000, 45_000} {
		o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
		q := moved(t, o, n)
		flipInBody(t, o.Dir)
		state := accepted(t, o)
		lost := n - uint64(len(state.Queues[q]))
		if lost != 1 || state.Lost.Messages != lost {
			t.Errorf("%d messages of %d were lost, and %d of it told: %q", lost, n, state.Lost.Messages, state.Lost.Damages)
		}
	}
}

// What is only to be copied is not given up since there is no room for the copy.
func TestNoRoomIsNoLoss(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20, AcceptLoss: true}
	q := moved(t, o, 5000)
	flipInBody(t, o.Dir)
	full := o
	full.space = func(string) (int64, error) { return leastFree + 1, nil }
	if _, _, err := Open(full); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("without room: %v", err)
	}
	db, state := mustOpen(t, o)
	if lost := 5000 - len(state.Queues[q]); lost != 1 {
		t.Errorf("%d messages were lost", lost)
	}
	mustClose(t, db)
}

// A file that cannot be opened for now is not damaged.
func TestWhatTheSystemRefusesIsNotDamaged(t *testing.T) {
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20}
	moved(t, o, 5000)
	path := tables(t, filepath.Join(o.Dir, "fragments"))[0]
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	err := checkTable(path)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if isCorrupt(err) || !ofSystem(err) {
		t.Errorf("too many open files: %v", err)
	}
	if err := checkTable(path); err != nil {
		t.Error(err)
	}
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
