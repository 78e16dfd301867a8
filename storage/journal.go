package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
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

// errNoSpace tells that the disk is full, and nobody waits for that to change.
var errNoSpace = errors.New("no space left for the journal")

// retrySpace is when it is tried again to make a segment, if nothing has become
// free meanwhile.
const retrySpace = time.Second

// commit appends a group, in one record, and syncs it.
func (j *journal) commit(g *group) error {
	if err := j.enc.begin(g, j.end.group+1); err != nil {
		return err
	}
	h := groupHeader{
		salt: j.mark.salt, number: j.end.group + 1, previous: j.end.chain,
		meta: uint32(len(j.enc.buf) - segmentHead - headerSize), blobs: uint64(j.enc.blobs),
		messages: j.end.messages + j.enc.messages, count: uint32(j.enc.messages),
	}
	if j.current == nil || max(j.offset, segmentHead)+h.size() > j.current.capacity {
		if err := j.turn(h.size()); err != nil {
			return err
		}
	}
	if err := j.write(g, &h); err != nil {
		return err
	}
	j.end.group, j.end.chain, j.end.messages = h.number, h.chain, h.messages
	x := &j.current.extents[len(j.current.extents)-1]
	x.to, x.end = j.offset, j.end
	j.notePlaces(g)
	return j.noteMark()
}

// write writes the record of a group, whose meta is encoded already, and syncs
// it.
func (j *journal) write(g *group, h *groupHeader) error {
	buf, start, at := j.enc.buf, segmentHead, j.offset
	if j.offset == 0 {
		head := segmentHeader{
			segment: j.current.number, salt: h.salt, first: h.number,
			chain: h.previous, messages: j.end.messages,
		}
		head.seal(buf)
		start, j.offset = 0, segmentHead
	}
	h.segment = j.current.number
	h.seal(buf[segmentHead:])
	base := placeAt(h.segment, j.offset+headerSize+int64(h.meta))
	for i := range g.queues {
		for k := range g.queues[i].appended {
			a := &g.queues[i].appended[k]
			if a.message == nil {
				continue
			}
			if a.Place += base; a.shared {
				continue
			}
			var err error
			if buf, err = appendBlob(buf, a); err != nil {
				return err
			}
			if len(buf) >= pieceSize {
				if _, err := j.current.file.WriteAt(buf[start:], at); err != nil {
					return err
				}
				at += int64(len(buf) - start)
				buf, start = buf[:0], 0
			}
		}
	}
	j.enc.buf = buf
	if _, err := j.current.file.WriteAt(buf[start:], at); err != nil {
		return err
	}
	j.offset += h.size()
	if j.durability == OS {
		return nil
	}
	return j.current.file.sync()
}

// notePlaces tells messages where they can be read from now on.
func (j *journal) notePlaces(g *group) {
	for i := range g.queues {
		for k := range g.queues[i].appended {
			if a := &g.queues[i].appended[k]; a.message != nil && !a.shared {
				a.message.Stored().place.Store(uint64(a.Place))
			}
		}
	}
}

// noteMark writes down what is durable, after the fact.
func (j *journal) noteMark() error {
	m := j.mark
	m.group, m.chain, m.messages = j.end.group, j.end.chain, j.end.messages
	if j.durability == Disk {
		m.synced = m.group
	}
	if err := m.write(); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(m.since) >= markInterval {
		m.since = now
		j.mu.Lock()
		j.markDue = true
		j.changed.Broadcast()
		j.mu.Unlock()
	}
	return nil
}

// turn goes on to the next segment, which has room for a record of the size. A
// record that is too large for any gets a segment of its own.
func (j *journal) turn(record int64) error {
	if j.current != nil && j.durability == OS {
		if err := j.current.file.sync(); err != nil {
			return err
		}
		j.mark.synced = j.end.group
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s, err := j.awaitFree(segmentHead + record)
	if err != nil {
		return err
	}
	j.end.segment++
	s.number = j.end.segment
	s.extents = append(s.extents[:0], extent{from: segmentHead, to: segmentHead, start: j.end, end: j.end})
	j.segments = append(j.segments, s)
	j.current, j.offset = s, 0
	j.changed.Broadcast()
	return nil
}

// awaitFree takes a free segment, for which it waits while there is none: for
// it to be made, for room on the disk, or, at twice the limit, for the oldest
// to be given back. j.mu is held.
func (j *journal) awaitFree(size int64) (*segment, error) {
	defer j.noteSpace(false)
	j.want = size
	for {
		if !j.full() {
			if s := j.takeFree(size); s != nil {
				j.want = 0
				return s, nil
			}
		}
		switch {
		case j.failed != nil:
			return nil, j.failed
		case j.short && j.stopping:
			return nil, fmt.Errorf("storage: %s: %w", j.dir, errNoSpace)
		case j.short && !j.told:
			j.noteSpace(true)
			continue
		}
		j.changed.Broadcast()
		j.changed.Wait()
	}
}

// full tells whether the next segment has to wait for the oldest to be given
// back. The last one cannot be as yet: it does not count. j.mu is held.
func (j *journal) full() bool {
	n := len(j.segments) - 1
	return n > 0 && j.recycles && !j.stopping && sizeOf(j.segments[:n]) > 2*j.limit
}

// recycling notes whether segments are given back. While they are not, nobody
// waits for that.
func (j *journal) recycling(on bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recycles = on
	j.changed.Broadcast()
}

// noteSpace tells whether there is no room to go on. j.mu is held, but not
// meanwhile.
func (j *journal) noteSpace(short bool) {
	if j.told == short {
		return
	}
	j.told = short
	j.mu.Unlock()
	defer j.mu.Lock()
	j.onSpace(short)
}

// takeFree takes a free segment of at least the size, if there is one. j.mu is
// held.
func (j *journal) takeFree(size int64) *segment {
	for i, s := range j.free {
		if s.capacity >= size {
			j.free = append(j.free[:i], j.free[i+1:]...)
			return s
		}
	}
	return nil
}

func (j *journal) hasFree(size int64) bool {
	return slices.ContainsFunc(j.free, func(s *segment) bool { return s.capacity >= size })
}

// tend makes segments before they are needed, and syncs the mark.
func (j *journal) tend() {
	defer close(j.tended)
	j.mu.Lock()
	defer j.mu.Unlock()
	for !j.closing {
		switch {
		case j.markDue:
			j.markDue = false
			j.mu.Unlock()
			err := j.mark.f.sync()
			j.mu.Lock()
			j.failing(err)
		case !j.short && !j.hasFree(j.want):
			j.prepare()
		default:
			j.changed.Wait()
		}
	}
}

// failing has the store fail, if there is an error. j.mu is held, but not
// meanwhile.
func (j *journal) failing(err error) {
	if err == nil {
		return
	}
	j.failed, j.closing = err, true
	j.changed.Broadcast()
	j.mu.Unlock()
	defer j.mu.Lock()
	j.fail(err)
}

// prepare makes a free segment. j.mu is held, but not meanwhile.
func (j *journal) prepare() {
	size := max(j.want, j.segmentSize(j.end.segment+1))
	j.mu.Unlock()
	s, err := j.makeSegment(size)
	j.mu.Lock()
	defer j.changed.Broadcast()
	switch {
	case err == nil:
		j.free = append(j.free, s)
	case errors.Is(err, syscall.ENOSPC):
		j.outOfSpace()
	default:
		j.failing(err)
	}
}

// outOfSpace waits for better times. j.mu is held.
func (j *journal) outOfSpace() {
	j.short = true
	time.AfterFunc(retrySpace, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.short = false
		j.changed.Broadcast()
	})
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
