package broker

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/leveretmq/leveret/amqp"
)

// The arguments of exchanges and queues that are to drop duplicates (LAV-14).
const (
	dedupArgument       = "x-message-deduplication"
	dedupSizeArgument   = "x-cache-size"
	dedupTTLArgument    = "x-cache-ttl" // also a header of messages
	dedupHeaderArgument = "x-deduplication-header"
)

var dedupArguments = []string{dedupArgument, dedupSizeArgument, dedupTTLArgument, dedupHeaderArgument}

// dedupChecks are of these arguments. LavinMQ takes any size.
var dedupChecks = []argumentCheck{
	{dedupArgument, boolean},
	{dedupSizeArgument, integers(1, mostFingerprints, "value_too_large")},
	{dedupTTLArgument, integers(0, tenYears, "value_too_large")},
	{dedupHeaderArgument, longString},
}

const (
	usualFingerprints = 128
	mostFingerprints  = 1_000_000
)

// dedup recognises the messages that an exchange or a queue has had lately, by
// the value of a header; those without it are all different. What it knows is
// in memory only: a restart forgets it.
type dedup struct {
	end    end // whose it is
	header string
	ttl    int64 // milliseconds that a message is known, unset: until others displace it
	// All above is immutable.

	mu      sync.Mutex // guards what follows; held alone or below queue.mu
	known   fingerprints
	dropped uint64
}

// dedupOf is what the arguments of an exchange or a queue ask for, which were
// checked; nil if nothing.
func dedupOf(e end, args amqp.Table) *dedup {
	if on, _ := args.Get(dedupArgument); on != true {
		return nil
	}
	d := &dedup{end: e, header: dedupHeaderArgument, ttl: unset, known: fingerprints{most: usualFingerprints}}
	if v, ok := args.Get(dedupSizeArgument); ok {
		n, _ := integer(v)
		d.known.most = int(n)
	}
	if v, ok := args.Get(dedupTTLArgument); ok {
		d.ttl, _ = integer(v)
	}
	if v, ok := args.Get(dedupHeaderArgument); ok {
		d.header = text(v)
	}
	return d
}

// identity is what tells a message from others; false if nothing does.
type identity struct {
	print fingerprint
	ttl   int64
	died  bool // it has died here, and comes back
}

// identify finds the identity of a message. Integers of all widths are equal if
// the numbers are.
func (d *dedup) identify(c *amqp.Content) (id identity, ok bool) {
	headers, _, err := c.Properties().Headers()
	if err != nil {
		return id, false
	}
	value, _ := headers.Get(d.header)
	if value == nil {
		return id, false
	}
	if n, ok := integer(value); ok {
		value = n
	}
	sum := sha256.Sum256([]byte(amqp.Table{{Value: value}}.Canonical()))
	id = identity{fingerprint(sum[:len(fingerprint{})]), d.ttl, diedAt(d.end, headers)}
	if own, ok := headers.Get(dedupTTLArgument); ok {
		if n, ok := integer(own); ok && n >= 0 && n <= tenYears {
			id.ttl = n
		}
	}
	return id, true
}

// diedAt tells whether a message has died there before, by its x-death header:
// then it is no duplicate of itself.
func diedAt(e end, headers amqp.Table) bool {
	field := "queue"
	if e.exchange {
		field = "exchange"
	}
	deaths, _ := headers.Get("x-death")
	array, _ := deaths.(amqp.Array)
	for _, death := range array {
		table, _ := death.(amqp.Table)
		if where, ok := table.Get(field); ok && where == any(e.name) {
			return true
		}
	}
	return false
}

// drops tells whether a message is a duplicate, which is counted. Otherwise it
// is known from now on, in milliseconds since 1970.
//
// Deviates: LavinMQ also drops what has died and comes back.
func (d *dedup) drops(id identity, now int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known.has(id.print, now) {
		if id.died {
			return false
		}
		d.dropped++
		return true
	}
	var expires int64
	if id.ttl != unset {
		expires = now + id.ttl
	}
	d.known.add(id.print, expires)
	return false
}

// forget forgets a message that nobody has taken.
func (d *dedup) forget(id identity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known.remove(id.print)
}

// takeBack forgets a message that a queue has refused: it may come again.
func (d *dedup) takeBack(c *amqp.Content) {
	if d == nil {
		return
	}
	if id, ok := d.identify(c); ok {
		d.forget(id)
	}
}

// counts are the messages that are known, and the duplicates so far.
func (d *dedup) counts() (known int, dropped uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.known.places), d.dropped
}

// reroute is session.reroute, but a duplicate leads nowhere: to its publisher it
// is a message that came to no queue, as in LavinMQ. In a transaction the commit
// looks for duplicates.
//
// Deviates: LavinMQ also takes for a duplicate what came to no queue before, or
// was refused by one.
func (ch *channel) reroute(rt *route, more copies, c *amqp.Content) *route {
	if rt.dedup == nil || ch.tx != nil {
		return ch.session.reroute(rt, more, c)
	}
	id, ok := rt.dedup.identify(c)
	if ok && rt.dedup.drops(id, ch.session.vhost.now()) {
		return &route{origin: rt.origin}
	}
	found := ch.session.reroute(rt, more, c)
	if ok && len(found.queues) == 0 {
		rt.dedup.forget(id)
	}
	found.dedup = rt.dedup
	return found
}

// deduplicate drops the duplicates among messages that are committed.
func (h *heldRun) deduplicate(v *vhost) {
	v.mu.RLock()
	x := v.exchanges[h.origin.exchange]
	v.mu.RUnlock()
	if x == nil || x.dedup == nil {
		return
	}
	h.dedup = x.dedup
	h.drop(func(i int) bool {
		id, ok := x.dedup.identify(&h.contents[i])
		return ok && x.dedup.drops(id, v.now())
	})
}

// drop drops those of held publishes for which a condition is true.
func (r *run) drop(condition func(i int) bool) {
	n := 0
	for i := range r.contents {
		if condition(i) {
			if r.notes[i].persistent {
				r.persistent--
			}
			continue
		}
		r.contents[n], r.notes[n], r.kept[n] = r.contents[i], r.notes[i], r.kept[i]
		if i < len(r.traits) {
			r.traits[n] = r.traits[i]
		}
		n++
	}
	clear(r.contents[n:])
	clear(r.kept[n:])
	r.contents, r.notes, r.kept = r.contents[:n], r.notes[:n], r.kept[:n]
	r.traits = r.traits[:min(n, len(r.traits))]
}

// isDuplicate drops the i-th publish if the queue has had it. q.mu is held.
func (q *queue) isDuplicate(r *run, i int) bool {
	if q.dedup == nil {
		return false
	}
	id, ok := q.dedup.identify(&r.contents[i])
	if !ok || !q.dedup.drops(id, q.now()) {
		return false
	}
	if q.stored != nil {
		var e early
		r.settled(i, q, &e)
		e.flush()
	}
	return true
}

// longString accepts any string.
func longString(v any, _ amqp.Table) error {
	if !isString(v) {
		return unacceptable(v)
	}
	return nil
}

// Deduplication is what an exchange or a queue knows of messages, so as to drop
// duplicates.
type Deduplication struct {
	Name     string
	Exchange bool   // or else a queue
	Known    int    // messages
	Dropped  uint64 // duplicates so far
}

// Deduplications are those of a virtual host, exchanges first, ordered by name.
// The error is ErrVhostNotFound if there is none with that name.
func (b *Broker) Deduplications(vhost string) ([]Deduplication, error) {
	v := b.vhosts.get(vhost)
	if v == nil {
		return nil, fmt.Errorf("%w: '%s'", ErrVhostNotFound, vhost)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []Deduplication
	for _, name := range slices.Sorted(maps.Keys(v.exchanges)) {
		all = v.exchanges[name].dedup.report(all)
	}
	for _, name := range slices.Sorted(maps.Keys(v.queues)) {
		all = v.queues[name].dedup.report(all)
	}
	return all, nil
}

func (d *dedup) report(all []Deduplication) []Deduplication {
	if d == nil {
		return all
	}
	known, dropped := d.counts()
	return append(all, Deduplication{d.end.name, d.end.exchange, known, dropped})
}
