package model

import (
	"slices"
	"strconv"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// late is a message that waits in a delayed exchange (XTYP-40).
type late struct {
	exchange *exchange
	at       time.Time
	message  *message
	keys     []string
}

const delayed = "x-delayed-message"

// inner is the type by which an exchange routes (XTYP-43).
func (x *exchange) inner() string {
	if x.kind == delayed {
		return word(x.args, "x-delayed-type")
	}
	return x.kind
}

// delays tells whether an exchange keeps messages that have a delay (LAV-15).
func (x *exchange) delays() bool {
	v, _ := x.args.Get("x-delayed-exchange")
	return x.kind == delayed || v == true
}

// checkDelayed is XTYP-39.
func checkDelayed(m *amqp.ExchangeDeclare) *refusal {
	v, _ := m.Arguments.Get("x-delayed-type")
	inner, ok := v.(string)
	switch {
	case m.Type != delayed:
		return nil
	case !ok:
		return refuse(406, "Invalid argument, 'x-delayed-type' must be an existing exchange type")
	case inner == delayed:
		return refuse(406, "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
	case !slices.Contains(kinds, inner):
		return refuse(503, "unknown exchange type '%s'", inner)
	}
	return nil
}

// delay is how long a message wants to wait (XTYP-40); 0: not at all.
func delay(headers amqp.Table) time.Duration {
	v, _ := headers.Get("x-delay")
	n, _ := integer(v)
	if s, ok := v.(string); ok {
		n, _ = strconv.ParseInt(s, 10, 64)
	}
	if n < 1 || n > 1<<32-1 {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// putOff keeps a message in an exchange for its time.
func (w *world) putOff(x *exchange, m *message, keys []string) {
	w.late = append(slices.Clone(w.late), late{x, w.now.Add(delay(m.headers())), m, keys})
}

// nextLate is when the next message leaves its exchange.
func (w *world) nextLate() (first time.Time) {
	for _, l := range w.late {
		if first.IsZero() || l.at.Before(first) {
			first = l.at
		}
	}
	return first
}

// release routes what is due, by the bindings that there are now: of each
// exchange what came first (XTYP-41). It tells that there was something.
func (w *world) release() bool {
	var due []int
	for i, l := range w.late {
		same := func(j int) bool { return w.late[j].exchange == l.exchange }
		if !l.at.After(w.now) {
			if k := slices.IndexFunc(due, same); k < 0 {
				due = append(due, i)
			} else if l.at.Before(w.late[due[k]].at) {
				due[k] = i
			}
		}
	}
	if len(due) == 0 {
		return false
	}
	i := due[w.choose(len(due))]
	l := w.late[i]
	w.late = slices.Delete(slices.Clone(w.late), i, i+1)
	m := *l.message
	if w.wrong != "consumers see no delay" {
		p, _ := amqp.Properties(m.properties).Decode()
		p.Headers = with(p.Headers, "x-delay", int32(-delay(p.Headers).Milliseconds())) // XTYP-41
		m.properties = p.Append(nil)
	}
	to := w.route(l.exchange, l.keys, m.headers())
	w.carryOut(txPublish{message: &m, queues: to.queues, late: to.late, keys: l.keys})
	return true
}

// forget drops what waits in an exchange that has gone (XTYP-43).
func (w *world) forget(gone func(late) bool) {
	w.late = slices.DeleteFunc(slices.Clone(w.late), gone)
}
