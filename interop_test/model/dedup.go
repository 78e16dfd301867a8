package model

import (
	"fmt"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// known is a message that an exchange or a queue has had (LAV-14).
type known struct {
	exchange string // "": it is the queue's
	value    string
	until    time.Time // zero: until it is displaced
}

// identity is what tells a message from others, by the header that the arguments
// name. There is none if they ask for nothing.
func identity(args, headers amqp.Table) (value string, ok bool) {
	if on, _ := args.Get("x-message-deduplication"); on != true {
		return "", false
	}
	header := "x-deduplication-header"
	if name := word(args, header); name != "" {
		header = name
	}
	v, _ := headers.Get(header)
	if n, ok := integer(v); ok {
		v = n
	}
	return fmt.Sprintf("%T %v", v, v), v != nil
}

// duplicate tells whether a message is known. What died here may come back.
func (w *world) duplicate(all []known, exchange, value string, headers amqp.Table, here amqp.Field) bool {
	v, _ := headers.Get("x-death")
	deaths, _ := v.(amqp.Array)
	if slices.ContainsFunc(deaths, func(v any) bool { return word(v.(amqp.Table), here.Key) == here.Value }) {
		return false
	}
	return w.wrong != "duplicates are taken" && slices.ContainsFunc(w.fresh(all), func(k known) bool {
		return k.exchange == exchange && k.value == value
	})
}

// fresh are those that are still known.
func (w *world) fresh(all []known) []known {
	return slices.DeleteFunc(slices.Clone(all), func(k known) bool {
		return !k.until.IsZero() && !k.until.After(w.now) && w.wrong != "messages are known for ever"
	})
}

// remember adds what is known, and displaces the oldest, whether or not its time is
// over.
func (w *world) remember(all []known, exchange, value string, args, headers amqp.Table) []known {
	k := known{exchange: exchange, value: value}
	if ms, ok := headers.Get("x-cache-ttl"); ok {
		n, _ := integer(ms)
		k.until = w.now.Add(time.Duration(n) * time.Millisecond)
	} else if ms, ok := args.Get("x-cache-ttl"); ok {
		n, _ := integer(ms)
		k.until = w.now.Add(time.Duration(n) * time.Millisecond)
	}
	same := func(old known) bool { return old.exchange == exchange && old.value == value }
	if slices.ContainsFunc(w.fresh(all), same) {
		return all
	}
	all = slices.DeleteFunc(slices.Clone(all), same)
	size, there := 128, 0
	if v, ok := args.Get("x-cache-size"); ok && w.wrong != "any number of messages is known" {
		n, _ := integer(v)
		size = int(n)
	}
	for _, old := range all {
		if old.exchange == exchange {
			there++
		}
	}
	if there >= size {
		i := slices.IndexFunc(all, func(old known) bool { return old.exchange == exchange })
		all = slices.Delete(all, i, i+1)
	}
	return append(all, k)
}

// deduplicate carries out a publish unless the exchange knows the message: then it
// comes to no queue. What is refused, or comes to none, may be sent again.
// A commit does not look at what leads nowhere.
func (w *world) deduplicate(t txPublish, commit bool) (routed, refused bool) {
	x, headers := w.exchange(t.message.exchange), t.message.headers()
	if x == nil || commit && !w.leads(t) {
		return w.carryOut(t)
	}
	value, ok := identity(x.args, headers)
	if ok && w.duplicate(w.known, x.name, value, headers, amqp.Field{Key: "exchange", Value: x.name}) {
		return false, false
	}
	if ok {
		w.known = w.remember(w.known, x.name, value, x.args, headers)
	}
	routed, refused = w.carryOut(t)
	if ok && (!routed || refused && w.wrong != "what is refused is known") {
		w.known = takeBack(w.known, x.name, value)
	}
	return routed, refused
}

// leads tells whether there are queues, or exchanges, that a publish comes to.
func (w *world) leads(t txPublish) bool {
	return slices.ContainsFunc(t.queues, func(name string) bool { return w.queue(name) != nil }) ||
		slices.ContainsFunc(t.late, func(x *exchange) bool { return slices.Contains(w.exchanges, x) })
}

// takeBack has a message be known no more that nobody has taken. What it has
// displaced stays away.
func takeBack(all []known, exchange, value string) []known {
	return slices.DeleteFunc(slices.Clone(all), func(k known) bool { return k.exchange == exchange && k.value == value })
}
