package crash

import (
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// taking consumes from queues in its own way until the end.
func taking(habit func(*taker) error, queues ...string) func(*worker) error {
	return func(w *worker) error {
		for n := 0; w.goesOn(); n++ {
			t := &taker{worker: w, queues: queues, who: fmt.Sprint(w.name, ".", n), taken: map[uint64]bool{}}
			if err := t.open(10 + w.rand.IntN(100)); err != nil {
				return err
			}
			if err := habit(t); err != nil {
				return err
			}
		}
		return nil
	}
}

// taker is a channel with consumers.
type taker struct {
	*worker
	ch         *amqp.Channel
	who        string
	queues     []string
	deliveries chan amqp.Delivery
	fences     int
	taken      map[uint64]bool // delivery tags above upTo
	upTo       uint64          // all delivery tags up to this one have been taken
}

// queueOf is the queue a delivery came from, which is its consumer tag.
func queueOf(d amqp.Delivery) string { return d.ConsumerTag }

func (t *taker) open(prefetch int) (err error) {
	if t.ch, err = t.channel(); err != nil {
		return err
	}
	shared := !slices.ContainsFunc(t.queues, t.isQuorum) // such queues refuse a prefetch count of the channel
	if err := t.ch.Qos(prefetch, 0, shared); err != nil {
		return err
	}
	t.deliveries = make(chan amqp.Delivery)
	for _, q := range t.queues {
		from, err := t.ch.Consume(q, q, false, false, false, false, nil)
		if err != nil {
			return err
		}
		go func() { // ends with the channel, or with the life
			for d := range from {
				select {
				case t.deliveries <- d:
				case <-t.ctx.Done():
				}
			}
		}()
	}
	return nil
}

// take returns the next delivery; false when there is none within a while, or
// the end has come.
func (t *taker) take(within time.Duration) (d amqp.Delivery, ok bool) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-t.ctx.Done():
		return d, false
	case <-timer.C:
		return d, false
	case d := <-t.deliveries:
		t.noteDelivery(d, queueOf(d))
		t.taken[d.DeliveryTag] = true
		for t.taken[t.upTo+1] {
			t.upTo++
			delete(t.taken, t.upTo)
		}
		return d, true
	}
}

// split parts deliveries into those that can be settled at once, with the last
// of their tags, and the others: consumers of several queues take turns as they
// like, and what was not taken yet must not be settled with the rest.
func (t *taker) split(ds []amqp.Delivery) (now []amqp.Delivery, last uint64, rest []amqp.Delivery) {
	for _, d := range ds {
		if d.DeliveryTag > t.upTo {
			rest = append(rest, d)
			continue
		}
		now, last = append(now, d), max(last, d.DeliveryTag)
	}
	return now, last, rest
}

func (t *taker) noteDelivery(d amqp.Delivery, queue string) {
	e := event{Kind: deliver, Who: t.who, Redelivered: d.Redelivered}
	e.ID, e.Hash = t.read(d, queue)
	t.place(&e, queue)
	if e.Stage != "" {
		e.Deaths, e.At = demises(d.Headers), now()
	}
	t.note(e)
}

// read is which message has come, as its publisher gave it.
func (t *taker) read(d amqp.Delivery, queue string) (id uint64, hash string) {
	id, m := delivered(d)
	if t.courseOf(queue) != nil {
		return id, essence(m)
	}
	return id, digest(d.Exchange, d.RoutingKey, m)
}

// noteAll notes what is about to become of deliveries.
func (t *taker) noteAll(k kind, ds ...amqp.Delivery) {
	for _, d := range ds {
		t.noteIn(0, k, d)
	}
}

// noteIn notes it of a delivery, in a transaction unless unit is 0.
func (t *taker) noteIn(unit uint64, k kind, d amqp.Delivery) {
	e := event{Kind: k, Who: t.who, Unit: unit}
	e.ID, _ = delivered(d)
	t.place(&e, queueOf(d))
	if e.Stage != "" {
		e.Deaths = demises(d.Headers)
	}
	t.note(e)
}

// oneByOne acks every delivery, and sometimes makes sure that it is durable.
func oneByOne(t *taker) error {
	for t.goesOn() {
		d, ok := t.take(time.Second)
		if !ok {
			continue
		}
		t.noteAll(settle, d)
		if err := t.ch.Ack(d.DeliveryTag, false); err != nil {
			return err
		}
		if t.rand.IntN(50) == 0 {
			if err := t.fence(); err != nil {
				return err
			}
		}
	}
	return nil
}

// byTheDozen acks several deliveries at once.
func byTheDozen(t *taker) error {
	var held []amqp.Delivery
	for t.goesOn() {
		d, ok := t.take(20 * time.Millisecond)
		if ok {
			held = append(held, d)
		}
		if len(held) == 0 || ok && len(held) < 10 && t.rand.IntN(8) > 0 {
			continue
		}
		now, last, rest := t.split(held)
		if len(now) == 0 {
			continue
		}
		held = rest
		t.noteAll(settle, now...)
		if err := t.ch.Ack(last, true); err != nil {
			return err
		}
		if t.rand.IntN(50) == 0 {
			if err := t.fence(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inTwoMinds gives many deliveries back, one or several at a time, and rejects
// some for good.
func inTwoMinds(t *taker) error {
	var held []amqp.Delivery
	for t.goesOn() {
		d, ok := t.take(20 * time.Millisecond)
		if ok {
			held = append(held, d)
		}
		if len(held) == 0 || ok && len(held) < 5 && t.rand.IntN(4) > 0 {
			continue
		}
		rest, err := t.decide(held)
		if err != nil {
			return err
		}
		held = rest
	}
	return nil
}

// decide settles some of what is held, or gives it back.
func (t *taker) decide(held []amqp.Delivery) (rest []amqp.Delivery, err error) {
	one, others := held[len(held)-1], held[:len(held)-1]
	now, last, rest := t.split(held)
	several := len(now) > 0
	switch n := t.rand.IntN(4); {
	case n == 0 && several:
		t.noteAll(requeue, now...)
		return rest, t.ch.Nack(last, true, true)
	case n == 1 && several:
		t.noteAll(settle, now...)
		return rest, t.ch.Ack(last, true)
	case n == 2:
		t.noteAll(t.final(queueOf(one)), one)
		return others, t.ch.Reject(one.DeliveryTag, false)
	default:
		t.noteAll(requeue, one)
		return others, t.ch.Reject(one.DeliveryTag, true)
	}
}

// never settles nothing, and leaves now and then with all it has.
func never(t *taker) error {
	until := time.Duration(20+t.rand.IntN(300)) * time.Millisecond
	for begun := time.Now(); time.Since(begun) < until && t.goesOn(); {
		t.take(until)
	}
	if !t.goesOn() {
		return nil
	}
	t.note(event{Kind: leave, Who: t.who, Queues: t.queues})
	return t.ch.Close()
}

// fence waits for a change that is durable after all that the channel has
// settled before: a binding that was never there, and its end.
func (t *taker) fence() error {
	t.fences++
	key := fmt.Sprint("fence.", t.number, ".", t.who, ".", t.fences)
	if err := t.ch.QueueBind(t.queues[0], key, t.direct, false, nil); err != nil {
		return err
	}
	t.note(event{Kind: fence, Who: t.who})
	return t.ch.QueueUnbind(t.queues[0], key, t.direct, nil)
}
