package broker

import (
	"bytes"
	"context"
	"runtime"
	"sync"

	"github.com/leveretmq/leveret/amqp"
)

// undertaker hands on the dead of queues as letters, and delayed messages that are
// due, one queue after the other: nobody's reader pays for a storm of them. There
// is a goroutine as long as there are some.
type undertaker struct {
	mu     sync.Mutex // guards what follows; a leaf
	asking fifo[*queue]
	busy   bool            // run is going on
	until  context.Context // the end of the last run, after which there is no other; nil as long as the broker goes on
	idle   sync.Cond       // run has ended
}

func newUndertaker() *undertaker {
	u := new(undertaker)
	u.idle.L = &u.mu
	return u
}

// ask has the undertaker look after a queue, unless it knows already. q.mu is
// held.
func (u *undertaker) ask(q *queue) {
	if !q.dying.asked {
		q.dying.asked = u.add(q)
	}
}

// add puts a queue at the end of those that ask; false if it is too late.
func (u *undertaker) add(q *queue) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until != nil && !u.busy {
		return false
	}
	u.asking.push(q)
	if !u.busy {
		u.busy = true
		go u.run() // until there are no dead; close waits
	}
	return true
}

// close waits until all that is dead has been handed on, with what dies by that,
// or until ctx ends. Nothing goes round for ever without a client (DLX-17), so
// there is an end. What is left then, or by a crash, is still stored in its queue:
// it expires or is too much again after the restart, and what was rejected comes
// back as redelivered.
func (u *undertaker) close(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.until = ctx
	for u.busy {
		u.idle.Wait()
	}
}

// rest waits until there are no dead, or ctx ends; worked tells that there were
// some.
func (u *undertaker) rest(ctx context.Context) (worked bool) {
	defer wakeAfter(ctx, &u.idle)()
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.busy && ctx.Err() == nil {
		worked = true
		u.idle.Wait()
	}
	return worked
}

// next is the queue whose turn it is; nil if there is none.
func (u *undertaker) next(last *queue, more bool) *queue {
	u.mu.Lock()
	defer u.mu.Unlock()
	if more {
		u.asking.push(last)
	}
	if u.asking.len() == 0 || u.until != nil && u.until.Err() != nil {
		u.busy, u.asking = false, fifo[*queue]{}
		u.idle.Broadcast()
		return nil
	}
	return u.asking.pop()
}

func (u *undertaker) run() {
	var b burial
	for q := u.next(nil, false); q != nil; {
		q = u.next(q, b.turn(q))
		runtime.Gosched() // the committer, whose sync has ended, has no processor while this goes on
	}
}

// turn hands on the first of a queue's dead, or of what is due in it. more tells
// that there are others.
func (b *burial) turn(q *queue) (more bool) {
	q.moving.Lock()
	defer q.moving.Unlock()
	if q.delays != nil {
		return b.dueTurn(q)
	}
	return b.bury(q)
}

// bury does it for the dead. q.moving is held.
func (b *burial) bury(q *queue) (more bool) {
	defer func() { clear(b.batch) }()
	q.mu.Lock()
	b.batch = q.dying.take(b.batch[:0])
	q.mu.Unlock()
	stay, err := b.move(q, q.letters())
	if err != nil {
		q.unreadable(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buried(b.batch, stay)
	q.dying.asked = q.dying.ready() > 0 && !q.deleted && err == nil
	return q.dying.asked
}

// unreadable has the broker end since messages of the queue cannot be read. There
// is nothing wrong with that when they were dropped.
func (q *queue) unreadable(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.deleted {
		q.vhost.pager.fail(err)
	}
}

// letters returns what makes letters of the dead.
func (q *queue) letters() func(*parting) errand {
	now := amqp.Timestamp(q.vhost.clock.Now().Unix())
	var l letter
	var last *parting
	return func(p *parting) errand {
		if last == nil || !p.alike(last) {
			l = (&death{queue: q.name, why: p.why, at: now, to: p.letter}).letter(p.message)
			last = p
		}
		return errand{
			parcel: parcel{l.origin, l.more, p.message.content.WithProperties(l.properties), l.traits},
			bars:   l.bars(), keeps: p.letter.insists,
		}
	}
}

// alike tells whether the letters of two of the dead differ in their bodies only.
func (p *parting) alike(other *parting) bool {
	return p.why == other.why && p.letter == other.letter && *p.message.origin == *other.message.origin &&
		bytes.Equal(p.message.content.Properties(), other.message.content.Properties())
}

// bars returns which queues the letter is not to come to; nil if it may come to
// all.
func (l *letter) bars() func(*queue) bool {
	if len(l.deaths) == 0 {
		return nil
	}
	return func(q *queue) bool { return l.returnsTo(q.name) }
}
