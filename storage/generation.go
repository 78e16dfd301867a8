package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

const (
	// generationSize is when a generation is complete.
	generationSize = 32 << 20
	// idleGenerations is how many complete ones stay open to be read.
	idleGenerations = 2
)

// generation is a Badger that fragments are written to once. What was written
// is durable when it is closed. When it is complete it is only read, and when
// nothing of it is wanted any more, its directory is removed: no space waits for
// a compaction.
type generation struct {
	number  uint32
	written int64 // bytes of values, until it is complete
	files   []fileSum

	// Owned by the checkpoint goroutine, and by who opens it before that runs.
	fragments int   // that the index has in it
	size      int64 // of these

	// mu is held for reading while db is used, and for writing to open or
	// close it.
	mu      sync.RWMutex
	db      *badger.DB // nil while it is closed
	writing bool       // db is open to write to
	checked bool       // its files are what they were
	removed bool
}

// complete tells whether nothing more is written to it.
func (g *generation) complete() bool { return g.files != nil }

// generations are all there are.
type generations struct {
	dir    string
	files  files
	synced func(dir string) // called after what was written became durable
	log    complaints

	// Owned by the checkpoint goroutine, and by who opens the store.
	current *generation // is not complete yet; nil if there is none
	last    uint32      // the highest number that was used

	mu     sync.Mutex // a leaf
	all    map[uint32]*generation
	recent []*generation // complete ones that are open; the one used last is last
}

func (s *generations) path(number uint32) string {
	return filepath.Join(s.dir, fmt.Sprintf("%08d", number))
}

// begin opens a generation to write to.
func (s *generations) begin() error {
	g := s.current
	if g == nil {
		return s.create()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.writing {
		return nil
	}
	if err := s.shut(g); err != nil {
		return err
	}
	db, err := openBadger(s.path(g.number), inTables, s.log)
	g.db, g.writing = db, err == nil
	return err
}

// create starts a new generation.
func (s *generations) create() error {
	if err := s.files.mkdir(s.dir); err != nil {
		return err
	}
	s.last++
	dir := s.path(s.last)
	if err := os.RemoveAll(dir); err != nil { // what a crash has left
		return err
	}
	db, err := openBadger(dir, inTables, s.log)
	if err != nil {
		return err
	}
	err = s.files.syncDir(s.dir)
	if err == nil {
		err = s.files.syncDir(filepath.Dir(s.dir)) // it may be new
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s.current = &generation{number: s.last, db: db, writing: true, checked: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[s.last] = s.current
	return nil
}

// settle makes durable what was written.
func (s *generations) settle() error {
	g := s.current
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.writing {
		return nil
	}
	dir := s.path(g.number)
	if err := s.shut(g); err != nil {
		return err
	}
	if err := removeUseless(dir, inTables); err != nil {
		return err
	}
	if err := s.files.syncDir(dir); err != nil {
		return err
	}
	s.synced(dir)
	return nil
}

// finish ends the generation that was written to: it is complete. Its files are
// to be noted in the index.
func (s *generations) finish() (*generation, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
	g := s.current
	s.current = nil
	g.mu.Lock()
	defer g.mu.Unlock()
	return g, s.seal(g)
}

// shut closes the Badger of a generation. g.mu is held.
func (s *generations) shut(g *generation) error {
	if g.db == nil {
		return nil
	}
	db := g.db
	g.db, g.writing = nil, false
	return guarded(s.path(g.number), db.Close)
}
