package model

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

func (ch *channel) publish(m *amqp.BasicPublish, p amqp.BasicProperties, body string) *refusal {
	w := ch.conn.world
	if m.Immediate { // PUB-05
		return refuse(540, "immediate=true")
	}
	x := w.exchange(m.Exchange)
	switch {
	case x == nil: // PUB-01
		return noExchange(m.Exchange)
	case x.internal: // EXCH-28
		return refuse(403, "cannot publish to internal exchange '%s' in vhost '/'", x.name)
	case p.UserID != "" && p.UserID != "guest": // PUB-07
		return refuse(406, "user_id property set to '%s' but authenticated user was 'guest'", p.UserID)
	}
	keys := []string{m.RoutingKey}
	for _, name := range []string{"CC", "BCC"} { // PUB-11
		more, r := carbonCopies(name, p.Headers)
		if r != nil {
			return r
		}
		keys = append(keys, more...)
	}
	content := &message{m.Exchange, m.RoutingKey, copies(p.Headers, "BCC"), delivered(p), body, int(p.Priority), p.DeliveryMode == 2}
	to := w.route(x, keys, p.Headers)
	t := txPublish{content, to.queues, to.late, keys, m.Mandatory}
	if ch.tx { // TX-03, TX-06
		ch.publishes = append(ch.publishes, t)
		return nil
	}
	ch.carryOut(t)
	return nil
}

// carryOut is a publish as it happens, in a transaction at its end: the names
// of queues may mean others by then.
func (ch *channel) carryOut(t txPublish) (refused bool) {
	w := ch.conn.world
	routed, refused := w.deduplicate(t, ch.tx)
	if !routed && t.mandatory && w.wrong != "mandatory is ignored" { // PUB-03
		ch.conn.emit(ch.id, &amqp.BasicReturn{
			ReplyCode: 312, ReplyText: "NO_ROUTE", Exchange: t.message.exchange, RoutingKey: t.message.key,
		}, t.message)
	}
	if ch.confirms {
		ch.published++
		ch.unconfirmed = append(ch.unconfirmed, pending{ch.published, refused && w.wrong != "what is refused is confirmed"})
	}
	w.dispatch()
	w.trim()
	return refused
}

// carryOut is how a message gets to its targets. A queue may get it after what
// becomes of it in another one.
func (w *world) carryOut(t txPublish) (routed, refused bool) {
	for _, x := range t.late { // XTYP-42
		if slices.Contains(w.exchanges, x) {
			w.putOff(x, t.message, t.keys)
			routed = true
		}
	}
	var late []*queue
	for _, name := range t.queues {
		q := w.queue(name)
		switch {
		case q == nil:
			continue
		case len(t.queues) > 1 && w.fragile() && w.choose(2) == 1:
			late = append(late, q)
		default:
			refused = !q.accept(t.message) || refused
		}
		routed = true
	}
	for _, q := range late {
		w.dispatch()
		w.trim()
		w.meanwhile()
		refused = !q.accept(t.message) || refused
	}
	return routed, refused
}

// fragile tells whether what comes to one queue may drive something to another.
func (w *world) fragile() bool {
	return slices.ContainsFunc(w.queues, func(q *queue) bool {
		_, ok := q.word("dead-letter-exchange")
		return ok
	})
}

// pending is a publish that was not confirmed yet.
type pending struct {
	number  uint64
	refused bool
}

// carbonCopies are the routing keys in a header (PUB-11 to PUB-14).
func carbonCopies(name string, headers amqp.Table) (keys []string, _ *refusal) {
	v, ok := headers.Get(name)
	if !ok {
		return nil, nil
	}
	list, ok := v.(amqp.Array)
	if !ok {
		return nil, refuse(406, "invalid message: {unacceptable_type_in_header,%q,%s}", name, typeName(v))
	}
	for _, v := range list {
		if key, ok := v.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// delivered are the properties as consumers see them: without BCC (PUB-12).
func delivered(p amqp.BasicProperties) []byte {
	if p.Headers != nil {
		p.Headers = slices.DeleteFunc(slices.Clone(p.Headers), func(f amqp.Field) bool { return f.Key == "BCC" })
	}
	return p.Append(nil)
}

// targets are where a message gets to: the names of queues, and exchanges that
// keep it for a while.
type targets struct {
	queues []string
	late   []*exchange
}

// route finds where a message gets to: each target once, each exchange asked once
// (EXCH-41, EXCH-42, XTYP-02).
func (w *world) route(x *exchange, keys []string, headers amqp.Table) (to targets) {
	if x.name == "" { // EXCH-02; whether they exist is seen later (TX-06)
		slices.Sort(keys)
		return targets{queues: slices.Compact(keys)}
	}
	seen := []*exchange{x}
	for i := 0; i < len(seen); i++ {
		x, matched := seen[i], false
		visit := func(next *exchange) {
			if next != nil && !slices.Contains(seen, next) {
				seen = append(seen, next)
			}
		}
		if x.delays() && delay(headers) > 0 && w.wrong != "nothing is delayed" {
			to.late = append(to.late, x)
			continue
		}
		for _, b := range w.bindings {
			if b.source != x || !b.matches(x.inner(), keys, headers) {
				continue
			}
			matched = true
			if b.queue == nil {
				visit(b.exchange)
			} else if !slices.Contains(to.queues, b.queue.name) {
				to.queues = append(to.queues, b.queue.name)
			}
		}
		if alternate, ok := w.alternate(x); ok && !matched && w.wrong != "an alternate exchange is never asked" { // EXCH-33 to EXCH-36
			visit(w.exchange(alternate))
		}
	}
	return to
}

func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) *refusal {
	if ch.tx { // CONF-15
		return refuse(406, "cannot switch from tx to confirm mode")
	}
	ch.confirms = true
	if !m.NoWait {
		ch.emit(&amqp.ConfirmSelectOk{})
	}
	return nil
}

// skipConfirms takes confirms off the front of what came: how many publishes
// one of them covers, and when it comes, is open, but for that it may only
// cover such as were published, and whose basic.return has come (CONF-06).
func (ch *channel) skipConfirms() {
	for in := ch.conn.in[ch.id]; len(in) > 0 && ch.confirm(in[0]); in = in[1:] {
		ch.conn.in[ch.id] = in[1:]
	}
}

func (ch *channel) confirm(e event) bool {
	var last uint64
	refused, multiple := false, false
	switch m := e.method().(type) {
	case *amqp.BasicAck:
		last, multiple = m.DeliveryTag, m.Multiple
	case *amqp.BasicNack: // LEN-06
		last, multiple, refused = m.DeliveryTag, m.Multiple, true
	default:
		return false
	}
	var rest []pending
	for _, p := range ch.unconfirmed {
		switch {
		case p.number != last && !(multiple && p.number < last):
			rest = append(rest, p)
		case p.refused != refused:
			return false
		}
	}
	if last > ch.published || len(rest) == len(ch.unconfirmed) {
		return false
	}
	ch.unconfirmed = rest
	return true
}
