package broker

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// paging is what a queue and the pager know of each other; q.mu guards what is
// not atomic.
type paging struct {
	asked   atomic.Bool   // the pager is to look after the queue
	waiting atomic.Bool   // it will be asked to when the committer has come so far
	limit   int           // bytes behind the front for which it is asked
	counted int           // bytes that pager.loaded has of the queue
	awaited chan struct{} // closed when messages are read; nil if nobody waits
}

// balance arms the timer, and asks the pager for help, if the queue needs any.
// It follows any change of what is ready; q.mu is held.
func (q *queue) balance() {
	q.arm()
	p := q.vhost.pager
	if p == nil {
		return
	}
	s := &q.paging
	if n := q.ready.loaded() + q.dying.loaded; n != s.counted {
		p.loaded.Add(int64(n - s.counted))
		s.counted = n
	}
	if q.hungry() || q.ready.over(s.limit, p.window()) && !s.waiting.Load() {
		p.ask(q)
	}
}

// hungry tells whether messages should be read because those who take them
// will soon have taken what is in memory.
func (q *queue) hungry() bool {
	return q.ready.short(q.vhost.pager.window()/2) != nil &&
		(len(q.consumers) > 0 || q.paging.awaited != nil)
}

// install has messages that were read, those of b from from on, delivered. It
// returns those that are in the page file for nothing now. wanted is false if
// the messages were removed meanwhile: then there is nothing wrong with an
// error.
func (q *queue) install(b *block, from int, messages []*message, err error) (paged []storage.Item, wanted bool, _ error) {
	q.enter()
	defer q.leave()
	if !q.ready.wants(b) {
		return b.takePaged(), false, nil
	}
	if err == nil && slices.Contains(messages[b.from:b.to], nil) {
		err = fmt.Errorf("messages of %s are missing in the store", q.text())
	}
	if err != nil && b.from > from { // some were dropped meanwhile
		q.vhost.pager.ask(q)
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	paged = b.takePaged()
	q.ready.install(b, messages)
	q.arrived()
	q.dispatch()
	return paged, true, nil
}

// arrived lets those go on who wait for the first message.
func (q *queue) arrived() {
	if q.paging.awaited != nil {
		close(q.paging.awaited)
		q.paging.awaited = nil
	}
}

// awaitHead waits until the first message may be in memory. No lock is held,
// and no unit is open.
func (q *queue) awaitHead() error {
	q.mu.Lock()
	if !q.ready.headAway() {
		q.mu.Unlock()
		return nil
	}
	if q.paging.awaited == nil {
		q.paging.awaited = make(chan struct{})
	}
	awaited := q.paging.awaited
	q.balance()
	q.mu.Unlock()
	select {
	case <-awaited:
		return nil
	case <-q.vhost.pager.stopped:
		return amqp.InternalError.Errorf("%s cannot be read", q.text())
	}
}

// empty removes all ready messages and returns how many there were. q.mu is
// held.
func (q *queue) empty() int {
	if p := q.vhost.pager; p != nil && q.ready.split() {
		q.ready.lists(p.discard)
	}
	n := q.ready.purge()
	q.arrived()
	q.balance()
	return n
}

// shed forgets what memory has no room for. b is what it can only forget when
// it was written to the page file.
func (q *queue) shed() (b *block, more bool) {
	q.enter()
	defer q.leave()
	defer q.balance()
	p, s := q.vhost.pager, &q.paging
	window := p.window()
	stuck, more := q.ready.shed(window, q.placeOf)
	s.limit = 0
	switch {
	case stuck == nil:
	case q.awaits(stuck):
		if !s.waiting.Swap(true) {
			p.store.Confirm(q, 0, 0)
		}
	case p.loaded.Load() > pageFrom:
		return stuck, true
	default:
		q.keepLocked()
	}
	return nil, more
}

// keep lets what is in memory stay there, and somewhat more.
func (q *queue) keep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keepLocked()
}

func (q *queue) keepLocked() {
	q.paging.limit = q.ready.behind() + q.vhost.pager.window()/4
	if q.ready.groups != nil {
		q.ready.groups.keep(q.vhost.pager.window())
	}
}

// Durable implements storage.Confirmer: the committer has come so far that
// places are known.
func (q *queue) Durable(_, _ uint64) {
	q.paging.waiting.Store(false)
	q.vhost.pager.ask(q)
}

// stores tells whether a message is stored in the queue. A quorum queue stores
// all (QQ-02).
func (q *queue) stores(m *message) bool {
	return q.stored != nil && m.persistent() && (!m.transient || q.kind.replicated)
}

// placeOf is where a message is on disk, 0 as long as it is not.
func (q *queue) placeOf(m *message) storage.Place {
	if q.stores(m) {
		return m.Stored().Place()
	}
	return 0
}

// awaits tells whether the committer is still to store a message of a block.
func (q *queue) awaits(b *block) bool {
	for i := b.from; i < b.to; i++ {
		if b.items[i].Place == 0 && q.stores(b.messages[i]) {
			return true
		}
	}
	return false
}

// paged has a block forget the messages that are in the page file now. It
// returns those that were taken meanwhile.
func (q *queue) paged(b *block, which []int, places []storage.Place) (gone []storage.Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.balance()
	there := q.ready.rests(b)
	for n, i := range which {
		it := storage.Item{Seq: b.items[i].Seq, Place: places[n], Size: b.items[i].Size}
		if there && i >= b.from {
			b.items[i].Place = it.Place
		} else {
			gone = append(gone, it)
		}
	}
	if there {
		q.ready.drop(b)
	}
	return gone
}

// storedID is the id of the queue in the store; 0 if it is not there.
func (q *queue) storedID() uint64 {
	if q.stored == nil {
		return 0
	}
	return q.stored.ID()
}
