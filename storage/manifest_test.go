package storage

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// nameTable has the MANIFEST of a Badger name one table more, as it does when its
// sync has failed and Badger has removed the table.
func nameTable(t *testing.T, dir string, id byte) {
	t.Helper()
	set := []byte{0x0a, 2, 0x08, id}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(set)))
	b = append(binary.BigEndian.AppendUint32(b, crc32.Checksum(set, castagnoli)), set...)
	f, err := os.OpenFile(filepath.Join(dir, badger.ManifestFilename), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

// killedStore is a copy of a store that is open, as a kill leaves it.
func killedStore(t *testing.T) (dir string, want world) {
	t.Helper()
	whole := filepath.Join(t.TempDir(), "whole")
	want = known(t, whole, 10_000, false)
	dir = t.TempDir()
	copyTree(t, whole, dir, "", nil)
	return dir, want
}

// mustHaveAll opens a store, also as one that is only looked at.
func mustHaveAll(t *testing.T, dir string, want world) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, state, err := Open(Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatalf("only looked at: %v", err)
	}
	if len(state.Lost.Damages) > 0 {
		t.Errorf("only looked at: %q", state.Lost.Damages)
	}
	mustClose(t, db)
	for range 2 {
		if told, err := inspect(dir, false, want); told || err != nil {
			t.Fatalf("damage is told of: %v, %v", told, err)
		}
	}
}

// A table that a failed sync has left nothing of but its name is not missed.
func TestTheNameOfATableThatNeverWas(t *testing.T) {
	for _, in := range []string{"index", "fragments"} {
		t.Run(in, func(t *testing.T) {
			dir, want := killedStore(t)
			dirs, err := filepath.Glob(filepath.Join(dir, in, "0*"))
			if err != nil || len(dirs) == 0 {
				t.Fatal(dirs, err)
			}
			last := dirs[len(dirs)-1]
			there, err := filepath.Glob(filepath.Join(last, "*.sst"))
			if err != nil {
				t.Fatal(err)
			}
			nameTable(t, last, byte(len(there)+1))
			nameTable(t, last, byte(len(there)+2))
			mustHaveAll(t, dir, want)
			if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// A table of which something is missing is named, and may be brought back.
func TestATableThatIsMissingIsNamed(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	want := known(t, whole, 10_000, true)
	for _, in := range []string{"index", "fragments"} {
		t.Run(in, func(t *testing.T) {
			dir := t.TempDir()
			copyTree(t, whole, dir, "", nil)
			all := tables(t, filepath.Join(dir, in))
			slices.Sort(all)
			gone := all[0]
			b, err := os.ReadFile(gone)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(gone); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, _, err := Open(Options{Dir: dir}); !isCorrupt(err) || !strings.Contains(err.Error(), gone) {
					t.Fatalf("it is not said that %s is missing: %v", gone, err)
				}
			}
			if err := os.WriteFile(gone, b, 0o600); err != nil {
				t.Fatal(err)
			}
			mustHaveAll(t, dir, want)
		})
	}
}
