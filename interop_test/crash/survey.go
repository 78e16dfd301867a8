package crash

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// survey notes what there is after a start, of all that the churner uses.
func (c *churner) survey(w *worker) error {
	if err := c.forgetTransient(w); err != nil {
		return err
	}
	for _, q := range churnQueues {
		if err := c.surveyQueue(w, q); err != nil {
			return err
		}
	}
	for _, x := range churnExchanges {
		if err := c.surveyExchange(w, x); err != nil {
			return err
		}
	}
	if err := c.surveyBindings(w); err != nil {
		return err
	}
	return c.clear(w)
}

// forgetTransient notes that the end of the broker was that of what is not
// durable.
func (c *churner) forgetTransient(w *worker) error {
	effects := map[string]string{}
	for _, q := range churnQueues {
		if !durable(q) {
			effects[c.queue(q)] = ""
		}
	}
	for _, x := range churnExchanges {
		if !durable(x) {
			effects[c.exchange(x)] = ""
		}
	}
	for _, b := range allBonds() {
		if !durable(b.x) || !durable(b.q) {
			effects[c.binding(b.x, b.q, b.k)] = ""
		}
	}
	return c.change(w, effects, func() error { return nil })
}

func (c *churner) see(w *worker, name, value string) {
	w.note(event{Kind: seen, Who: w.name, Effects: []effect{{name, value}}})
	c.values[name] = value
}

// asked opens a channel for a question that may close it: absent tells that
// the answer was 404.
func asked(w *worker, ask func(ch *amqp.Channel) error) (absent bool, err error) {
	ch, err := w.channel()
	if err != nil {
		return false, err
	}
	err = ask(ch)
	var refused *amqp.Error
	if errors.As(err, &refused) && refused.Code == amqp.NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, ch.Close()
}

func (c *churner) surveyQueue(w *worker, q string) error {
	value := ""
	absent, err := asked(w, func(ch *amqp.Channel) error {
		is, err := ch.QueueDeclarePassive(c.prefix+q, durable(q), false, false, false, nil)
		value = holding(is.Messages)
		return err
	})
	if absent {
		value = ""
	}
	if err != nil {
		return err
	}
	c.see(w, c.queue(q), value)
	if absent {
		return nil
	}
	_, err = asked(w, func(ch *amqp.Channel) error { // with other arguments, it is refused
		_, err := ch.QueueDeclare(c.prefix+q, durable(q), false, false, false, queueTable(q))
		return err
	})
	return err
}

func (c *churner) surveyExchange(w *worker, x string) error {
	absent, err := asked(w, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(c.prefix+x, "direct", durable(x), false, false, false, nil)
	})
	if err != nil {
		return err
	}
	if absent {
		c.see(w, c.exchange(x), "")
		return nil
	}
	c.see(w, c.exchange(x), "direct")
	_, err = asked(w, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(c.prefix+x, "direct", durable(x), false, false, false, exchangeTable(x))
	})
	return err
}

// surveyBindings sends a message to each exchange with each key, transient so
// that it ends with the broker, and looks where it has arrived. What is bound to something that is not there is not
// bound.
func (c *churner) surveyBindings(w *worker) error {
	a := &changer{worker: w, churner: c}
	if err := a.open(); err != nil {
		return err
	}
	for _, x := range churnExchanges {
		for _, k := range churnKeys {
			if c.there(c.exchange(x)) {
				if err := a.put(c.prefix+x, k, true); err != nil {
					return err
				}
			}
			for _, q := range churnQueues {
				arrived, err := a.arrived(q)
				if err != nil {
					return err
				}
				c.see(w, c.binding(x, q, k), map[bool]string{true: "bound"}[arrived])
			}
		}
	}
	return errors.Join(a.plain.Close(), a.tx.Close())
}

// arrived tells whether a queue has one message more than was known.
func (a *changer) arrived(q string) (bool, error) {
	if !a.there(a.queue(q)) {
		return false, nil
	}
	is, err := a.plain.QueueDeclarePassive(a.prefix+q, durable(q), false, false, false, nil)
	if err != nil {
		return false, err
	}
	more := is.Messages - a.messages(q)
	if more != 0 && more != 1 {
		return false, fmt.Errorf("%s has %d messages, want %d or one more", is.Name, is.Messages, a.messages(q))
	}
	a.values[a.queue(q)] = holding(is.Messages)
	return more == 1, nil
}

// clear purges the queues, among them of the messages of the survey.
func (c *churner) clear(w *worker) error {
	a := &changer{worker: w, churner: c}
	if err := a.open(); err != nil {
		return err
	}
	for _, q := range churnQueues {
		if c.there(c.queue(q)) {
			if err := a.purge(q); err != nil {
				return err
			}
		}
	}
	return errors.Join(a.plain.Close(), a.tx.Close())
}
