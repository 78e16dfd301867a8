package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// errDisk is the error of a sync that was told to fail.
var errDisk = errors.New("input/output error")

// platter is a file system that knows what would be left of it if the power failed
// now: of every file what it has and what was synced, and of every directory
// what has happened to its names since it was synced. What Badger writes goes
// past it, and is looked at where it lies.
type platter struct {
	osFiles
	root     string
	forgets  bool   // syncs do nothing
	failing  int    // the number of the sync that fails; 0 is none
	what     string // the file or directory whose sync has failed
	onChange func() // called after each change, with mu held

	mu      sync.Mutex
	syncs   int
	changes int
	live    map[string]*content // nil: a directory
	durable map[string]*content
	moves   map[string][]naming // by directory: what was not synced
	synced  map[string][]byte   // files of Badger, when they were synced
}

// content is a file, whatever its name. Of one whose sync has failed nothing
// becomes durable any more: the system forgets what it could not write, and the
// next sync succeeds.
type content struct {
	live, durable []byte
	failed        bool
}

// naming is a change of names in a directory: to gets what has, or had, the name
// from; a file that is new has no name before.
type naming struct {
	from, to string
	c        *content
}

func newPlatter(t *testing.T, root string) *platter {
	t.Helper()
	d := &platter{
		root: root, onChange: func() {}, live: map[string]*content{}, durable: map[string]*content{},
		moves: map[string][]naming{}, synced: map[string][]byte{},
	}
	for path, b := range tree(t, root) {
		if badgers(path) {
			d.synced[path] = b
			continue
		}
		c := (*content)(nil)
		if b != nil {
			c = &content{live: b, durable: slices.Clone(b)}
		}
		d.live[path], d.durable[path] = c, c
	}
	return d
}

// badgers tells files of Badger from ours, by what they are called.
func badgers(path string) bool {
	name := filepath.Base(path)
	switch filepath.Ext(name) {
	case ".mem", ".vlog", ".sst":
		return true
	}
	return name == "MANIFEST" || name == "KEYREGISTRY" || name == "DISCARD" || name == "LOCK" || strings.HasPrefix(name, "MANIFEST-")
}

// tree reads all below a directory: nil for directories.
func tree(t *testing.T, root string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist) || path == root:
			return nil // it has gone meanwhile
		case err != nil:
			return err
		case e.IsDir():
			found[path] = nil
			return nil
		case e.Name() == "lock":
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		found[path] = append([]byte{}, b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// changed is to be called with mu held, after a change.
func (d *platter) changed() {
	d.changes++
	d.onChange()
}

// trySync counts a sync, which may be the one that fails.
func (d *platter) trySync() error {
	if d.syncs++; d.syncs == d.failing {
		return errDisk
	}
	return nil
}

func (d *platter) open(path string, create bool) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.osFiles.open(path, create)
	if err != nil {
		return nil, err
	}
	c := d.live[path]
	switch {
	case c == nil:
		c = &content{}
		d.live[path] = c
		d.move(naming{to: path, c: c})
	case create:
		c.live = nil
	}
	d.changed()
	return &platterFile{f, path, d, c}, nil
}

// move notes a change of the names of a directory.
func (d *platter) move(m naming) {
	dir := filepath.Dir(m.to + m.from)
	if m.to != "" {
		dir = filepath.Dir(m.to)
	}
	d.moves[dir] = append(d.moves[dir], m)
}

func (d *platter) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.osFiles.rename(from, to)
	if err == nil {
		c := d.live[from]
		d.live[to] = c
		delete(d.live, from)
		d.move(naming{from, to, c})
		d.changed()
	}
	return err
}

func (d *platter) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.osFiles.remove(path)
	if err == nil {
		delete(d.live, path)
		d.move(naming{from: path})
		d.changed()
	}
	return err
}

func (d *platter) mkdir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var made []string
	for p := path; len(p) > len(d.root); p = filepath.Dir(p) {
		if _, ok := d.live[p]; !ok {
			made = append(made, p)
		}
	}
	err := d.osFiles.mkdir(path)
	if err == nil {
		for _, p := range slices.Backward(made) {
			d.live[p] = nil
			d.move(naming{to: p})
		}
		d.changed()
	}
	return err
}

func (d *platter) syncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.trySync(); err != nil {
		d.what = path
		return err
	}
	if !d.forgets && d.what != path {
		for _, m := range d.moves[path] {
			m.apply(d.durable)
		}
		delete(d.moves, path)
	}
	d.changed()
	return nil
}

func (m *naming) apply(names map[string]*content) {
	if m.from != "" {
		delete(names, m.from)
	}
	if m.to != "" {
		names[m.to] = m.c
	}
}

// transacted is to be called after each synced transaction of a Badger.
func (d *platter) transacted(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if b, err := os.ReadFile(path); err == nil && badgers(path) && !d.forgets {
			d.synced[path] = b
		}
	}
	d.changed()
}

// platterFile is a file of a platter.
type platterFile struct {
	file
	path string
	d    *platter
	c    *content
}

func (f *platterFile) WriteAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n, err := f.file.WriteAt(b, at)
	f.c.grow(at + int64(n))
	copy(f.c.live[at:], b[:n])
	f.d.changed()
	return n, err
}

func (f *platterFile) allocate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.file.allocate(size)
	if err == nil {
		f.c.grow(size)
		f.d.changed()
	}
	return err
}

func (f *platterFile) sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.trySync(); err != nil {
		f.d.what = f.path
		f.c.failed = true
		return err
	}
	if !f.d.forgets && !f.c.failed {
		f.c.durable = bytes.Clone(f.c.live)
	}
	f.d.changed()
	return nil
}

func (c *content) grow(size int64) {
	if n := size - int64(len(c.live)); n > 0 {
		c.live = append(c.live, make([]byte, n)...)
	}
}
