package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// erasable is a directory that has something of everything, and a file of
// somebody else.
func erasable(t *testing.T) Options {
	t.Helper()
	o := Options{Dir: t.TempDir()}
	db, _ := mustOpen(t, o)
	id := db.NewID()
	unit(t, db, func() {
		db.Put(Entity{3, id, []byte("queue")})
		db.Queue(id).Append(Item{Seq: 1}, message("text"))
	})
	if err := Erase(o.Dir); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is open: %v", err)
	}
	mustClose(t, db)
	if err := os.WriteFile(filepath.Join(o.Dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// mustBeFresh fails if something is left of a store.
func mustBeFresh(t *testing.T, o Options) {
	t.Helper()
	db, state := mustOpen(t, o)
	if len(state.Entities) != 0 || len(state.Queues) != 0 || !state.Clean || state.Lost.any() {
		t.Errorf("there is %+v", state)
	}
	mustClose(t, db)
	if _, err := os.Stat(filepath.Join(o.Dir, "mine")); err != nil {
		t.Error(err)
	}
}

func TestEraseLeavesAFreshDirectory(t *testing.T) {
	o := erasable(t)
	for range 2 {
		if err := Erase(o.Dir); err != nil {
			t.Fatal(err)
		}
	}
	mustBeFresh(t, o)
}

// Whatever is gone already when the process ends, the next one erases the rest.
func TestErasingThatWasInterruptedIsFinished(t *testing.T) {
	for gone := range len(kept) + 1 {
		o := erasable(t)
		if err := os.WriteFile(filepath.Join(o.Dir, erasing), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range kept[:gone] {
			if err := os.RemoveAll(filepath.Join(o.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		mustBeFresh(t, o)
	}
}
