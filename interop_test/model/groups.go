package model

import (
	"fmt"
	"slices"
)

// grouped tells whether messages of a group stay together in a queue.
func (q *queue) grouped() bool {
	on, _ := q.args.Get("x-message-groups")
	return on == true
}

// groupOf is the name of a message's group; "" is none.
func groupOf(m *message) string {
	headers := m.headers()
	v, ok := headers.Get("x-group-id")
	if !ok {
		v, _ = headers.Get("JMSXGroupID")
	}
	switch v := v.(type) {
	case string:
		return v
	case bool, int8, int32, int64:
		return fmt.Sprint(v)
	default:
		return ""
	}
}

// claim is who got a message of a group last: it may get the next one before others.
type claim struct {
	group    string
	consumer *consumer
}

func (c claim) String() string { return fmt.Sprint(c.group, " ", c.consumer) }

func (q *queue) claim(group string, k *consumer) {
	q.groups = slices.DeleteFunc(slices.Clone(q.groups), func(c claim) bool { return c.group == group })
	q.groups = append(q.groups, claim{group, k})
}

// claimed tells whether somebody, who is still there, may come first.
func (q *queue) claimed(e entry, by func(*consumer) bool) bool {
	g := groupOf(e.message)
	return g != "" && slices.ContainsFunc(q.groups, func(c claim) bool {
		return c.group == g && slices.Contains(q.consumers, c.consumer) && by(c.consumer)
	})
}

// holder is who has messages of a group; none if it was got, or if that consumer is
// no more. What was settled in a transaction is not settled yet.
func (q *queue) holder(group string) (k *consumer, owned bool) {
	for _, c := range q.world.conns {
		for _, ch := range c.channels {
			held := slices.Concat(ch.unsettled, ch.going)
			for _, s := range ch.settles {
				held = slices.Concat(held, s.deliveries)
			}
			for _, d := range held {
				if d.queue == q && groupOf(d.message) == group {
					return d.consumer, true
				}
			}
		}
	}
	return nil, false
}

// first is the first message that a consumer may have, or that may be got if there
// is none: -1 if there is nothing for it. What it comes to meanwhile whose time is
// over dies (TTL-02).
func (q *queue) first(k *consumer) (i int) {
	for {
		i = slices.IndexFunc(q.ready, func(e entry) bool { return q.allows(k, e) })
		if i < 0 || !q.ready[i].over(q.world.now) || q.ready[i].fresh {
			return i
		}
		m := q.ready[i].message
		q.ready = slices.Delete(slices.Clone(q.ready), i, i+1)
		q.die(m, "expired")
	}
}

// allows tells whether a consumer may have a message, whose time may be over.
func (q *queue) allows(k *consumer, e entry) bool {
	g := groupOf(e.message)
	if g == "" || q.world.wrong == "groups are shared" {
		return true
	}
	owner, owned := q.holder(g)
	return !owned || k != nil && owner == k
}

// offer is a message and who may have it.
type offer struct {
	message  int
	consumer *consumer
}

// offers are what may be delivered next from a queue with groups: to consumers of
// the highest priority that have room, if there is something for them, or to one
// that had the group before. Which of them comes first is left open.
func (q *queue) offers() (all []offer) {
	line, ready := slices.Clone(q.consumers), len(q.ready)
	if q.single() {
		line = slices.DeleteFunc(line, func(k *consumer) bool { return k != q.active })
	}
	slices.SortStableFunc(line, func(a, b *consumer) int { return b.priority - a.priority })
	for _, k := range line {
		if !k.room() {
			continue
		}
		q.first(k)
		lower := len(all) > 0 && k.priority < all[0].consumer.priority
		for i, e := range q.ready {
			own := q.claimed(e, func(other *consumer) bool { return other == k })
			if !q.allows(k, e) || lower && !own || slices.ContainsFunc(q.ready[:i], e.follows) {
				continue
			}
			all = append(all, offer{i, k})
			if own || !q.claimed(e, func(other *consumer) bool { return other != k }) {
				break
			}
		}
	}
	if len(q.ready) < ready {
		return q.offers() // some has died
	}
	slices.SortStableFunc(all, func(a, b offer) int { return b.consumer.channel.ends() - a.consumer.channel.ends() })
	return all
}

// deliverGroups is deliverNext for a queue with groups.
func (q *queue) deliverGroups(hasty bool) bool {
	for _, o := range q.offers() {
		k := o.consumer
		if k.channel.shows(k.preview(q.ready[o.message])) {
			q.deliver(o.message, k)
			return true
		}
		if !hasty && k.channel.ends() > 0 {
			return false
		}
	}
	return false
}

// follows tells whether a message is of the same group as another one.
func (e entry) follows(earlier entry) bool {
	g := groupOf(e.message)
	return g != "" && g == groupOf(earlier.message)
}
