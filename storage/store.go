package storage

import (
	"errors"
	"os"
	"path/filepath"
)

// store is the engine: a journal, and what is behind it.
type store struct {
	*journal
	behind behind
	lock   *os.File
}

// behind keeps what outlives the journal.
type behind interface {
	visitor // of the groups that are replayed
	// recover tells what is kept, and how much of the journal it covers.
	recover(v visitor) (covered, error)
	// lost and tops tell what recover has found: what could not be read, and
	// the highest seq that each queue has had.
	lost() Loss
	tops(each func(queue, top uint64))
	// start is called once the journal is ready.
	start(j *journal, fail func(error))
	// committed is told of groups when they are durable, by the committer.
	committed(g *group)
	// full is called when a segment became full, by the committer.
	full()
	// load reads those of the items whose indices are given; see DB.Load.
	load(queue uint64, items []Item, which []int, each func(i int, b []byte)) error
	close(clean bool) error
}

// Open opens a directory, which is made if it is not there, and returns what
// was kept in it. It fails with a *CorruptError if something is damaged.
func Open(o Options) (*DB, *State, error) {
	if o.ReadOnly {
		return openReadOnly(o)
	}
	o.defaults()
	if err := makeDir(o); err != nil {
		return nil, nil, err
	}
	held, err := lock(o.Dir, false)
	if err != nil {
		return nil, nil, err
	}
	db, state, err := open(o, &store{lock: held, behind: o.behind})
	if err != nil {
		held.Close()
		return nil, nil, err
	}
	return db, state, nil
}

// makeDir makes the directory, and sees to it that it stays.
func makeDir(o Options) error {
	var parents []string
	for dir := filepath.Clean(o.Dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
		parents = append(parents, filepath.Dir(dir))
	}
	if err := o.files.mkdir(filepath.Join(o.Dir, "journal")); err != nil {
		return err
	}
	for _, dir := range parents {
		if err := o.files.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func open(o Options, s *store) (*DB, *State, error) {
	if err := finishErasing(o.Dir); err != nil {
		return nil, nil, err
	}
	m, lost, err := openMark(o)
	if err != nil {
		return nil, nil, err
	}
	s.journal = newJournal(o, m)
	if s.behind == nil {
		s.behind = newArchive(&o)
	}
	pages, err := openPages(o.files, filepath.Join(o.Dir, "pages"))
	if err != nil {
		return nil, nil, err
	}
	b := newBuilding()
	r := &replaying{j: s.journal, v: b, mark: m.mark, acceptLoss: o.AcceptLoss, lost: lost}
	if err := s.recover(r, b); err != nil {
		s.closeFiles()
		_ = s.behind.close(false) // there is an error to tell of already
		return nil, nil, err
	}
	lostMessages := r.losing(b)
	state := b.state(m.redelivered)
	state.Clean, state.Lost = r.mark.clean, r.lost
	db := newDB(s, 0, o.OnError)
	db.pages = pages
	db.ids.Store(max(b.maxID, r.end.maxID))
	s.fail = db.fail
	go s.tend()
	s.behind.start(s.journal, db.fail)
	return db, state, db.forget(lostMessages)
}

// recover reads what is kept, and makes the journal ready to be written to.
func (s *store) recover(r *replaying, b *building) (err error) {
	if r.end, err = s.behind.recover(b); err != nil {
		return err
	}
	s.behind.tops(b.top)
	behind := s.behind.lost()
	r.lost.add(behind)
	r.behind = behind.Messages
	r.v = tee{b, s.behind}
	if err := r.replay(); err != nil {
		return err
	}
	if err := r.finish(); err != nil {
		return err
	}
	r.mark.clean = r.mark.clean && !r.lost.any()
	return s.start(r.mark.clean)
}

// forget settles messages that are lost.
func (db *DB) forget(lost []queueChange) error {
	db.Begin()
	for _, c := range lost {
		db.Queue(c.id).Settle(c.settled[0])
	}
	return db.Wait(db.End())
}

// commit makes a group durable; see engine.
func (s *store) commit(g *group) error {
	before := s.current
	if err := s.journal.commit(g); err != nil {
		return err
	}
	s.behind.committed(g)
	if before != nil && before != s.current {
		s.behind.full()
	}
	return nil
}

// load reads messages; see DB.Load.
func (s *store) load(queue uint64, items []Item, each func(i int, b []byte)) error {
	rest, err := s.journal.load(items, each)
	if err != nil || len(rest) == 0 {
		return err
	}
	return s.behind.load(queue, items, rest, each)
}

// close ends the engine.
func (s *store) close(clean func() bool) error {
	defer s.lock.Close()
	if err := s.behind.close(clean()); err != nil {
		return errors.Join(err, s.journal.close(func() bool { return false }))
	}
	return s.journal.close(clean)
}
