package broker

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/leveretmq/leveret/storage"
)

// pager brings the bodies of messages to disk and back, one queue after the
// other, so that nobody else waits for a disk. It holds no lock while it does.
type pager struct {
	store  bodies
	fail   func(error)  // called when bodies cannot be read or written: the broker ends
	loaded atomic.Int64 // bytes of ready messages in memory, of all queues

	mu      sync.Mutex // guards what follows; a leaf
	changed *sync.Cond
	asking  fifo[*queue]
	purged  fifo[*block] // lists of what was purged, of which some may be in the page file
	closing bool
	idle    bool // run waits for something to do

	stopped chan struct{}
}

// bodies is what a pager needs of a storage.DB.
type bodies interface {
	Load(queue uint64, items []storage.Item, each func(i int, b []byte)) error
	PageOut(messages []storage.Message) ([]storage.Place, error)
	Unpage(items []storage.Item)
	Confirm(c storage.Confirmer, from, to uint64)
}

func newPager(store bodies, fail func(error)) *pager {
	p := &pager{store: store, fail: fail, stopped: make(chan struct{})}
	p.changed = sync.NewCond(&p.mu)
	go p.run() // until close, which waits
	return p
}

// close ends the pager. Nothing is delivered any more when it is called.
func (p *pager) close() {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.changed.Broadcast()
	<-p.stopped
}

const (
	// widest is how many bytes of a queue are kept in memory at its head, and
	// as many at its tail, as long as few are in memory altogether. With each
	// further halveAt bytes that are, it is half as much: so it depends little
	// on the number of queues how much memory they take.
	widest  = 4 << 20
	least   = 16 << 10
	halveAt = 16 << 20

	// pageFrom is how many bytes are in memory before those are written to
	// the page file that are nowhere on disk.
	pageFrom = 64 << 20
)

// window is how many bytes a queue may have in memory at either end.
func (p *pager) window() int { return max(widest>>(p.loaded.Load()/halveAt), least) }

// ask has the pager look after a queue, unless it is asked already. q.mu may be
// held.
func (p *pager) ask(q *queue) {
	if q.paging.asked.Swap(true) {
		return
	}
	p.mu.Lock()
	p.asking.push(q)
	p.mu.Unlock()
	p.changed.Broadcast()
}

// stop is when the pager ends.
func (p *pager) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	p.changed.Broadcast()
	close(p.stopped)
}

// discard gives back what messages that were purged have in the page file. The
// list, which begins with head, is not used any more.
func (p *pager) discard(head *block) {
	p.mu.Lock()
	p.purged.push(head)
	p.mu.Unlock()
	p.changed.Broadcast()
}

// rest waits until there is nothing to do, or ctx ends; worked tells that there
// was.
func (p *pager) rest(ctx context.Context) (worked bool) {
	defer wakeAfter(ctx, p.changed)()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closing && ctx.Err() == nil && (!p.idle || p.asking.len()+p.purged.len() > 0) {
		worked = true
		p.changed.Wait()
	}
	return worked
}

// forget does it for single messages. Nobody but the pager gives anything back:
// so nothing that it reads is ever in other use.
func (p *pager) forget(items []storage.Item) {
	if slices.ContainsFunc(items, func(it storage.Item) bool { return it.Place.Paged() }) {
		p.discard(&block{items: items, to: len(items)})
	}
}

// next waits for something to do; neither when the pager is to end.
func (p *pager) next() (q *queue, purged *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.asking.len() == 0 && p.purged.len() == 0 && !p.closing {
		p.idle = true
		p.changed.Broadcast()
		p.changed.Wait()
	}
	p.idle = false
	switch {
	case p.closing:
	case p.purged.len() > 0:
		purged = p.purged.pop()
	default:
		q = p.asking.pop()
	}
	return q, purged
}

func (p *pager) run() {
	defer p.stop()
	for {
		q, purged := p.next()
		var err error
		switch {
		case purged != nil:
			for b := purged; b != nil; b = b.next {
				if b.messages == nil {
					p.store.Unpage(b.items[b.from:b.to])
				}
			}
		case q != nil:
			if err = p.bring(q); err == nil {
				err = p.relieve(q)
			}
		default:
			return
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}
