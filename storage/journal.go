package storage

import (
	"path/filepath"
	"slices"
	"sync"
)

// journal is a ring of segments that groups are appended to, one after the
// other.
type journal struct {
	files      files
	dir        string
	limit      int64
	durability Durability
	mark       *markFile
	onSpace    func(short bool)
	fail       func(error) // of the DB; set before there is anything to fail

	// Of the committer, who alone writes.
	enc     encoding
	current *segment // nil before the first group
	offset  int64    // of the next group in it; 0: it needs its header
	end     covered  // what has been journaled

	mu       sync.Mutex
	changed  *sync.Cond // signalled when anything of what follows changes
	segments []*segment // in use, ascending; the last is the current one
	free     []*segment // to be used next
	slot     int        // number of the last file that was made
	want     int64      // the committer waits for a segment of this size
	markDue  bool       // the mark is to be synced
	opened   []file     // at the start
	failed   error      // why no segment could be made
	short    bool       // there is no room to make one
	told     bool       // the one who wants to know that
	recycles bool       // segments are given back
	stopping bool       // nothing is waited for any more
	closing  bool
	tended   chan struct{} // closed when tend has ended
}

func newJournal(o Options, m *markFile) *journal {
	j := &journal{
		files: o.files, dir: filepath.Join(o.Dir, "journal"), limit: o.JournalSize,
		durability: o.Durability, mark: m, onSpace: o.OnSpace, tended: make(chan struct{}),
	}
	j.changed = sync.NewCond(&j.mu)
	return j
}

// covered is how far something reaches: up to the end of a segment, or of the
// journal.
type covered struct {
	segment  uint32
	chain    uint32
	group    uint64 // the last
	messages uint64 // ever journaled up to there
	maxID    uint64 // that an entity or a queue has had
}

// start makes the journal ready to be written to.
func (j *journal) start(clean bool) error {
	m := j.mark
	if !clean {
		m.redelivered = placeAt(j.end.segment+1, 0)
		if j.current != nil {
			m.redelivered = placeAt(j.end.segment, j.offset)
		}
	}
	m.group, m.chain, m.messages = j.end.group, j.end.chain, j.end.messages
	m.synced = m.group
	m.durability, m.boot = j.durability, thisBoot()
	return m.settle(false)
}

// stop ends waiting for room; see engine.
func (j *journal) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopping = true
	j.changed.Broadcast()
}

// close ends the journal; see engine.
func (j *journal) close(clean func() bool) error {
	j.mu.Lock()
	j.closing = true
	j.changed.Broadcast()
	j.mu.Unlock()
	<-j.tended
	var err error
	if clean() { // asked now: what went on beside the committer has ended
		err = j.closeClean()
	}
	j.closeFiles()
	return err
}

func (j *journal) closeFiles() {
	for _, f := range j.opened {
		f.Close()
	}
	for _, s := range slices.Concat(j.segments, j.free) {
		s.file.Close()
	}
	j.mark.f.Close()
}

// closeClean notes that all is durable and nothing is missing.
func (j *journal) closeClean() error {
	if j.current != nil && j.durability == OS {
		if err := j.current.file.sync(); err != nil {
			return err
		}
	}
	j.mark.synced = j.mark.group
	return j.mark.settle(true)
}
