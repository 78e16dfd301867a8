package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// An overlay behaves as the files of the operating system do, and these stay
// as they are.
func TestAnOverlayIsLikeTheFilesBelow(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		below, model := t.TempDir(), t.TempDir()
		for _, name := range []string{"a", "b"} {
			content := bytes.Repeat([]byte(name), rapid.IntRange(0, 3*overlayPage).Draw(r, "length"))
			for _, dir := range []string{below, model} {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
					r.Fatal(err)
				}
			}
		}
		was := contents(r, below)
		pair := filePair{r, newOverlay(), below, model}
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		r.Repeat(map[string]func(*rapid.T){
			"write":  func(r *rapid.T) { pair.r = r; pair.write(name.Draw(r, "file")) },
			"read":   func(r *rapid.T) { pair.r = r; pair.read(name.Draw(r, "file")) },
			"create": func(r *rapid.T) { pair.r = r; pair.same(pair.open(name.Draw(r, "file"), true)) },
			"rename": func(r *rapid.T) {
				from, to := name.Draw(r, "from"), name.Draw(r, "to")
				if from == to {
					return
				}
				pair.r = r
				pair.same(pair.both(func(fs files, dir string) error {
					return fs.rename(filepath.Join(dir, from), filepath.Join(dir, to))
				}))
			},
			"remove": func(r *rapid.T) {
				pair.r = r
				file := name.Draw(r, "file")
				pair.both(func(fs files, dir string) error { return fs.remove(filepath.Join(dir, file)) })
			},
			"": func(r *rapid.T) {
				pair.r = r
				pair.list()
			},
		})
		pair.overlay.close()
		if now := contents(r, below); !maps.Equal(was, now) {
			r.Fatal("the files below have changed")
		}
	})
}

// filePair does everything twice.
type filePair struct {
	r            *rapid.T
	overlay      *overlay
	below, model string
}

func (p *filePair) both(do func(fs files, dir string) error) [2]error {
	return [2]error{do(p.overlay, p.below), do(osFiles{}, p.model)}
}

func (p *filePair) same(errs [2]error) (ok bool) {
	p.r.Helper()
	if (errs[0] == nil) != (errs[1] == nil) || errors.Is(errs[0], os.ErrNotExist) != errors.Is(errs[1], os.ErrNotExist) {
		p.r.Fatalf("%v beside %v", errs[0], errs[1])
	}
	return errs[0] == nil
}

func (p *filePair) open(name string, create bool, do ...func(f file) error) [2]error {
	return p.both(func(fs files, dir string) error {
		f, err := fs.open(filepath.Join(dir, name), create)
		if err != nil {
			return err
		}
		defer f.Close()
		for _, do := range do {
			if err := do(f); err != nil {
				return err
			}
		}
		return nil
	})
}

var offsets = rapid.IntRange(0, 4*overlayPage)

func (p *filePair) write(name string) {
	off := int64(offsets.Draw(p.r, "offset"))
	b := bytes.Repeat([]byte{'0' + byte(off%10)}, rapid.IntRange(0, 2*overlayPage).Draw(p.r, "length"))
	grow := int64(offsets.Draw(p.r, "size"))
	p.same(p.open(name, false, func(f file) error {
		if _, err := f.WriteAt(b, off); err != nil {
			return err
		}
		return f.allocate(grow + 1)
	}))
}

func (p *filePair) read(name string) {
	off, n := int64(offsets.Draw(p.r, "offset")), rapid.IntRange(0, 2*overlayPage).Draw(p.r, "length")
	var got [][]byte
	var sizes []int64
	p.same(p.open(name, false, func(f file) error {
		b := make([]byte, n)
		k, err := f.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		size, err := f.size()
		got, sizes = append(got, b[:k]), append(sizes, size)
		return err
	}))
	if len(got) == 2 && (!bytes.Equal(got[0], got[1]) || sizes[0] != sizes[1]) {
		p.r.Fatalf("%d bytes of %d beside %d of %d, or others", len(got[0]), sizes[0], len(got[1]), sizes[1])
	}
}

func (p *filePair) list() {
	names, err := p.overlay.list(p.below)
	want, wantErr := osFiles{}.list(p.model)
	if p.same([2]error{err, wantErr}) && !slices.Equal(names, want) {
		p.r.Fatalf("%q beside %q", names, want)
	}
}

// contents returns what is in the files below a directory.
func contents(t interface{ Fatal(...any) }, dir string) map[string]string {
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			all[path] = "a directory"
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhoOnlyReadsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	db, _ := mustOpen(t, Options{Dir: dir})
	id := db.NewID()
	q := db.Queue(id)
	unit(t, db, func() { q.Append(Item{Seq: 1}, message("one")) })
	if _, _, err := Open(Options{Dir: dir, ReadOnly: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("while it is in use: %v", err)
	}
	mustClose(t, db)
	was := contents(t, dir)
	for range 2 {
		db, state := mustOpen(t, Options{Dir: dir, ReadOnly: true})
		if items := state.Queues[id]; len(items) != 1 {
			t.Fatalf("found %v", items)
		}
		q := db.Queue(id)
		unit(t, db, func() {
			q.Append(Item{Seq: 2}, message("two"))
			q.Settle(Range{1, 1})
			db.Put(Entity{Kind: 1, ID: db.NewID()})
		})
		mustClose(t, db)
		if !maps.Equal(was, contents(t, dir)) {
			t.Fatal("something has changed")
		}
	}
}

func TestWhoOnlyReadsMakesNoStore(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Open(Options{Dir: dir, ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if len(contents(t, dir)) != 1 {
		t.Error("something was made")
	}
}

// What a crash has left behind the journal is read without a change as well,
// whole or damaged.
func TestWhoOnlyReadsChangesNothingOfBadger(t *testing.T) {
	dir := t.TempDir()
	db, _ := mustOpen(t, Options{Dir: dir, JournalSize: 8 << 20})
	id := db.NewID()
	q := db.Queue(id)
	const messages, size = 2500, 32 << 10
	for seq := uint64(1); seq <= messages; {
		unit(t, db, func() {
			for range 10 {
				q.Append(Item{Seq: seq}, large(seq, size))
				seq++
			}
		})
	}
	archiveOf(db).rested()
	copied := t.TempDir() // as a crash would leave it
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	if tables, err := filepath.Glob(filepath.Join(copied, "fragments", "*", "*.sst")); err != nil || len(tables) == 0 {
		t.Fatalf("nothing is in Badger: %v, %v", tables, err)
	}
	for _, damage := range []func(path string) error{
		nil,
		func(path string) error { return os.Truncate(path, 4096) },
		os.Remove,
	} {
		if damage != nil {
			tables, _ := filepath.Glob(filepath.Join(copied, "fragments", "*", "*.sst"))
			if err := damage(tables[0]); err != nil {
				t.Fatal(err)
			}
		}
		was := sums(t, copied)
		db, state := mustOpen(t, Options{Dir: copied, ReadOnly: true, AcceptLoss: true, JournalSize: 8 << 20})
		items := state.Queues[id]
		if damage == nil != (len(items) == messages) || damage == nil != !state.Lost.any() {
			t.Errorf("%d messages, lost %+v", len(items), state.Lost)
		}
		for _, text := range state.Lost.Damages {
			if !strings.Contains(text, copied) {
				t.Errorf("%q does not name the file", text)
			}
		}
		seen := 0
		if err := db.Load(id, items, func(i int, b []byte) {
			if seen++; !bytes.Equal(b, large(items[i].Seq, size).b) {
				t.Errorf("message %d is another one", items[i].Seq)
			}
		}); err != nil || seen != len(items) {
			t.Errorf("loaded %d of %d messages: %v", seen, len(items), err)
		}
		mustClose(t, db)
		if !maps.Equal(was, sums(t, copied)) {
			t.Fatal("something has changed")
		}
	}
}

// large is a message that is not like any other.
func large(seq uint64, size int) *text {
	return &text{b: bytes.Repeat(fmt.Appendf(nil, "%08d", seq), size/8)}
}

// sums is contents for much of it.
func sums(t *testing.T, dir string) map[string]string {
	all := contents(t, dir)
	for path, content := range all {
		all[path] = fmt.Sprint(len(content), crc32.ChecksumIEEE([]byte(content)))
	}
	return all
}
