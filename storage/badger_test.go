package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Badger tries for ever to write a table: somebody is told of it.
func TestATableThatCannotBeWrittenIsNoticed(t *testing.T) {
	told := make(chan error, 10)
	s := &generations{
		dir: filepath.Join(t.TempDir(), "fragments"), files: osFiles{}, synced: func(string) {},
		all: make(map[uint32]*generation), log: func(err error, table bool) {
			if table {
				told <- err
			}
		},
	}
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	txn := s.current.db.NewTransaction(true)
	if err := txn.Set([]byte("key"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.path(1), "000001.sst"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.settle(); err != nil { // the next table has another number
		t.Fatal(err)
	}
	select {
	case err := <-told:
		t.Log(err)
	default:
		t.Error("nobody was told")
	}
}

// A store whose Badger cannot write a table fails, and can be closed.
func TestStoreWithoutRoomForTablesIsClosed(t *testing.T) {
	failed := make(chan error, 1)
	o := Options{Dir: t.TempDir(), JournalSize: 1 << 20, OnError: func(err error) { failed <- err }}
	db, _ := mustOpen(t, o)
	q := db.Queue(db.NewID())
	appendMany(t, db, q, Range{1, 3000}, 1000)
	archiveOf(db).rested()
	if err := os.RemoveAll(filepath.Join(o.Dir, "index")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err == nil {
		t.Error("it was closed in order")
	}
	if err := <-failed; err == nil {
		t.Error("nobody was told")
	}
}

// Nobody waits for a Badger that cannot write a table before the store runs.
func TestABadgerThatHasGivenUpIsNotAwaited(t *testing.T) {
	b := newArchive(&Options{Dir: t.TempDir(), files: osFiles{}})
	waits := make(chan error)
	defer close(waits)
	go b.complain(errDisk, true)
	if err := b.unlessStuck(func() error { return <-waits }); !errors.Is(err, errDisk) {
		t.Errorf("the start ends with %v", err)
	}
	if err := b.close(false); !errors.Is(err, errDisk) {
		t.Errorf("the end is %v", err)
	}
}
