package broker

import (
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// expiry is what wakes a queue when its first message expires: one timer, which
// is armed only while a message that is to expire may be the first (TTL-02).
// q.mu guards it.
type expiry struct {
	timer amqp.Timer // nil: never armed so far
	due   int64      // when it fires, in milliseconds since 1970; 0: it is not armed
}

// cullAtOnce bounds the messages that die while nobody else can have the queue.
const cullAtOnce = 1024

// expire has messages at the head die that have expired, a few at once. alive
// tells that none of those is left: what is first now may be dealt.
func (q *queue) expire() (alive bool) {
	if q.ready.deadline() == 0 {
		return true
	}
	now := q.now()
	q.cull(expired, func() bool { return q.ready.overdue(now) })
	return !q.ready.overdue(now)
}

// cull has messages at the head die as long as the next one is doomed, a few at
// once. Where they are does not matter: those on disk die there.
func (q *queue) cull(why reason, doomed func() bool) {
	if !doomed() {
		return
	}
	d := q.discard(why)
	for n := 0; n < cullAtOnce && doomed(); n++ {
		s := q.ready.dropFirst()
		d.addStowed(&s)
	}
	d.end()
	q.relieve()
}

// dooms tells whether messages at the head are to die.
func (q *queue) dooms() bool {
	if q.exceeds() {
		return true
	}
	return q.ready.deadline() != 0 && q.ready.overdue(q.now())
}

// arm sees to it that the queue is looked at when its first message expires, or
// at once if it is to die. It follows any change of what is ready.
func (q *queue) arm() {
	at := q.ready.deadline()
	if q.exceeds() {
		at = longAgo
	}
	if at != 0 && (q.expiry.due == 0 || q.expiry.due > at) {
		q.rouse(at)
	}
}

// longAgo is a deadline.
const longAgo = 1

// rouse has the queue looked at at the given time.
func (q *queue) rouse(at int64) {
	if q.asleep || q.deleted {
		return
	}
	q.expiry.due = at
	in := time.UnixMilli(at).Sub(q.vhost.clock.Now())
	if q.expiry.timer == nil {
		q.expiry.timer = q.vhost.clock.AfterFunc(in, q.wake)
	} else {
		q.expiry.timer.Reset(in)
	}
}

// wake is for when the first message may have expired, or be due. No lock is held.
func (q *queue) wake() {
	q.enter()
	defer q.leave()
	q.expiry.due = 0
	switch {
	case q.deleted || q.asleep:
	case q.delays != nil:
		q.vhost.undertaker.ask(q)
	default:
		q.dispatch()
	}
}

// deadline is when the first message expires, in milliseconds since 1970; 0 if
// never, or if there is none.
func (r *ready) deadline() int64 {
	switch {
	case r.aside > 0:
		return r.groups.oldest().waiting.deadline()
	case len(r.returned) > 0:
		return r.returned[0].expires
	case r.head != nil:
		return r.head.items[r.head.from].Expires
	}
	return 0
}
