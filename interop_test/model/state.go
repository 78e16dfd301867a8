package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// state tells two worlds apart that may answer differently.
func (w *world) state() string {
	var b strings.Builder
	for _, q := range w.queues {
		fmt.Fprintln(&b, q.name, q.last, q.used.UnixMilli(), q.loose, q.ready, q.consumers, q.active, q.passed, q.known, q.groups)
	}
	fmt.Fprintln(&b, w.known)
	for _, l := range w.late {
		fmt.Fprintln(&b, l.exchange.name, l.at.UnixMilli(), *l.message)
	}
	for _, c := range w.conns {
		for _, id := range slices.Sorted(maps.Keys(c.channels)) {
			ch := c.channels[id]
			fmt.Fprintln(&b, ch, ch.closing, ch.volume, ch.tag, ch.unsettled, ch.kept, ch.consumers,
				ch.unconfirmed, ch.publishes, ch.settles)
		}
	}
	return b.String()
}

func (e entry) String() string {
	return fmt.Sprint(e.position, e.place, e.rank, e.failures, e.first, e.expires.UnixMilli(), e.redelivered, e.doubtful, e.onDisk, *e.message)
}

func (d *delivery) String() string { return fmt.Sprint(d.entry, d.tag, d.queue.name, d.consumer) }

func (k *consumer) String() string {
	if k == nil {
		return ""
	}
	return fmt.Sprint(k.channel, k.tag, k.unsettled)
}
