package model

import (
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// accept takes a message, unless the queue refuses such (LEN-06 to LEN-08).
func (q *queue) accept(m *message) (taken bool) {
	headers := m.headers()
	value, ok := identity(q.args, headers)
	if ok && q.world.duplicate(q.known, "", value, headers, amqp.Field{Key: "queue", Value: q.name}) {
		return true
	}
	if ok {
		q.known = q.world.remember(q.known, "", value, q.args, headers)
	}
	if q.refuses(m) {
		if overflow := q.overflows(); overflow == "reject-publish-dlx" {
			q.die(m, "maxlen")
		}
		if q.world.wrong != "what is refused is known" {
			q.known = takeBack(q.known, "", value)
		}
		return false
	}
	q.last++
	e := entry{position: q.last, place: q.last, rank: q.rank(m, q.world.now), message: m, fresh: q.world.wrong != "what expires waits for nobody"}
	if d, mortal := q.lifetime(m); mortal {
		e.expires = q.world.now.Add(d)
	}
	q.put(e)
	return true
}

// refuses tells whether there is no room for a message in a queue that drops none.
func (q *queue) refuses(m *message) bool {
	overflow := q.overflows()
	return overflow != "" && overflow != "drop-head" && q.over(m)
}

// over tells whether there is more ready than the limits allow (LEN-01, LEN-09),
// with messages that are yet to come.
func (q *queue) over(more ...*message) bool {
	count, size := len(more), 0
	for _, m := range more {
		size += len(m.body)
	}
	for _, e := range q.ready {
		count, size = count+1, size+len(e.message.body)
	}
	if q.world.wrong == "limits count what is not settled" {
		count += q.world.unsettled(q)
	}
	most, limited := q.number("max-length")
	octets, bounded := q.number("max-length-bytes")
	return limited && count > most || bounded && size > octets
}

// trim drops what is too much, after all have got what they may have: the first
// messages (LEN-02 to LEN-05, LEN-12). Then what has come is like all else.
func (w *world) trim() (some bool) {
	for _, q := range w.queues {
		if k, e := q.next(); k != nil && (q.drops() || q.ready[0].over(w.now)) {
			disagree("on %s, want before anything is dropped\n  %v\ngot\n  %v", k.channel, k.preview(e), k.channel.peek())
		}
		some = q.trim() || some
		q.stale()
		q.expire()
	}
	return some
}

func (q *queue) trim() (some bool) {
	for q.drops() {
		i := 0
		if q.world.wrong == "limits drop what came last" {
			i = len(q.ready) - 1
		}
		m := q.ready[i].message
		q.ready = slices.Delete(slices.Clone(q.ready), i, i+1)
		q.die(m, "maxlen")
		some = true
	}
	return some
}

func (q *queue) drops() bool {
	overflow := q.overflows()
	return (overflow == "" || overflow == "drop-head") && len(q.ready) > 0 && q.over()
}

// tight tells whether the queue drops or refuses what is too much, or has what
// nobody waits for die at once.
func (q *queue) tight() bool {
	_, most := q.number("max-length")
	_, octets := q.number("max-length-bytes")
	ttl, mortal := q.number("message-ttl")
	return most || octets || mortal && ttl == 0
}

// unsettled is how many messages of a queue clients have.
func (w *world) unsettled(q *queue) (n int) {
	for _, c := range w.conns {
		for _, ch := range c.channels {
			for _, d := range ch.unsettled {
				if d.queue == q {
					n++
				}
			}
		}
	}
	return n
}

// level is the priority of a message in a queue (PRI-02 to PRI-04).
func (q *queue) level(m *message) int {
	most, _ := q.number("max-priority")
	if q.quorum() || q.world.wrong == "priorities are ignored" { // QQ-15
		return 0
	}
	return min(m.priority, most)
}

// rank orders the messages of a queue before their positions do: the highest level
// first, or if messages rise as they wait (x-priority-aging) who would have come
// first if it had level 0. Their age is known to the millisecond if the period is
// below 32.
func (q *queue) rank(m *message, came time.Time) int64 {
	v, _ := q.args.Get("x-priority-aging")
	period, _ := integer(v)
	if period == 0 || q.world.wrong == "messages do not rise" {
		return -int64(q.level(m))
	}
	return came.UnixMilli() - int64(q.level(m))*period
}

// put puts an entry where it belongs: behind all of a higher priority, and those
// of its own that came before (PRI-01, PRI-05, ACK-09).
func (q *queue) put(e entry) {
	i := 0
	for i < len(q.ready) && q.ready[i].before(e) {
		i++
	}
	q.ready = slices.Insert(slices.Clone(q.ready), i, e)
}

func (e entry) before(other entry) bool {
	if e.rank != other.rank {
		return e.rank < other.rank
	}
	if e.first != other.first {
		return e.first
	}
	return e.position < other.position
}
