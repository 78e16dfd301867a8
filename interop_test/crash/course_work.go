package crash

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// layCourses declares what courses consist of.
func (l *life) layCourses(ch *amqp.Channel) error {
	many := l.prefix + "many"
	if err := ch.ExchangeDeclare(many, "fanout", true, false, false, false, nil); err != nil {
		return err
	}
	for _, c := range l.courses {
		if err := l.layEntrance(ch, c); err != nil {
			return err
		}
		for _, s := range c.stages {
			if _, err := ch.QueueDeclare(s.Queue, true, false, false, false, s.table(l.direct)); err != nil {
				return err
			}
			if err := ch.QueueBind(s.Queue, s.Queue, l.direct, false, nil); err != nil {
				return err
			}
		}
	}
	for _, c := range l.courses {
		if c.by == nil {
			continue
		}
		if err := ch.QueueBind(c.stages[0].Queue, c.stages[0].Queue, c.name, false, nil); err != nil {
			return err
		}
	}
	for _, q := range l.queues("work", "loop", "short") {
		if err := ch.QueueBind(q, "", many, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// layEntrance declares the exchange that leads to a course, if it has its own.
func (l *life) layEntrance(ch *amqp.Channel, c *course) error {
	if c.by == nil {
		return nil
	}
	return ch.ExchangeDeclare(c.name, c.by.kind, true, false, false, false, c.by.args)
}

// enter are the targets that lead to courses: each of them, and some at once.
func (r *round) enter() (all []target) {
	for _, c := range r.courses {
		all = append(all, c.target())
	}
	return append(all, target{r.prefix + "many", "", r.queues("work", "loop", "short"), &course{stages: []stage{{}}}})
}

// committable are the targets that refuse nothing: a transaction does not tell
// what was refused.
func committable(all []target) (some []target) {
	for _, to := range all {
		if to.course == nil || !to.course.refuses() {
			some = append(some, to)
		}
	}
	return some
}

// stages are the queues of courses.
func (r *round) stages() (names []string) {
	for _, c := range r.courses {
		for _, s := range c.stages {
			names = append(names, s.Queue)
		}
	}
	return names
}

// employOnCourses sets those to work who publish to courses, and consume there.
func (l *life) employOnCourses(limit int) {
	l.start("feeder0", sending(l.letters, 5, limit))
	l.start("feeder1", sending(l.letters, 200, limit))
	l.start("committer", transacting(committable(l.letters)))
	l.consumeCourses()
}

// employOn sets some to work who publish to one course, and those who consume there.
func (l *life) employOn(c *course) {
	for i, window := range windows {
		l.start(fmt.Sprint("specialist", i), sending([]target{c.target()}, window, 10_000))
	}
	l.consumeCourses()
}

func (l *life) consumeCourses() {
	l.start("sorter0", taking(inTwoMinds, l.queues("work", "loop", "full", "spill", "later", "team", "unique", "sure")...))
	l.start("sorter1", taking(inTwoMinds, l.queues("work", "prio", "poison", "venom", "team", "band", "once", "aged")...))
	l.start("judge", taking(inOneGo, l.queues("loop", "prio", "venom", "team", "once")...))
	l.start("holder", taking(never, l.queues("work", "prio", "poison", "spill", "team", "band", "sure")...))
	l.start("clerk0", taking(oneByOne, l.queues("work.dead", "ttl.dead", "short.dead", "later.dead", "team", "band.dead", "aged")...))
	l.start("clerk1", taking(byTheDozen, l.queues("spill.dead", "prio.dead", "poison.dead", "venom.dead", "band.dead", "unique.dead", "sure.dead")...))
}

// inOneGo settles and rejects in transactions, which publish as well.
func inOneGo(t *taker) error {
	if err := t.ch.Tx(); err != nil {
		return err
	}
	for t.goesOn() {
		unit := t.publisher.next()
		for range 1 + t.rand.IntN(5) {
			d, ok := t.take(20 * time.Millisecond)
			if !ok {
				break
			}
			if err := t.dispose(d, unit); err != nil {
				return err
			}
		}
		if err := t.commit(t.ch, unit); err != nil {
			return err
		}
	}
	return nil
}

// dispose does one of three things with a delivery, in a transaction: reject it,
// settle it, or put another in its place.
func (t *taker) dispose(d amqp.Delivery, unit uint64) error {
	switch t.rand.IntN(3) {
	case 0:
		t.noteIn(unit, t.final(queueOf(d)), d)
		return t.ch.Reject(d.DeliveryTag, false)
	case 1:
		if err := t.publishInTx(t.ch, unit, t.courses[0].target()); err != nil {
			return err
		}
	}
	t.noteIn(unit, settle, d)
	return t.ch.Ack(d.DeliveryTag, false)
}

// emptyCourses takes all that is in courses: what goes last into each is rejected
// wherever it can be, and when it has come to the end, so has everything else.
func (d *drainer) emptyCourses() error {
	for _, c := range d.courses {
		if c.stages[0].Next == "" {
			if err := d.empty(c.stages[0].Queue); err != nil {
				return err
			}
		}
	}
	t := &taker{worker: d.worker, who: draining, queues: d.stages(), taken: map[uint64]bool{}}
	if err := t.open(1000); err != nil {
		return err
	}
	last, err := d.last()
	if err != nil {
		return err
	}
	for been := map[string]bool{}; len(last) > 0; {
		v, ok := t.take(patience)
		if !ok {
			return fmt.Errorf("of %d courses, what went last has not come", len(last))
		}
		q := queueOf(v)
		id, _ := t.read(v, q)
		if last[id] && t.final(q) == decline && !been[q] {
			been[q] = true
			t.noteAll(decline, v)
			err = v.Reject(false)
		} else {
			delete(last, id)
			t.noteAll(settle, v)
			err = v.Ack(false)
		}
		if err != nil {
			return err
		}
	}
	if err := t.fence(); err != nil {
		return err
	}
	return t.ch.Close()
}

// last publishes what goes last into the courses that a message goes on in.
func (d *drainer) last() (ids map[uint64]bool, err error) {
	ids = map[uint64]bool{}
	for _, c := range d.courses {
		if c.stages[0].Next == "" {
			continue
		}
		to, id := c.target(), d.publisher.next()
		m := compose(id, false)
		m.Priority = 0
		if c.by == delaying {
			m.Headers = amqp.Table{"x-delay": int32(longestDelay)}
		}
		e := event{Kind: publish, Who: d.name, Unit: id, ID: id}
		to.describe(&e, &m)
		d.note(e)
		ids[id] = true
		if err := d.ch.PublishWithContext(d.ctx, to.exchange, to.key, false, false, m); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
