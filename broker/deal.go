package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// handSize is the most messages that a consumer gets under one lock of its
// outbox.
const handSize = 64

// roundSize is the most messages of a round, whose items are kept as scratch.
const roundSize = 4096

// longestDeal is the most ready messages that are dealt without letting others
// have the queue in between.
const longestDeal = 16_384

// handBytes is how many bytes a round may have before it ends, so that large
// messages do not gather in the outbox of one that does not read.
const handBytes = 256 << 10

// item is a message on its way to a consumer: an entry, or while message is
// nil still only the i-th content of the run that is being published.
type item struct {
	entry
	i int
}

// deal hands messages to consumers, those of the highest priority first
// (CONS-15), and among them to each in turn one (CONS-14), until there
// are no more or no consumer has room: the contents of r from from on and below
// to, or if r is nil ready messages, at most as many. It returns how many it
// handed out. q.mu is held.
//
// As with cards, a round gives every player its whole hand at once: player j
// of n gets messages j, j+n, j+2n and so on.
func (q *queue) deal(r *run, from, to int) (dealt int) {
	if q.ready.groups != nil {
		return q.dealGroups(to - from)
	}
	for {
		left := to - from - dealt
		if r == nil {
			if !q.expire() {
				return dealt
			}
			left = min(left, q.ready.available())
		}
		if left == 0 {
			return dealt
		}
		l, each := q.seatPlayers(left)
		if l == nil {
			return dealt
		}
		players := q.playing
		n := q.draw(r, from+dealt, min(left, each*len(players), roundSize))
		for j := range min(n, len(players)) {
			players[j].take(r, q.items, j, len(players))
		}
		if q.stored != nil {
			q.storeDealt(r)
		}
		l.advance((n-1)%len(players) + 1) // those who got one last, or only one, are the last in line
		dealt += n
		clear(q.items)
	}
}

// draw fills q.items with at most n messages and returns how many. They are set
// in place, as in ready.push.
func (q *queue) draw(r *run, from, n int) int {
	q.items = slices.Grow(q.items[:0], n)[:n]
	if r == nil {
		n = q.drawReady(q.items)
	} else {
		n = q.drawRun(q.items, r, from)
	}
	q.items = q.items[:n]
	return n
}

// drawReady draws ready messages. The first has not expired; it ends before
// another one that has.
func (q *queue) drawReady(items []item) (n int) {
	var now int64
	for size := 0; n < len(items) && size < handBytes; n++ {
		if n > 0 && q.ready.deadline() != 0 {
			if now == 0 {
				now = q.now()
			}
			if q.ready.overdue(now) {
				return n
			}
		}
		it := &items[n]
		q.ready.popTo(&it.entry)
		q.pace.drained += int(it.size)
		size += int(it.size)
	}
	return n
}

// drawRun draws contents of r from from on.
func (q *queue) drawRun(items []item, r *run, from int) (n int) {
	for size := 0; n < len(items) && size < handBytes; n++ {
		q.lastSeq++
		it := &items[n]
		*it = item{}
		it.seq, it.i = q.lastSeq, from+n
		q.endow(&it.entry, r, it.i)
		size += r.contents[it.i].Size()
	}
	return n
}

// seatPlayers makes q.playing the consumers that have room, of the highest
// level that has some, in the order of their turns and as many as can get one
// of the messages that are left. It returns the level, nil if nobody has room,
// and the size of the hand that all of them can take.
func (q *queue) seatPlayers(left int) (l *level, each int) {
	q.playing = q.playing[:0]
	for i := range q.levels {
		l = &q.levels[i]
		if each = q.seatLevel(l, left); len(q.playing) > 0 {
			return l, each
		}
	}
	return nil, 0
}

// seatLevel does it for one level.
//
// A consumer that shares its channel with another one of its level, or with a
// limit, plays for one message by itself: so the order of a channel's
// deliveries is that of the queue (CONS-28), and its limit holds.
func (q *queue) seatLevel(l *level, left int) (each int) {
	each = handSize
	for n := 0; n < len(l.line) && n < left; {
		k := l.line[(l.turn+n)%len(l.line)]
		limited := k.limited()
		alone := l.shared || limited
		if alone && n > 0 {
			return 1 // its turn comes next
		}
		room := k.room(limited)
		if room == 0 {
			l.pass(n, q.passes)
			q.passes++
			continue
		}
		q.playing = append(q.playing, k)
		n++
		each = min(each, room)
		if alone {
			return 1
		}
	}
	return each
}

// take gives k every step-th item from the first on. q.mu is held.
func (k *consumer) take(r *run, items []item, first, step int) {
	ch := k.channel
	ch.mu.Lock()
	defer ch.mu.Unlock()
	tag := ch.tag
	for i := first; i < len(items); i += step {
		ch.tag++
		if k.noAck {
			continue
		}
		it := &items[i]
		if it.message == nil {
			it.message = r.keep(it.i)
		}
		ch.unacked.extend().set(&it.entry, ch.tag, k.queue, k)
	}
	if !k.noAck {
		n := int(ch.tag - tag)
		k.credit -= n
		k.queue.unsettled.add(ch.unacked.last(n))
		ch.expect(k.timeout())
	}
	if k.granted < unlimited {
		k.granted -= int(ch.tag - tag)
	}
	batch := ch.out.Batch()
	defer batch.End()
	for i := first; i < len(items); i += step {
		it := &items[i]
		from, content := r.peek(it)
		if from != k.origin {
			k.prepare(from)
		}
		tag++
		if it.deliveries > 0 && k.queue.counting() {
			c := counted(content, it.deliveries)
			content = &c
		}
		batch.Deliver(&k.deliver, tag, it.redelivered, content, it.message != nil, ch.frameMax)
	}
}

// peek is where the message of an item comes from and its content.
func (r *run) peek(it *item) (*origin, *amqp.Content) {
	if it.message != nil {
		return it.message.origin, &it.message.content
	}
	return r.origin, &r.contents[it.i]
}
