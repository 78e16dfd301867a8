package crash

import "fmt"

// flock is a group of messages in a queue, during a life.
type flock struct {
	life         int
	queue, group string
}

// mingled finds messages of a group that came to a consumer while another had
// some of it, and those that came for the first time after a later one of the same
// publisher, to whomever: what is given back comes before its successors.
func mingled(b *book) (faults []string) {
	type line struct {
		flock
		publisher uint64
	}
	held := map[flock]map[uint64]string{} // by whom, of messages that are not settled
	last := map[line]uint64{}
	seen := map[line]map[uint64]bool{}
	for i := range b.events {
		e := &b.events[i]
		if e.Kind == leave {
			release(held, e)
		}
		f, shared := b.flockOf(e)
		if !shared {
			continue
		}
		if e.Kind != deliver {
			delete(held[f], e.ID) // is settled, or given back
			continue
		}
		if b.stoppedAt(i) {
			continue
		}
		for id, who := range held[f] {
			if who != e.Who {
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s to %s in life %d while %s had %s of the same group", f.queue, name(e.ID), e.Who, e.Life, who, name(id)))
				break
			}
		}
		if held[f] == nil {
			held[f] = map[uint64]string{}
		}
		held[f][e.ID] = e.Who
		l := line{f, publisherOf(e.ID)}
		if seen[l][e.ID] || len(e.Deaths) > 0 {
			continue
		}
		if seen[l] == nil {
			seen[l] = map[uint64]bool{}
		}
		seen[l][e.ID] = true
		if last[l] > e.ID {
			faults = append(faults, fmt.Sprintf("queue %s delivered message %s to %s in life %d after %s of the same group", f.queue, name(e.ID), e.Who, e.Life, name(last[l])))
		}
		last[l] = max(last[l], e.ID)
	}
	return faults
}

// flockOf is the group of a message to which something happens where groups
// matter.
func (b *book) flockOf(e *event) (f flock, shared bool) {
	switch e.Kind {
	case deliver, settle, decline, requeue:
	default:
		return f, false
	}
	m, s := b.messages[e.ID], stageOf(b.courses[e.Queues[0]], e.Stage)
	if m == nil || s == nil || !s.Groups || m.Group == "" {
		return f, false
	}
	return flock{e.Life, e.Stage, m.Group}, true
}

// release has a consumer that leaves give back what it has.
func release(held map[flock]map[uint64]string, e *event) {
	for f, ids := range held {
		for id, who := range ids {
			if f.life == e.Life && (who == e.Who || e.Who == everybody) {
				delete(ids, id)
			}
		}
	}
}

// repeated finds duplicates that were not dropped.
func repeated(b *book) (faults []string) {
	for _, c := range b.copies {
		if c.repeat && len(c.deliveries) > 0 {
			faults = append(faults, fmt.Sprintf("course %s delivered message %s of life %d, though it is a duplicate (%s)", c.queue, name(c.ID), c.Life, c.Once))
		}
	}
	return faults
}

// starved finds what came to a consumer after a message of a higher priority that
// was published when it had waited for so long that it ranked higher: twice the
// time that is needed, since ages are known roughly.
func starved(b *book) (faults []string) {
	type line struct {
		life       int
		who, queue string
	}
	type arrival struct {
		id    uint64
		at    int64
		level int
	}
	came := map[line][]arrival{}
	for i := range b.events {
		e := &b.events[i]
		s := (*stage)(nil)
		if e.Kind == deliver && !e.Redelivered {
			s = stageOf(b.courses[e.Queues[0]], e.Stage)
		}
		m := b.messages[e.ID]
		if s == nil || s.Aging == 0 || m == nil || m.Life != e.Life {
			continue
		}
		l := line{e.Life, e.Who, e.Stage}
		if m.unit.confirmed >= 0 && m.unit.confirmed < i {
			there := b.events[m.unit.confirmed].At
			for _, o := range came[l] {
				if rise := int64(o.level - b.levelOf(e)); rise > 0 && o.at-there > (2*rise+1)*s.Aging {
					faults = append(faults, fmt.Sprintf("queue %s delivered message %s of priority %d in life %d after %s of priority %d, which came %d ms later",
						e.Stage, name(e.ID), b.levelOf(e), e.Life, name(o.id), o.level, o.at-there))
					break
				}
			}
		}
		came[l] = append(came[l], arrival{e.ID, m.At, b.levelOf(e)})
	}
	return faults
}
