package broker

import (
	"errors"
	"syscall"

	"github.com/leveretmq/leveret/storage"
)

// bring reads the next blocks of a queue, if it needs any, and has them
// delivered one by one.
func (p *pager) bring(q *queue) error {
	q.paging.asked.Store(false) // before looking
	q.mu.Lock()
	var blocks []*block
	if q.hungry() {
		blocks = q.ready.short(p.window() / 2).missing(p.window() / 2)
	}
	q.mu.Unlock()
	for _, b := range blocks {
		from, messages, err := p.read(q, b)
		paged, wanted, err := q.install(b, from, messages, err)
		p.store.Unpage(paged)
		if err != nil || !wanted {
			return err
		}
	}
	return nil
}

// read reads the messages of a block, from the first that is still there on.
func (p *pager) read(q *queue, b *block) (from int, messages []*message, _ error) {
	q.mu.Lock()
	from = b.from // it changes when some are dropped meanwhile
	q.mu.Unlock()
	messages = make([]*message, len(b.items))
	d := decoder{left: len(b.items) - from}
	var failed error
	err := p.store.Load(q.storedID(), b.items[from:], func(i int, blob []byte) {
		m, err := d.message(blob)
		if err != nil {
			failed = err
			return
		}
		if q.stored != nil && q.kind.replicated && m.keeping == nil { // QQ-02
			m.keeping = &keeping{transient: true}
		}
		if place := b.items[from+i].Place; m.persistent() && !place.Paged() {
			m.stored.Found(place)
		}
		messages[from+i] = m
	})
	return from, messages, errors.Join(err, failed)
}

// relieve has a queue forget some of what memory has no room for; the rest is
// for the queue's next turn.
func (p *pager) relieve(q *queue) error {
	if q.delays != nil {
		return p.relieveDelays(q)
	}
	b, more := q.shed()
	if b != nil {
		err := p.write(q, b)
		if errors.Is(err, syscall.ENOSPC) { // it stays in memory
			q.keep()
			return nil
		}
		if err != nil {
			return err
		}
	}
	if more {
		p.ask(q)
	}
	return nil
}

// write writes what block b has in memory alone to the page file.
func (p *pager) write(q *queue, b *block) error {
	q.mu.Lock()
	var which []int
	var messages []storage.Message
	for i := b.from; i < b.to; i++ {
		if b.items[i].Place == 0 {
			which, messages = append(which, i), append(messages, b.messages[i])
		}
	}
	b.own = false // not for another use while it is written
	q.mu.Unlock()
	places, err := p.store.PageOut(messages)
	if err != nil {
		return err
	}
	p.store.Unpage(q.paged(b, which, places))
	return nil
}
