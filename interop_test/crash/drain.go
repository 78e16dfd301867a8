package crash

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// drain takes all that is left, kills the broker when that is durable, looks
// whether anything comes back, and removes what the round has declared.
func (r *round) drain() error {
	if err := r.visit(func(d *drainer) error {
		for _, c := range r.churners {
			if err := c.survey(d.worker); err != nil {
				return err
			}
		}
		for _, q := range r.everyQueue() {
			if err := d.empty(q); err != nil {
				return fmt.Errorf("drain %s: %w", q, err)
			}
		}
		return d.emptyCourses()
	}); err != nil {
		return err
	}
	return r.visit(func(d *drainer) error {
		for _, q := range r.everyQueue() {
			if err := d.empty(q); err != nil {
				return fmt.Errorf("look into %s: %w", q, err)
			}
			if _, err := d.ch.QueueDelete(q, false, false, false); err != nil {
				return err
			}
		}
		if err := d.emptyCourses(); err != nil {
			return fmt.Errorf("look into courses: %w", err)
		}
		return d.remove()
	})
}

// visit starts the broker for one client, and kills it.
func (r *round) visit(do func(*drainer) error) error {
	p, err := r.up()
	if err != nil {
		return err
	}
	l := r.newLife(p)
	if r.forgetful {
		if err := l.prepare(); err != nil {
			p.kill()
			return err
		}
	}
	l.start("drain", func(w *worker) error {
		ch, err := w.channel()
		if err != nil {
			return err
		}
		return do(&drainer{worker: w, ch: ch})
	})
	l.await()
	l.dying.Store(true)
	p.kill()
	return l.finish()
}

// draining is whose deliveries those of drainers are.
const draining = "drain."

// drainer empties queues.
type drainer struct {
	*worker
	ch *amqp.Channel
}

// empty consumes all that is in a queue, and returns when its acks are durable.
func (d *drainer) empty(queue string) error {
	is, err := d.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil || is.Messages == 0 {
		return err
	}
	t := &taker{worker: d.worker, who: draining + queue, queues: []string{queue}, taken: map[uint64]bool{}}
	if err := t.open(1000); err != nil {
		return err
	}
	if err := t.takeAll(is.Messages); err != nil {
		return err
	}
	if is, err = d.ch.QueueDeclarePassive(queue, true, false, false, false, nil); err != nil || is.Messages > 0 {
		return errors.Join(err, fmt.Errorf("%d more messages than were counted", is.Messages))
	}
	return errors.Join(t.fence(), t.ch.Close())
}

// takeAll takes and acks n deliveries.
func (t *taker) takeAll(n int) error {
	var held []amqp.Delivery
	for i := range n {
		d, ok := t.take(patience)
		if !ok {
			return fmt.Errorf("%d of %d messages came", i, n)
		}
		if held = append(held, d); len(held) < 100 && i < n-1 {
			continue
		}
		t.noteAll(settle, held...)
		if err := t.ch.Ack(d.DeliveryTag, true); err != nil {
			return err
		}
		held = nil
	}
	return nil
}

// remove deletes what churners have left, and the exchanges.
func (d *drainer) remove() error {
	for _, c := range d.churners {
		for _, q := range churnQueues {
			if _, err := d.ch.QueueDelete(c.prefix+q, false, false, false); err != nil {
				return err
			}
		}
		for _, x := range churnExchanges {
			if err := d.ch.ExchangeDelete(c.prefix+x, false, false); err != nil {
				return err
			}
		}
	}
	for _, q := range d.stages() {
		if n, err := d.ch.QueueDelete(q, false, false, false); err != nil || n > 0 {
			return errors.Join(err, fmt.Errorf("%d messages were left in %s", n, q))
		}
	}
	exchanges := []string{d.direct, d.prefix + "fan", d.prefix + "many"}
	for _, c := range d.courses {
		if c.by != nil {
			exchanges = append(exchanges, c.name)
		}
	}
	for _, x := range exchanges {
		if err := d.ch.ExchangeDelete(x, false, false); err != nil {
			return err
		}
	}
	return nil
}
