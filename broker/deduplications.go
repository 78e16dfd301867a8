package broker

import (
	"fmt"
	"maps"
	"slices"
)

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
