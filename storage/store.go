package storage

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
)

// store is the engine: a journal.
type store struct {
	*journal
	lock *os.File
}

// Open opens a directory, which is made if it is not there, and returns what
// was kept in it. It fails with a *CorruptError if something is damaged.
func Open(o Options) (*DB, *State, error) {
	o.defaults()
	if err := o.files.mkdir(filepath.Join(o.Dir, "journal")); err != nil {
		return nil, nil, err
	}
	held, err := lock(o.Dir)
	if err != nil {
		return nil, nil, err
	}
	db, state, err := open(o, held)
	if err != nil {
		held.Close()
		return nil, nil, err
	}
	return db, state, nil
}

func open(o Options, held *os.File) (*DB, *State, error) {
	m, err := openMark(o)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{
		files: o.files, dir: filepath.Join(o.Dir, "journal"), limit: o.JournalSize,
		durability: o.Durability, mark: m, onSpace: o.OnSpace, tended: make(chan struct{}),
	}
	b := newBuilding()
	if err := j.replay(covered{}, b); err != nil {
		j.closeFiles()
		return nil, nil, err
	}
	state := b.state(m.clean)
	if err := j.start(); err != nil {
		j.closeFiles()
		return nil, nil, err
	}
	db := newDB(&store{j, held}, 0, o.OnError)
	db.ids.Store(b.maxID)
	j.fail = db.fail
	go j.tend()
	return db, state, nil
}

// openMark opens the mark, or makes one for a fresh directory.
func openMark(o Options) (*markFile, error) {
	path := filepath.Join(o.Dir, "mark")
	f, err := o.files.open(path, false)
	if err == nil {
		m, ok := readMark(f)
		if ok {
			return &markFile{mark: m, f: f}, nil
		}
		f.Close()
		return nil, &CorruptError{File: path, Reason: "neither of its halves is whole"}
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	segments, err := o.files.list(filepath.Join(o.Dir, "journal"))
	if err != nil {
		return nil, err
	}
	if len(segments) > 0 {
		return nil, &CorruptError{File: path, Reason: "it is missing"}
	}
	var salt [8]byte
	_, _ = rand.Read(salt[:])
	return makeMark(o.files, o.Dir, mark{salt: binary.LittleEndian.Uint64(salt[:]), clean: true})
}

// close ends the engine.
func (s *store) close(clean bool) error {
	err := s.journal.close(clean)
	s.lock.Close()
	return err
}
