package model

import (
	"regexp"

	"github.com/leveretmq/leveret/amqp"
)

// queueArguments are what new queues are declared with.
func (d drawer) queueArguments(named bool) (args amqp.Table) {
	switch {
	case d.w.features:
		args = d.features()
	case d.rarely(6):
		args = append(args, pick(d,
			amqp.Field{Key: "x-message-ttl", Value: int32(3600000)}, amqp.Field{Key: "x-message-ttl", Value: int64(3600000)},
			amqp.Field{Key: "x-expires", Value: int32(3600000)}, amqp.Field{Key: "x-anything", Value: "x"},
			amqp.Field{Key: "x-queue-type", Value: "classic"}))
	}
	if named && d.rarely(30) { // the text has the name, which nobody would learn
		wrong := pick(d,
			amqp.Field{Key: "x-message-ttl", Value: int32(-1)}, amqp.Field{Key: "x-max-length", Value: int32(-1)},
			amqp.Field{Key: "x-max-priority", Value: int32(256)}, amqp.Field{Key: "x-overflow", Value: "drop-tail"},
			amqp.Field{Key: "x-dead-letter-routing-key", Value: "alone"})
		args = append(without(without(args, wrong.Key), "x-dead-letter-exchange"), wrong)
		if wrong.Key != "x-dead-letter-routing-key" {
			args = without(args, "x-dead-letter-routing-key")
		}
	}
	return args
}

// features are arguments that make a queue do something, often several of them.
func (d drawer) features() (args amqp.Table) {
	set := func(key string, values ...any) {
		args = append(args, amqp.Field{Key: key, Value: pick(d, values...)})
	}
	if d.bit() {
		set("x-dead-letter-exchange", "", "", "", d.newExchange(), d.exchangeName())
		if d.bit() {
			set("x-dead-letter-routing-key", d.newQueue(), d.newQueue(), d.queueName(), d.key())
		}
	}
	if d.rarely(3) {
		set("x-max-length", int32(1), int32(2), int64(3), int8(0))
	}
	if d.rarely(8) {
		set("x-max-length-bytes", int32(4), int32(8), int32(60_010))
	}
	if d.bit() == (len(without(without(args, "x-dead-letter-exchange"), "x-dead-letter-routing-key")) > 0) {
		set("x-overflow", "reject-publish", "drop-head", "reject-publish-dlx")
	}
	if d.rarely(5) {
		set("x-message-ttl", int32(200), int32(100), int32(0), int64(1000))
	}
	if d.rarely(4) {
		set("x-expires", int32(200), int32(500), int32(1500))
	}
	if d.rarely(3) {
		set("x-max-priority", int32(2), int32(9), int64(255), int32(0))
		if n, _ := integer(args[len(args)-1].Value); n > 0 && d.rarely(3) {
			set("x-priority-aging", int32(20), int32(5), int64(31))
		}
	}
	if d.rarely(4) {
		set("x-delivery-limit", int32(1), int32(0), int32(2), int32(-1))
	}
	if d.rarely(5) {
		set("x-single-active-consumer", true, true, false)
	}
	if d.rarely(6) {
		args = append(args, d.deduplication()...)
	}
	if d.rarely(5) {
		args = without(without(args, "x-max-priority"), "x-priority-aging")
		set("x-message-groups", true, true, true, false)
	}
	return args
}

// deduplication are arguments of a queue, or an exchange, that knows what it has
// had.
func (d drawer) deduplication() amqp.Table {
	args := amqp.Table{{Key: "x-message-deduplication", Value: !d.rarely(10)}}
	if d.rarely(3) {
		args = append(args, amqp.Field{Key: "x-cache-size", Value: pick[any](d, int32(1), int32(2), int64(2))})
	}
	if d.rarely(3) {
		args = append(args, amqp.Field{Key: "x-cache-ttl", Value: pick[any](d, int32(30), int32(300), int64(1000))})
	}
	if d.rarely(8) {
		args = append(args, amqp.Field{Key: "x-deduplication-header", Value: "h"})
	}
	return args
}

// identity are headers that tell a message from others.
func (d drawer) identity() amqp.Table {
	headers := amqp.Table{{Key: "x-deduplication-header", Value: pick[any](d, "k", "k", "7", int32(7), int64(7), "l", nil)}}
	if d.rarely(6) {
		headers = append(headers, amqp.Field{Key: "x-cache-ttl", Value: pick[any](d, int32(30), int64(300))})
	}
	return headers
}

// deduplicates tells whether what is published this way is asked for that.
func (d drawer) deduplicates(exchange, key string) bool {
	if x := d.w.exchange(exchange); x != nil && exchange != "" {
		on, _ := x.args.Get("x-message-deduplication")
		return on == true || d.rarely(3)
	}
	q := d.w.queue(key)
	if q == nil {
		return false
	}
	on, _ := q.args.Get("x-message-deduplication")
	return on == true
}

var patterns = []*regexp.Regexp{
	regexp.MustCompile("q"), regexp.MustCompile("^q1$"), regexp.MustCompile("[12]"), regexp.MustCompile(".*"),
}

// policy is one to set, or to take away.
func (d drawer) policy() *policy {
	p := policy{
		operator: d.rarely(4), name: pick(d, "p1", "p2"), pattern: pick(d, patterns...),
		applyTo: pick(d, "queues", "all", "classic_queues", "exchanges", "quorum_queues"), priority: d.below(3), definition: map[string]any{},
	}
	for n := 1 + d.below(3); n > 0 && !d.rarely(4); n-- {
		switch d.below(8) {
		case 0, 1:
			p.definition["max-length"] = d.below(3)
		case 2:
			p.definition["message-ttl"] = pick(d, 100, 0, 300)
		case 3:
			p.definition["overflow"] = pick(d, "reject-publish", "drop-head", "reject-publish-dlx")
		case 4:
			p.definition["delivery-limit"] = d.below(3)
		case 5:
			p.definition["expires"] = pick(d, 300, 1000)
		case 6:
			p.definition["max-length-bytes"] = 4 * d.below(4)
		default:
			if !p.operator {
				p.definition["dead-letter-exchange"] = pick(d, "", d.exchangeName())
				p.definition["dead-letter-routing-key"] = d.newQueue()
				p.definition["alternate-exchange"] = d.newExchange()
			}
		}
	}
	if there := d.w.policies; len(p.definition) == 0 && len(there) > 0 {
		p.name, p.operator = there[0].name, there[0].operator
	}
	return &p
}
