package storage

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var positions = flag.Int("positions", 1, "at how many positions of each file to do damage of each kind")

// damages are what can become of a file. Each returns what is left of it: nil
// is no file.
var damages = []struct {
	name string
	do   func(r *rand.Rand, b []byte) []byte
}{
	{"a bit flipped", func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	}},
	{"4 KiB zeroed", func(r *rand.Rand, b []byte) []byte {
		at := r.IntN(len(b)) &^ 4095
		clear(b[at:min(at+4096, len(b))])
		return b
	}},
	{"cut off", func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] }},
	{"deleted", func(*rand.Rand, []byte) []byte { return nil }},
}

// known makes a store with about n messages, partly in the journal and partly
// behind it, and returns what it has.
func known(t *testing.T, dir string, n int, clean bool) world {
	t.Helper()
	db, _ := mustOpen(t, Options{Dir: dir, JournalSize: minJournalSize})
	w := newWorld()
	queues := map[uint64]*Queue{}
	for range 3 {
		id := db.NewID()
		queues[id], w.queues[id] = db.Queue(id), map[uint64]sheet{}
		w.entities[entityKey{3, id}] = "queue"
		unit(t, db, func() { db.Put(Entity{3, id, []byte("queue")}) })
	}
	r := rand.New(rand.NewPCG(1, 2))
	ids := slices.Sorted(maps.Keys(queues))
	for seq := range uint64(n) {
		b := make([]byte, r.IntN(400))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		it := Item{Seq: seq + 1, Size: uint32(len(b))}
		id := ids[r.IntN(len(ids))]
		db.Reserve(0)
		db.Begin()
		queues[id].Append(it, &text{b: b})
		g := db.End()
		w.queues[id][it.Seq] = sheet{item: it, sum: sum(b)}
		if seq%40 == 0 {
			if err := db.Wait(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	if clean {
		mustClose(t, db)
		return w
	}
	db.Begin()
	if err := db.Wait(db.End()); err != nil {
		t.Fatal(err)
	}
	archiveOf(db).rested() // so that it can be copied
	t.Cleanup(func() { mustClose(t, db) })
	return w
}

// Damage in any file is noticed and named when the store is opened or read, or
// it is harmless.
func TestDamageIsNoticedOrHarmless(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprint("clean ", clean), func(t *testing.T) {
			whole := filepath.Join(t.TempDir(), "whole")
			want := known(t, whole, 10_000, clean)
			tried := map[string]int{}
			for path, b := range tree(t, whole) {
				if len(b) == 0 {
					continue
				}
				kind := filepath.Base(filepath.Dir(path)) + "/" + filepath.Ext(path)
				if filepath.Ext(path) == "" {
					kind = filepath.Base(path)
				}
				for i := range damages {
					for n := range *positions {
						if tried[kind+damages[i].name] >= *positions*4 || damages[i].name == "deleted" && n > 0 {
							break
						}
						tried[kind+damages[i].name]++
						tryDamage(t, whole, path, i, want)
					}
				}
			}
			t.Log(tried)
		})
	}
}

// tryDamage does damage to a file of a copy of a store.
func tryDamage(t *testing.T, whole, path string, kind int, want world) {
	t.Helper()
	damage := damages[kind]
	seed := rand.Uint64()
	dir := filepath.Join(filepath.Dir(whole), "harmed")
	defer os.RemoveAll(dir)
	name := strings.TrimPrefix(path, whole)
	harm := func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		copyTree(t, whole, dir, path, func(b []byte) []byte { return damage.do(rand.New(rand.NewPCG(seed, 1)), b) })
	}
	harm()
	told, err := inspect(dir, false, want)
	if err != nil {
		t.Errorf("%s, %s, seed %d: %v", name, damage.name, seed, err)
		return
	}
	if !told {
		return
	}
	harm()
	if _, err := inspect(dir, true, want); err != nil {
		t.Errorf("%s, %s, seed %d, with the loss accepted: %v", name, damage.name, seed, err)
	}
}

// inspect opens a store and compares what it has. Unless the damage was
// noticed, nothing may be missing; with the loss accepted, just as much as is
// said.
func inspect(dir string, accept bool, want world) (noticed bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	db, state, err := Open(Options{Dir: dir, JournalSize: minJournalSize, AcceptLoss: accept})
	if err != nil && accept {
		return false, fmt.Errorf("it is refused: %w", err)
	} else if err != nil {
		return isDamage(err, dir)
	}
	defer db.Close()
	if !accept && len(state.Entities) != len(want.entities) {
		return false, fmt.Errorf("there are %d entities, want %d", len(state.Entities), len(want.entities))
	}
	found := newWorld()
	missing := uint64(0)
	for id, items := range state.Queues {
		found.queues[id] = map[uint64]sheet{}
		for _, it := range items {
			found.queues[id][it.Seq] = sheet{item: it}
		}
	}
	for id, items := range state.Queues {
		seen, wrong := 0, 0
		err := db.Load(id, items, func(i int, b []byte) {
			seen++
			if s, ok := want.queues[id][items[i].Seq]; !ok || s.sum != sum(b) {
				wrong++
			}
		})
		if wrong > 0 {
			return false, fmt.Errorf("%d messages of queue %d have a wrong body", wrong, id)
		}
		if err != nil {
			return isDamage(err, dir)
		}
		if seen != len(items) {
			return false, fmt.Errorf("%d messages of %d of queue %d were loaded", seen, len(items), id)
		}
	}
	for id, q := range want.queues {
		for seq := range q {
			if _, ok := found.queues[id][seq]; !ok {
				missing++
			}
		}
	}
	if accept && len(state.Lost.Damages) == 0 && missing > 0 || !accept && missing > 0 {
		return false, fmt.Errorf("%d messages are missing, and nothing is said", missing)
	}
	if missing != state.Lost.Messages {
		return false, fmt.Errorf("%d messages are missing, and %d are said to be: %q", missing, state.Lost.Messages, state.Lost.Damages)
	}
	return false, nil
}

// isDamage wants an error that names a file of the directory.
func isDamage(err error, dir string) (noticed bool, fault error) {
	var damage *CorruptError
	if !errors.As(err, &damage) {
		return false, fmt.Errorf("it is refused, but not as damaged: %w", err)
	}
	if !strings.HasPrefix(damage.File, dir) {
		return false, fmt.Errorf("no file of the directory is named: %w", err)
	}
	return true, nil
}

// copyTree copies a directory, with a change to one file.
func copyTree(t *testing.T, from, to, changed string, change func([]byte) []byte) {
	t.Helper()
	for path, b := range tree(t, from) {
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if b == nil {
			if err := os.MkdirAll(at, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if path == changed {
			if b = change(bytes.Clone(b)); b == nil {
				continue
			}
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), writeSparse(at, b)); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
}
