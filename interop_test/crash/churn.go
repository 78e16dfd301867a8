package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// churner declares, binds, fills, purges and deletes what nobody else uses, one
// change at a time, and knows after each start what there must be.
type churner struct {
	prefix string
	values map[string]string // of names that are there, as far as is known
	serial *publisher        // numbers changes
}

// What it uses: the last queue and the last exchange are not durable.
var (
	churnQueues    = []string{"q0", "q1", "q2", "q3"}
	churnExchanges = []string{"x0", "x1", "x2"}
	churnKeys      = []string{"k0", "k1"}
)

func durable(name string) bool { return name != "q3" && name != "x2" }

// queueTable are the arguments of a queue, always the same.
func queueTable(queue string) amqp.Table {
	if queue == "q1" {
		return amqp.Table{"x-max-length": int64(1_000_000), "x-queue-mode": "lazy"}
	}
	return nil
}

func exchangeTable(name string) amqp.Table {
	if name == "x1" {
		return amqp.Table{"alternate-exchange": "elsewhere"}
	}
	return nil
}

// holding is the value of a queue with messages.
func holding(messages int) string { return fmt.Sprint(messages, " messages") }

func (c *churner) messages(queue string) (n int) {
	_, _ = fmt.Sscan(c.values[c.queue(queue)], &n)
	return n
}

func (c *churner) queue(q string) string    { return "queue " + c.prefix + q }
func (c *churner) exchange(x string) string { return "exchange " + c.prefix + x }
func (c *churner) binding(x, q, k string) string {
	return fmt.Sprint("binding ", c.prefix, x, " ", c.prefix, q, " ", k)
}

func (c *churner) there(name string) bool { return c.values[name] != "" }

// bindings are those that fit, "" fitting all.
func (c *churner) bindings(x, q, k string) (of []bond) {
	for _, b := range allBonds() {
		if (x == "" || x == b.x) && (q == "" || q == b.q) && (k == "" || k == b.k) && c.there(c.binding(b.x, b.q, b.k)) {
			of = append(of, b)
		}
	}
	return of
}

// bond is a binding there can be.
type bond struct{ x, q, k string }

func allBonds() (all []bond) {
	for _, x := range churnExchanges {
		for _, q := range churnQueues {
			for _, k := range churnKeys {
				all = append(all, bond{x, q, k})
			}
		}
	}
	return all
}

// churning makes changes until the end.
func (c *churner) churning(w *worker) error {
	if err := c.survey(w); err != nil {
		return err
	}
	a := &changer{worker: w, churner: c}
	if err := a.open(); err != nil {
		return err
	}
	for w.goesOn() {
		if err := a.step(); err != nil {
			return err
		}
	}
	return nil
}

// changer is a churner at work during a life.
type changer struct {
	*worker
	*churner
	plain *amqp.Channel // in confirm mode
	tx    *amqp.Channel // in transactions
}

func (a *changer) open() (err error) {
	if a.plain, err = a.channel(); err != nil {
		return err
	}
	if err := a.plain.Confirm(false); err != nil {
		return err
	}
	if a.tx, err = a.channel(); err != nil {
		return err
	}
	return a.tx.Tx()
}

// change carries out a change with its effects: what it does, and what it says
// how many messages that were.
func (c *churner) change(w *worker, effects map[string]string, do func() error) error {
	e := event{Kind: change, Who: w.name, Unit: c.serial.next()}
	for _, name := range slices.Sorted(maps.Keys(effects)) {
		e.Effects = append(e.Effects, effect{name, effects[name]})
	}
	w.note(e)
	if err := do(); err != nil {
		return err
	}
	w.note(event{Kind: done, Who: w.name, Unit: e.Unit})
	maps.Copy(c.values, effects)
	return nil
}

// step makes one change, or none if what was drawn does not fit.
func (a *changer) step() error {
	q, x := pick(a.worker, churnQueues), pick(a.worker, churnExchanges)
	k := pick(a.worker, churnKeys)
	hasQueue, hasExchange := a.there(a.queue(q)), a.there(a.exchange(x))
	bound := a.there(a.binding(x, q, k))
	switch n := a.rand.IntN(16); {
	case !hasQueue:
		return a.declareQueue(q)
	case !hasExchange:
		return a.declareExchange(x)
	case n < 3 && !bound:
		return a.change(a.worker, map[string]string{a.binding(x, q, k): "bound"}, func() error {
			return a.plain.QueueBind(a.prefix+q, k, a.prefix+x, false, nil)
		})
	case n < 3:
		return a.change(a.worker, map[string]string{a.binding(x, q, k): ""}, func() error {
			return a.plain.QueueUnbind(a.prefix+q, k, a.prefix+x, nil)
		})
	case n < 4:
		return a.deleteQueue(q)
	case n < 5:
		return a.deleteExchange(x)
	case n < 7:
		return a.purge(q)
	case n < 10:
		return a.fill(a.prefix+x, k, a.bindings(x, "", k))
	case n < 13:
		return a.fill("", a.prefix+q, []bond{{q: q}})
	default:
		return a.move(q, pick(a.worker, churnQueues))
	}
}

func pick(w *worker, names []string) string { return names[w.rand.IntN(len(names))] }

func (a *changer) declareQueue(q string) error {
	return a.change(a.worker, map[string]string{a.queue(q): holding(0)}, func() error {
		_, err := a.plain.QueueDeclare(a.prefix+q, durable(q), false, false, false, queueTable(q))
		return err
	})
}

func (a *changer) declareExchange(x string) error {
	return a.change(a.worker, map[string]string{a.exchange(x): "direct"}, func() error {
		return a.plain.ExchangeDeclare(a.prefix+x, "direct", durable(x), false, false, false, exchangeTable(x))
	})
}

// deleteQueue ends a queue and what it is bound with.
func (a *changer) deleteQueue(q string) error {
	effects := map[string]string{a.queue(q): ""}
	for _, b := range a.bindings("", q, "") {
		effects[a.binding(b.x, b.q, b.k)] = ""
	}
	return a.change(a.worker, effects, func() error {
		n, err := a.plain.QueueDelete(a.prefix+q, false, false, false)
		return a.counted(n, q, err)
	})
}

func (a *changer) deleteExchange(x string) error {
	effects := map[string]string{a.exchange(x): ""}
	for _, b := range a.bindings(x, "", "") {
		effects[a.binding(b.x, b.q, b.k)] = ""
	}
	return a.change(a.worker, effects, func() error { return a.plain.ExchangeDelete(a.prefix+x, false, false) })
}

func (a *changer) purge(q string) error {
	return a.change(a.worker, map[string]string{a.queue(q): holding(0)}, func() error {
		n, err := a.plain.QueuePurge(a.prefix+q, false)
		return a.counted(n, q, err)
	})
}

// counted checks how many messages the broker says went.
func (a *changer) counted(n int, q string, err error) error {
	if want := a.messages(q); err == nil && n != want {
		return fmt.Errorf("%d messages went from %s, want %d", n, a.prefix+q, want)
	}
	return err
}

// fill publishes a message that reaches the queues of bindings.
func (a *changer) fill(exchange, key string, to []bond) error {
	effects := map[string]string{}
	for _, b := range to {
		effects[a.queue(b.q)] = holding(a.messages(b.q) + 1)
	}
	return a.change(a.worker, effects, func() error { return a.put(exchange, key, false) })
}

// put publishes a message and waits for the confirm.
func (a *changer) put(exchange, key string, transient bool) error {
	m := compose(a.serial.next(), transient)
	told, err := a.plain.PublishWithDeferredConfirmWithContext(a.ctx, exchange, key, false, false, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	acked, err := told.WaitContext(ctx)
	if err == nil && !acked {
		err = errors.New("a publish was refused")
	}
	return err
}

// move takes a message from a queue and puts two into another, in a transaction.
func (a *changer) move(from, to string) error {
	if from == to || !a.there(a.queue(to)) || a.messages(from) == 0 {
		return nil
	}
	d, ok, err := a.tx.Get(a.prefix+from, false)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("nothing is ready in %s, want %d messages: %v", a.prefix+from, a.messages(from), ok))
	}
	effects := map[string]string{a.queue(from): holding(a.messages(from) - 1), a.queue(to): holding(a.messages(to) + 2)}
	return a.change(a.worker, effects, func() error {
		for range 2 {
			if err := a.tx.PublishWithContext(a.ctx, "", a.prefix+to, false, false, compose(a.serial.next(), false)); err != nil {
				return err
			}
		}
		if err := d.Ack(false); err != nil {
			return err
		}
		return a.tx.TxCommit()
	})
}
