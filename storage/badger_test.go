package storage

import (
	"os"
	"path/filepath"
	"testing"
)

// Badger tries for ever to write a table: somebody is told of it.
func TestATableThatCannotBeWrittenIsNoticed(t *testing.T) {
	told := make(chan error, 10)
	s := &generations{
		dir: filepath.Join(t.TempDir(), "fragments"), files: osFiles{}, synced: func(string) {},
		all: make(map[uint32]*generation), log: func(err error) { told <- err },
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
