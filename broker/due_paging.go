package broker

import (
	"errors"
	"syscall"

	"github.com/leveretmq/leveret/storage"
)

// weigh is balance for what waits in a delayed exchange. q.mu is held.
func (q *queue) weigh() {
	p, s := q.vhost.pager, &q.paging
	if p == nil {
		return
	}
	n := q.delays.calendar.loaded
	p.loaded.Add(int64(n - s.counted))
	s.counted = n
	if n > max(s.limit, p.window()) && !s.waiting.Load() {
		p.ask(q)
	}
}

// relieveDelays is relieve for what waits in a delayed exchange.
func (p *pager) relieveDelays(q *queue) error {
	out, more := q.shedDelays()
	if len(out) > 0 {
		messages := make([]storage.Message, len(out))
		for i := range out {
			messages[i] = out[i].message
		}
		places, err := p.store.PageOut(messages)
		if errors.Is(err, syscall.ENOSPC) { // they stay in memory
			q.keepDelays()
			return nil
		}
		if err != nil {
			return err
		}
		for i := range out {
			out[i].Place = places[i]
		}
		p.store.Unpage(q.pagedDelays(out))
	}
	if more {
		p.ask(q)
	}
	return nil
}

// shedDelays forgets bodies that memory has no room for. out are some that it
// can only forget when they were written to the page file.
func (q *queue) shedDelays() (out []stowed, more bool) {
	q.enter()
	defer q.leave()
	defer q.weigh()
	p, s := q.vhost.pager, &q.paging
	stuck, more := q.delays.calendar.shed(p.window(), q.placeOf)
	s.limit = 0
	if stuck == nil {
		return nil, more
	}
	for i := range stuck.items {
		switch m := stuck.body(i); {
		case m == nil:
		case q.stores(m): // the committer is still to store it
			if !s.waiting.Swap(true) {
				p.store.Confirm(q, 0, 0)
			}
			return nil, false
		default:
			out = append(out, stowed{stuck.items[i], m})
		}
	}
	if p.loaded.Load() > pageFrom {
		return out, true
	}
	q.keepDelaysLocked()
	return nil, false
}

// keepDelays lets what is in memory stay there, and somewhat more.
func (q *queue) keepDelays() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keepDelaysLocked()
}

func (q *queue) keepDelaysLocked() {
	q.paging.limit = q.delays.calendar.loaded + q.vhost.pager.window()/4
}

// pagedDelays forgets bodies that are in the page file now. It returns those
// whose messages have gone meanwhile.
func (q *queue) pagedDelays(out []stowed) (gone []storage.Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.weigh()
	return q.delays.calendar.paged(out)
}
