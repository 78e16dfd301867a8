package crash

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// transacting publishes over several queues in transactions, some of which it
// rolls back.
func transacting(to []target) func(*worker) error {
	return func(w *worker) error { return w.transact(to) }
}

func (w *worker) transact(to []target) error {
	ch, err := w.channel()
	if err != nil {
		return err
	}
	if err := ch.Tx(); err != nil {
		return err
	}
	for w.goesOn() {
		unit := w.publisher.next()
		for range 1 + w.rand.IntN(8) {
			if err := w.publishInTx(ch, unit, to[w.rand.IntN(len(to))]); err != nil {
				return err
			}
		}
		if w.rand.IntN(8) == 0 {
			if err := ch.TxRollback(); err != nil {
				return err
			}
			continue
		}
		if err := w.commit(ch, unit); err != nil {
			return err
		}
		w.pause(time.Millisecond)
	}
	return nil
}

func (w *worker) publishInTx(ch *amqp.Channel, unit uint64, to target) error {
	id := w.publisher.next()
	m := compose(id, false)
	e := event{Kind: publish, Who: w.name, Unit: unit, ID: id, Tx: true}
	if to.course != nil {
		to.course.dress(&m, w.rand, w.number)
	}
	to.describe(&e, &m)
	w.note(e)
	return ch.PublishWithContext(w.ctx, to.exchange, to.key, false, false, m)
}

func (w *worker) commit(ch *amqp.Channel, unit uint64) error {
	w.note(event{Kind: commit, Who: w.name, Unit: unit})
	if err := ch.TxCommit(); err != nil {
		return err
	}
	w.note(event{Kind: confirm, Who: w.name, Unit: unit, At: now()})
	return nil
}

// moving takes messages from a queue and publishes one to another for each, in
// one transaction with the ack.
func moving(from string, to target) func(*worker) error {
	return taking(func(t *taker) error {
		if err := t.ch.Tx(); err != nil {
			return err
		}
		for t.goesOn() {
			if err := t.move(to); err != nil {
				return err
			}
		}
		return nil
	}, from)
}

// move moves up to four messages.
func (t *taker) move(to target) error {
	unit := t.publisher.next()
	moved := 0
	for range 1 + t.rand.IntN(4) {
		d, ok := t.take(20 * time.Millisecond)
		if !ok {
			break
		}
		moved++
		if err := t.publishInTx(t.ch, unit, to); err != nil {
			return err
		}
		t.noteIn(unit, settle, d)
		if err := t.ch.Ack(d.DeliveryTag, false); err != nil {
			return err
		}
	}
	if moved == 0 {
		return nil
	}
	return t.commit(t.ch, unit)
}
