package broker

import (
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// overdue finds out which deliveries of a channel were not settled in time
// (CONS-31). They have no time of their own, and so cost nothing: while there are
// some, a timer marks now and then which one was the last. That one was made at
// most a period earlier. ch.mu guards it all.
type overdue struct {
	timer    amqp.Timer    // nil: there was none yet
	period   time.Duration // of the timer; 0: it rests
	shortest time.Duration // time-out of the deliveries that the period is for
	marks    []mark        // by rising tags
	told     bool          // the reader is to look
}

// mark says that the deliveries up to a tag were made before a time.
type mark struct {
	tag  uint64
	time time.Time
}

// The period of the timer is a part of the shortest time-out, within limits.
const (
	periods        = 32
	shortestPeriod = 10 * time.Millisecond
	longestPeriod  = 15 * time.Second
)

// timeout is how long a consumer may take to settle a delivery, negative if there
// is no limit: what it asked for, or else what the queue and the broker allow
// (CONS-33).
func (k *consumer) timeout() time.Duration {
	if k.patience != unset {
		return k.patience
	}
	return k.queue.timeout()
}

func (q *queue) timeout() time.Duration { return time.Duration(q.patience.Load()) }

func (d *delivery) timeout() time.Duration {
	if d.consumer != nil {
		return d.consumer.timeout()
	}
	return d.queue.timeout()
}

// setPatience notes what consumers of the queue are given, also for what they have
// already. q.mu is held, or q is new.
func (q *queue) setPatience() {
	patience := q.vhost.patience
	if ms := q.settings.consumerTimeout; ms != unset {
		patience = milliseconds(ms)
	}
	q.patience.Store(int64(patience))
	for _, k := range q.consumers {
		k.channel.mu.Lock()
		k.channel.expect(k.timeout())
		k.channel.mu.Unlock()
	}
}

// milliseconds is a time that an argument gives, or the longest that there is.
func milliseconds(n int64) time.Duration { return time.Duration(min(n, tenYears)) * time.Millisecond }

// expect notes that a delivery with a time-out was made. ch.mu is held.
func (ch *channel) expect(timeout time.Duration) {
	o := &ch.overdue
	if timeout < 0 || o.period > 0 && timeout >= o.shortest {
		return
	}
	o.shortest = timeout
	o.period = min(max(timeout/periods, shortestPeriod), longestPeriod)
	if o.timer == nil {
		o.timer = ch.session.vhost.clock.AfterFunc(o.period, ch.look)
	} else {
		o.timer.Reset(o.period)
	}
}

// rest stops the timer until something is delivered again.
func (o *overdue) rest() {
	if o.timer != nil {
		o.timer.Stop()
	}
	o.period, o.marks = 0, nil
}

// look is what the timer does.
func (ch *channel) look() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	o := &ch.overdue
	now := ch.session.vhost.clock.Now()
	late, shortest := o.find(&ch.unacked, now)
	if ch.closed || shortest < 0 {
		o.rest()
		return
	}
	if late >= 0 && !o.told {
		o.told = true
		ch.session.conn.Later(ch.giveUp)
	}
	o.put(mark{ch.tag, now}, ch.unacked.window[ch.unacked.from].tag)
	o.period = 0
	ch.expect(shortest)
}

// giveUp closes the channel if it still has a delivery that is overdue. It is
// called by the reader.
func (ch *channel) giveUp() {
	ch.mu.Lock()
	ch.overdue.told = false
	late, _ := ch.overdue.find(&ch.unacked, ch.session.vhost.clock.Now())
	closed := ch.closed
	ch.mu.Unlock()
	if late >= 0 && !closed {
		ch.session.conn.Fail(ch.id, 0, amqp.PreconditionFailed.Errorf("delivery acknowledgement on channel %d timed out. "+
			"Timeout value used: %d ms. This timeout value can be configured, see consumers doc guide to learn more",
			ch.id, late.Milliseconds()))
	}
}

// find returns the time-out of the first delivery that is overdue, and the shortest
// of all up to there; each is negative if there is none.
func (o *overdue) find(u *unacked, now time.Time) (late, shortest time.Duration) {
	shortest = unset
	marks := o.marks
	for i := u.from; i < len(u.window); i++ {
		d := &u.window[i]
		if d.queue == nil {
			continue
		}
		for len(marks) > 0 && marks[0].tag < d.tag {
			marks = marks[1:]
		}
		t := d.timeout()
		if t < 0 {
			continue
		}
		if shortest < 0 || t < shortest {
			shortest = t
		}
		if len(marks) > 0 && now.Sub(marks[0].time) >= t {
			return t, shortest
		}
	}
	return unset, shortest
}

// put adds a mark, unless nothing was delivered since the last one. It drops those
// of deliveries before the oldest, and of old ones so many that they are still apart
// by no more than a part of their age: however long something is outstanding, they
// are a few hundred.
func (o *overdue) put(m mark, oldest uint64) {
	if n := len(o.marks); n == 0 || o.marks[n-1].tag < m.tag {
		o.marks = append(o.marks, m)
	}
	kept := o.marks[:0]
	for i, k := range o.marks {
		if n := len(kept); n > 0 && i+1 < len(o.marks) {
			next := o.marks[i+1].time
			if next.Sub(kept[n-1].time) <= m.time.Sub(next)/(2*periods) {
				continue
			}
		}
		if k.tag >= oldest {
			kept = append(kept, k)
		}
	}
	o.marks = kept
}
