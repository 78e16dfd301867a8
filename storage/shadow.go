package storage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// openReadOnly opens a directory for changes that nobody is to see: those of
// the journal stay in memory, those of Badger go to a shadow.
func openReadOnly(o Options) (*DB, *State, error) {
	o.defaults()
	held, err := lock(o.Dir, true)
	if err != nil {
		return nil, nil, err
	}
	s, err := newShadow(o.Dir)
	if err != nil {
		held.Close()
		return nil, nil, err
	}
	behind := o
	behind.Dir = s.dir
	o.files = s.overlay
	db, state, err := open(o, &store{lock: held, behind: reading{newArchive(&behind), s}})
	if err != nil {
		held.Close()
		return nil, nil, errors.Join(s.named(err), s.remove())
	}
	for i, d := range state.Lost.Damages {
		state.Lost.Damages[i] = s.original(d)
	}
	return db, state, nil
}

// reading is an archive that nothing moves to.
type reading struct {
	*archive
	shadow *shadow
}

func (r reading) start(*journal, func(error)) {}

func (r reading) load(queue uint64, items []Item, which []int, each func(i int, b []byte)) error {
	return r.shadow.named(r.archive.load(queue, items, which, each))
}

func (r reading) close(clean bool) error {
	return errors.Join(r.shadow.named(r.archive.close(clean)), r.shadow.remove())
}

// shadow is a directory with what Badger has in another one, for Badger may
// write where it only reads. What it never writes to, the tables of complete
// generations, is linked, for it can be large; the rest is copied.
type shadow struct {
	of, dir string
	overlay *overlay // of the files that the journal has
}

// newShadow makes one in the system's directory for temporary files.
func newShadow(of string) (s *shadow, err error) {
	if of, err = filepath.Abs(of); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leveret-")
	if err != nil {
		return nil, err
	}
	s = &shadow{of, dir, newOverlay()}
	if err := errors.Join(s.take("index", false), s.take("fragments", true)); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *shadow) remove() error {
	s.overlay.close()
	return os.RemoveAll(s.dir)
}

// take takes over a directory, with those below it if they are there.
func (s *shadow) take(name string, link bool) error {
	entries, err := os.ReadDir(filepath.Join(s.of, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
		return err
	}
	link = link && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) == ".mem" })
	for _, e := range entries {
		path := filepath.Join(name, e.Name())
		switch {
		case e.IsDir():
			err = s.take(path, link)
		case link && filepath.Ext(path) == ".sst":
			err = os.Symlink(filepath.Join(s.of, path), filepath.Join(s.dir, path))
		default:
			err = s.copy(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *shadow) copy(path string) error {
	from, err := os.Open(filepath.Join(s.of, path))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(s.dir, path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// named has an error name the file in the directory, and not that in its
// shadow.
func (s *shadow) named(err error) error {
	var c *CorruptError
	if errors.As(err, &c) {
		c.File, c.Reason = s.original(c.File), s.original(c.Reason)
	}
	return err
}

func (s *shadow) original(text string) string { return strings.ReplaceAll(text, s.dir, s.of) }
