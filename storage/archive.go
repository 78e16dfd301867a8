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
