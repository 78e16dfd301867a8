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
	archiveOptions
	index       index
	generations *generations
	writer      fragmentWriter
	journal     segments
	failed      func(error) // nothing can be kept any more
	stopped     chan struct{}
	loss        Loss // that was accepted

	mu      sync.Mutex // a leaf, but for generations.mu
	changed *sync.Cond
	queues  map[uint64]*archiveQueue
	// fragments has those of each segment, ordered by owner and place.
	fragments map[uint32][]*fragment
	live      int64 // messages that the blocks have, as of the last fold
	liveBytes int64 // of these
	settled   int64 // of these, since then; at least
	due       bool  // there may be something to do
	closing   bool
}

// archiveOptions are what the rest of the store gives it.
type archiveOptions struct {
	dir        string
	files      files
	acceptLoss bool
		onSpace    func(short bool)              // see Options
	synced     func(dir string)              // called after each synced transaction, for tests
	free       func(dir string) (int64, error) // bytes that the disk has room for
}

// segments is the journal as its checkpoints see it.
type segments interface {
	// over tells whether the journal is larger than it is meant to be.
	over() bool
	// oldest returns the oldest segment, unless it is the one written to.
	oldest() (segment uint32, ok bool)
	// walk tells what groups of a segment change, and returns what is covered
	// with it.
	walk(segment uint32, v visitor) (covered, error)
	// readAt reads from the file of a segment.
	readAt(segment uint32, p []byte, off int64) error
	// release gives a segment back.
	release(segment uint32)
}

// archiveQueue is a queue as its checkpoints see it.
type archiveQueue struct {
	settled seqSet // what the index does not know of
	low     uint64 // everything below is settled, and the index knows
	top     uint64 // the highest number that a covered segment had
	last    uint64 // the highest number that was appended
	deleted bool

	// Owned by the goroutine of run.
	blocks []block // ascending
}

// block is a block of the index.
type block struct {
	first, last uint64 // sequence numbers
	count, live int
	bytes       int64 // of those that are live
	shared      bool  // messages of it may be in fragments without an owner
}

func newArchive(o archiveOptions) *archive {
	if o.synced == nil {
		o.synced = func(string) {}
	}
	if o.free == nil {
		o.free = freeSpace
	}
	b := &archive{
		archiveOptions: o,
		index: index{
			dir: filepath.Join(o.dir, "index"), files: o.files, synced: o.synced,
			sums: make(map[recordKey]recordFacts),
		},
		generations: &generations{
			dir: filepath.Join(o.dir, "fragments"), files: o.files, synced: o.synced,
			all: make(map[uint32]*generation),
		},
		stopped:   make(chan struct{}),
		queues:    make(map[uint64]*archiveQueue),
		fragments: make(map[uint32][]*fragment),
	}
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
		if n := len(c.appended); n > 0 {
			q.appended(c.appended[0].Seq, c.appended[n-1].Seq)
		}
		for _, r := range c.settled {
			b.settled += q.settle(r)
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

// appended notes that messages were appended.
func (q *archiveQueue) appended(first, last uint64) {
	if q.last == 0 && q.low == 0 {
		q.low = first
	}
	q.last = max(q.last, last)
}

// settle notes that messages are settled, and returns how many of them the
// index may have.
func (q *archiveQueue) settle(r Range) int64 {
	if q.deleted {
		return 0
	}
	r = Range{max(r.From, q.low), min(r.To, q.last)}
	if r.From > r.To {
		return 0
	}
	var indexed int
	if r.From <= q.top {
		indexed = q.settled.add(Range{r.From, min(r.To, q.top)})
		r.From = max(r.From, q.top+1)
	}
	q.settled.add(r)
	return int64(indexed)
}

// deleteQueue notes that a queue has gone. b.mu is held.
func (b *archive) deleteQueue(q *archiveQueue) {
	q.deleted, q.settled = true, seqSet{}
	for i := range q.blocks {
		b.settled += int64(q.blocks[i].live)
	}
}

// archive is told of the groups that the journal still has when it is opened.
func (b *archive) put(Entity)                     {}
func (b *archive) drop(EntityKind, uint64)        {}
func (b *archive) requeue(uint64, uint64, uint16) {}

func (b *archive) message(queue uint64, it Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue(queue).appended(it.Seq, it.Seq)
}

func (b *archive) settle(queue uint64, r Range) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled += b.queue(queue).settle(r)
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
	if !b.due && b.foldDue() {
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
func (b *archive) start(j segments, failed func(error)) {
	b.journal, b.failed, b.writer.read = j, failed, j.readAt
	go b.run()
}

func (b *archive) run() {
	defer close(b.stopped)
	for b.awaitDue() {
		if err := b.step(); err != nil {
			b.failed(err)
			return
		}
	}
}

// awaitDue waits for something to do; false if nothing is to be done any more.
func (b *archive) awaitDue() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.due && !b.closing {
		b.changed.Wait()
	}
	b.due = false
	return !b.closing
}

// step does what there is to do.
func (b *archive) step() error {
	for b.journal.over() && !b.isClosing() {
		segment, ok := b.journal.oldest()
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

func (b *archive) isClosing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closing
}

// close ends what is under way and closes everything.
func (b *archive) close() error {
	b.mu.Lock()
	b.closing = true
	b.changed.Broadcast()
	b.mu.Unlock()
	if b.writer.read != nil {
		<-b.stopped
	}
	if b.writer.txn != nil {
		b.writer.txn.Discard()
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
