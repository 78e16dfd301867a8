package storage

import (
	"path/filepath"
	"slices"
	"sync"
)

// archive is what lies behind the journal: Badger has what was alive in the
// segments that are needed for something else. It follows the journal:
//
//	committed    notes what the group settles, so that it need not move
//	checkpoint   moves what is alive of the oldest segment, then gives it back
//	fold         brings the index up to date with what was settled since
//
// Only the goroutine of run changes anything on disk.
type archive struct {
	*Options
	index       index
	generations *generations
	writer      fragmentWriter
	journal     segments
	failed      func(error)   // nothing can be kept any more
	stopped     chan struct{} // closed when run has ended
	ended       error         // of that
	stuck       chan struct{} // closed when Badger goes on trying for ever
	broken      error         // why
	told        bool          // that there is too little room; of the goroutine of run
	loss        Loss          // that was accepted

	mu      sync.Mutex // a leaf, but for generations.mu
	changed *sync.Cond
	queues  map[uint64]*archiveQueue
	// fragments has those of each segment, ordered by owner and place.
	fragments map[uint32][]*fragment
	alive     []alive // segments of the journal with messages, ascending
	live      int64   // messages that the blocks have, as of the last fold
	liveBytes int64   // of these
	settled   int64   // of these, since then; at least
	due       bool    // there may be something to do
	busy      bool    // it is being done
	closing   bool
}

// alive is how many messages of a segment are not settled, about.
type alive struct {
	segment uint32
	live    int
}

// segments is the journal as its checkpoints see it.
type segments interface {
	// over tells whether the journal is larger than it is meant to be, early
	// whether giving back what is of no use any more is worth the effort.
	over() bool
	early() bool
	// oldest returns the oldest segment, unless it is the one written to.
	oldest() (segment uint32, ok bool)
	// walk tells what groups of a segment change, and returns what is covered
	// with it. It calls after behind each group.
	walk(segment uint32, v visitor, after func() error) (covered, error)
	// readAt reads from the file of a segment.
	readAt(segment uint32, p []byte, off int64) error
	// release gives a segment back.
	release(segment uint32)
	// recycling tells whether segments are given back for the time being.
	recycling(on bool)
	// harden syncs what was journaled, if that was not done with each group.
	harden() error
}

// archiveQueue is a queue as its checkpoints see it.
type archiveQueue struct {
	settled seqSet // what the index does not know of
	low     uint64 // everything below is settled, and the index knows
	top     uint64 // the highest number that a covered segment had
	last    uint64 // the highest number that was appended
	deleted bool
	spans   []span // its messages in the journal, ascending

	// Owned by the goroutine of run.
	blocks []block // ascending
}

// span are the messages of a queue in a segment of the journal.
type span struct {
	segment     uint32
	first, last uint64
	live        int // about; a settled range may have numbers that were never used
}

// block is a block of the index.
type block struct {
	first, last uint64 // sequence numbers
	count, live int
	bytes       int64 // of those that are live
	shared      bool  // messages of it may be in fragments without an owner
}

func newArchive(o *Options) *archive {
	if o.synced == nil {
		o.synced = func(string) {}
	}
	if o.space == nil {
		o.space = freeSpace
	}
	b := &archive{
		Options: o,
		index: index{
			dir: filepath.Join(o.Dir, "index"), files: o.files, synced: o.synced,
			sums: make(map[recordKey]recordFacts),
		},
		generations: &generations{
			dir: filepath.Join(o.Dir, "fragments"), files: o.files, synced: o.synced,
			all: make(map[uint32]*generation),
		},
		stopped: make(chan struct{}), stuck: make(chan struct{}),
		queues:    make(map[uint64]*archiveQueue),
		fragments: make(map[uint32][]*fragment),
	}
	b.index.short = b.short
	b.index.log, b.generations.log = b.complain, b.complain
	b.changed = sync.NewCond(&b.mu)
	b.writer = fragmentWriter{generations: b.generations, space: b.awaitSpace}
	return b
}

// committed notes what a durable group has changed. It does no I/O.
func (b *archive) committed(g *group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range g.queues {
		c := &g.queues[i]
		q := b.queue(c.id)
		for k := range c.appended {
			if c.appended[k].message != nil {
				b.append(q, &c.appended[k].Item)
			}
		}
		for _, r := range c.settled {
			b.settleRange(q, r)
		}
		if c.deleted {
			b.deleteQueue(q)
		}
	}
	b.noteDue()
}

// queue returns what is known of a queue. b.mu is held.
func (b *archive) queue(id uint64) *archiveQueue {
	q := b.queues[id]
	if q == nil {
		q = new(archiveQueue)
		b.queues[id] = q
	}
	return q
}

// append notes that a message was journaled. b.mu is held.
func (b *archive) append(q *archiveQueue, it *Item) {
	if q.last == 0 && q.low == 0 {
		q.low = it.Seq
	}
	q.last = max(q.last, it.Seq)
	segment := it.Place.segment()
	if n := len(q.spans); n == 0 || q.spans[n-1].segment != segment {
		q.spans = append(q.spans, span{segment: segment, first: it.Seq})
	}
	in := &q.spans[len(q.spans)-1]
	in.last = it.Seq
	in.live++
	if n := len(b.alive); n == 0 || b.alive[n-1].segment != segment {
		b.alive = append(b.alive, alive{segment: segment})
	}
	b.alive[len(b.alive)-1].live++
}

// settleRange notes that messages of a queue are settled. What cannot be of use
// is left out of the range, which may be much larger than the queue. b.mu is
// held.
func (b *archive) settleRange(q *archiveQueue, r Range) {
	if r = (Range{max(r.From, q.low), min(r.To, q.last)}); q.deleted || r.From > r.To {
		return
	}
	if r.From <= q.top {
		b.settled += int64(q.settled.add(Range{r.From, min(r.To, q.top)}))
	}
	for i := range q.spans {
		in := &q.spans[i]
		if part := (Range{max(r.From, in.first, q.top+1), min(r.To, in.last)}); part.From <= part.To {
			b.died(in, q.settled.add(part))
		}
	}
}

// died notes that messages of a span are of no use any more. b.mu is held.
func (b *archive) died(in *span, n int) {
	in.live -= n
	for i := range b.alive {
		if b.alive[i].segment == in.segment {
			b.alive[i].live -= n
			return
		}
	}
}

// spent tells whether no message of a segment needs to be kept. b.mu is held.
func (b *archive) spent(segment uint32) bool {
	for _, a := range b.alive {
		if a.segment == segment {
			return a.live <= 0
		}
	}
	return true
}

// deleteQueue notes that a queue has gone. b.mu is held.
func (b *archive) deleteQueue(q *archiveQueue) {
	q.deleted, q.settled = true, seqSet{}
	for i := range q.blocks {
		b.settled += int64(q.blocks[i].live)
	}
	for i := range q.spans {
		b.died(&q.spans[i], q.spans[i].live)
	}
}

// archive is told of the groups that the journal still has when it is opened.
func (b *archive) put(Entity)                     {}
func (b *archive) drop(EntityKind, uint64)        {}
func (b *archive) requeue(uint64, uint64, uint16) {}

func (b *archive) message(queue uint64, it Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(b.queue(queue), &it)
}

func (b *archive) settle(queue uint64, r Range) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settleRange(b.queue(queue), r)
}

func (b *archive) deleted(queue uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deleteQueue(b.queue(queue))
}

// foldBytes is how many bytes of settled messages Badger may have before that
// is worth a fold of its own.
const foldBytes = 32 << 20

// foldDue tells whether much of what Badger has, or all of it, is settled. b.mu
// is held.
func (b *archive) foldDue() bool {
	return b.live > 0 && b.settled > 0 &&
		(b.settled >= b.live || b.settled*(b.liveBytes/b.live+1) >= foldBytes)
}

// noteDue wakes the goroutine of run if there is something to do. b.mu is held.
func (b *archive) noteDue() {
	spent := len(b.alive) > 1 && b.alive[0].live <= 0
	if !b.due && (spent || b.foldDue()) {
		b.due = true
		b.changed.Broadcast()
	}
}

// full tells that the journal may have a segment to give back.
func (b *archive) full() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = true
	b.changed.Broadcast()
}

// start starts the goroutine that moves things to Badger. close waits for it.
func (b *archive) start(j *journal, failed func(error)) {
	j.mu.Lock()
	j.recycles = true
	j.mu.Unlock()
	b.mu.Lock()
	b.failed = failed
	b.due = true // a crash may have left a journal that is over its limit
	b.mu.Unlock()
	b.journal, b.writer.read = j, j.readAt
	go b.run()
}

// complain is told of an error that Badger has met in the background. Before
// the start there is somebody to return an error to.
func (b *archive) complain(err error) {
	b.mu.Lock()
	failed := b.failed
	if failed != nil && b.broken == nil {
		b.broken = err
		close(b.stuck)
	}
	b.mu.Unlock()
	if failed != nil {
		failed(err)
	}
}

func (b *archive) run() {
	defer close(b.stopped)
	for b.awaitDue() {
		if err := b.step(); err != nil {
			b.failed(err)
			break
		}
	}
	b.awaitClosing()
	b.ended = b.closeAll()
}

func (b *archive) awaitClosing() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closing {
		b.changed.Wait()
	}
}

// awaitDue waits for something to do; false if nothing is to be done any more.
func (b *archive) awaitDue() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
	b.changed.Broadcast()
	for !b.due && !b.closing {
		b.changed.Wait()
	}
	b.due, b.busy = false, true
	return !b.closing
}

// step does what there is to do.
func (b *archive) step() error {
	for {
		segment, ok, err := b.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := b.checkpoint(segment); err != nil {
			return b.unlessClosing(err)
		}
		b.journal.release(segment)
	}
	b.mu.Lock()
	due := b.foldDue()
	b.mu.Unlock()
	if !due || b.isClosing() {
		return nil
	}
	return b.unlessClosing(b.foldAlone())
}

// next returns the next segment to give back. One that something has to be
// moved from waits while there is no room for that.
func (b *archive) next() (segment uint32, ok bool, err error) {
	segment, ok = b.journal.oldest()
	over, early := b.journal.over(), b.journal.early()
	b.mu.Lock()
	spent, closing := b.spent(segment), b.closing
	b.mu.Unlock()
	wanted := ok && !closing && (over || early && spent)
	short := false
	if wanted && !spent {
		short, err = b.short()
	}
	b.noteShort(short && err == nil)
	return segment, wanted && !short, err
}

func (b *archive) isClosing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closing
}

// close ends what is under way and closes everything. A Badger that cannot
// write a table would never be closed: it is left as it is.
func (b *archive) close(bool) error {
	b.mu.Lock()
	b.closing = true
	b.changed.Broadcast()
	b.mu.Unlock()
	if b.writer.read == nil { // it was not started
		return b.closeAll()
	}
	select {
	case <-b.stopped:
		return b.ended
	case <-b.stuck:
		return b.broken
	}
}

func (b *archive) closeAll() error {
	if b.writer.txn != nil {
		b.writer.txn.Discard()
	}
	if b.enough() != nil {
		// Nothing of what Badger would write now is missing in its log, or in
		// the journal: it ends with the process.
		return b.index.mark.close()
	}
	err := b.generations.close()
	if indexErr := b.index.close(); err == nil {
		err = indexErr
	}
	return err
}

// lookup returns the fragment that an item of a queue is in. b.mu is held, or
// it is the goroutine of run.
func (b *archive) lookup(queue uint64, it *blockItem) *fragment {
	if it.shared {
		queue = 0
	}
	return findFragment(b.fragments[it.Place.segment()], queue, uint32(it.Place.offset()))
}

// publish lets a new fragment be found.
func (b *archive) publish(f *fragment) {
	b.mu.Lock()
	of := b.fragments[f.segment]
	i, _ := slices.BinarySearchFunc(of, f, compareFragments)
	b.fragments[f.segment] = slices.Insert(of, i, f)
	b.mu.Unlock()
}

// tops tells of the highest number that a covered segment had, for each queue.
func (b *archive) tops(each func(queue, top uint64)) {
	for id, q := range b.queues {
		each(id, q.top)
	}
}

// lost is what was accepted as lost.
func (b *archive) lost() Loss { return b.loss }
