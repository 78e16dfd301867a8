package broker

import (
	"crypto/sha256"
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

// longString accepts any string.
func longString(v any, _ amqp.Table) error {
	if !isString(v) {
		return unacceptable(v)
	}
	return nil
}
