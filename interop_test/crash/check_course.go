package crash

import (
	"fmt"
	"slices"
	"strings"
)

// generation is how often a message had died when it came.
func (e *event) generation() (n int64) {
	for _, d := range e.Deaths {
		n += d.Count
	}
	return n
}

// leg is a queue of a course, and which letter of a message is in it: there is
// one at a time.
type leg struct {
	queue      string
	generation int64
}

func (e *event) leg() leg { return leg{e.Stage, e.generation()} }

// stoppedAt tells whether the broker had begun to stop when event i happened.
func (b *book) stoppedAt(i int) bool {
	stop, stopping := b.stopping[b.events[i].Life]
	return stopping && stop < i
}

// backward finds deliveries of a message where it had gone on from: it was seen
// as a later letter, or rejected, in the same life. After a crash the letter may
// be gone, and the message where it was.
func backward(b *book) (faults []string) {
	for _, c := range b.copies {
		from, life := int64(0), 0
		for _, i := range c.deliveries {
			e := &b.events[i]
			if e.Life != life {
				from, life = 0, e.Life
			}
			for _, d := range c.declines {
				if d.life == life && b.declinedBefore(d, i) {
					from = max(from, d.generation+1)
				}
			}
			if g := e.generation(); g < from && !b.stoppedAt(i) {
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d after %d deaths, and it was known to have died %d times", e.Stage, name(c.ID), life, g, from))
			} else {
				from = max(from, g)
			}
		}
	}
	return faults
}

// declinedBefore tells whether the broker knew of a reject when it made the
// delivery at index i of the same life.
func (b *book) declinedBefore(d declined, i int) bool {
	if d.unit != nil {
		return d.unit.confirmed >= 0 && d.unit.confirmed < i
	}
	return d.at < i
}

// misreported finds letters whose x-death is not the way to the queue in which
// they are.
func misreported(b *book) (faults []string) {
	for _, c := range b.copies {
		for _, i := range c.deliveries {
			if e := &b.events[i]; e.Stage != "" {
				if what := b.contradicts(c, i); what != "" {
					faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d with x-death %v, %s", e.Stage, name(c.ID), e.Life, e.Deaths, what))
				}
			}
		}
	}
	return faults
}

// contradicts tells what is wrong with the x-death of the delivery at index i.
func (b *book) contradicts(c *copied, i int) string {
	e := &b.events[i]
	stages := b.courses[c.queue]
	here := map[string]int64{stages[0].Queue: 1} // how often it came to a queue and did not leave
	for n, d := range e.Deaths {
		s := stageOf(stages, d.Queue)
		switch {
		case s == nil || s.Next == "":
			return "which has no letters"
		case n == 0 && s.Next != e.Stage:
			return "whose letters go elsewhere"
		case slices.ContainsFunc(e.Deaths[:n], func(o demise) bool { return o.Queue == d.Queue && o.Why == d.Why }):
			return "twice the same"
		case !s.kills(c, d.Why, s == &stages[0]):
			return "which happens to no message there"
		case d.Why == "rejected" && d.Count > c.declined(d.Queue, i):
			return fmt.Sprintf("and was rejected %d times", c.declined(d.Queue, i))
		}
		here[d.Queue] -= d.Count
		here[s.Next] += d.Count
	}
	if here[e.Stage]--; slices.ContainsFunc(stages, func(s stage) bool { return here[s.Queue] != 0 }) {
		return "which is no way to it"
	}
	return ""
}

func stageOf(stages []stage, queue string) *stage {
	if i := slices.IndexFunc(stages, func(s stage) bool { return s.Queue == queue }); i >= 0 {
		return &stages[i]
	}
	return nil
}

// kills tells whether a message can die of something in a queue. Only in the
// first it has an expiration of its own.
func (s *stage) kills(c *copied, why string, first bool) bool {
	switch why {
	case "rejected":
		return true
	case "expired":
		return s.age(c, first) > 0
	case "maxlen":
		return s.Length > 0
	default:
		return why == "delivery_limit" && s.Tries > 0
	}
}

// age is how many milliseconds a message waits in a queue until it dies; 0 is
// never.
func (s *stage) age(c *copied, first bool) int64 {
	if first && c.Expires > 0 && (s.TTL == 0 || c.Expires < s.TTL) {
		return c.Expires
	}
	return s.TTL
}

// declined is how often clients have rejected the message in a queue before i.
func (c *copied) declined(queue string, i int) (n int64) {
	for _, d := range c.declines {
		if d.queue == queue && d.at < i {
			n++
		}
	}
	return n
}

// early finds what went on before its time: before it was due, or before it had
// expired as often as is said.
func early(b *book) (faults []string) {
	for _, c := range b.copies {
		stages := b.courses[c.queue]
		for _, i := range c.deliveries {
			e := &b.events[i]
			least := c.Delay
			for _, d := range e.Deaths {
				if s := stageOf(stages, d.Queue); s != nil && d.Why == "expired" {
					least += d.Count * s.age(c, s == &stages[0])
				}
			}
			if took := e.At - c.At; took < least {
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d after %d ms, want %d at least", e.Stage, name(c.ID), e.Life, took, least))
			}
		}
	}
	return faults
}

// intruded finds what was refused and came all the same, other than as the letter
// of it; and such letters of what was accepted.
func intruded(b *book) (faults []string) {
	for _, c := range b.copies {
		for _, i := range c.deliveries {
			e := &b.events[i]
			first := stageOf(b.courses[c.queue], e.Stage)
			if len(e.Deaths) > 0 {
				first = stageOf(b.courses[c.queue], e.Deaths[len(e.Deaths)-1].Queue)
			}
			if first == nil || first.Overflow == "" {
				continue
			}
			spilled := len(e.Deaths) > 0 && e.Deaths[len(e.Deaths)-1].Why == "maxlen"
			switch {
			case c.unit.refused && !spilled:
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d, which was refused", e.Stage, name(c.ID), e.Life))
			case c.unit.confirmed >= 0 && spilled:
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s in life %d as if it had been refused", e.Stage, name(c.ID), e.Life))
			}
		}
	}
	return faults
}

// outranked finds what came to the last consumer, which all were waiting for,
// after a message of a lower priority.
func outranked(b *book) (faults []string) {
	low := map[stay]int{}
	for i := range b.events {
		e := &b.events[i]
		if e.Kind != deliver || !strings.HasPrefix(e.Who, draining) || b.messages[e.ID] == nil {
			continue
		}
		stages := b.courses[e.Queues[0]]
		if s := stageOf(stages, e.Stage); s == nil || s.Levels == 0 || s != &stages[0] {
			continue
		}
		at := stay{e.Life, e.Stage}
		level := b.levelOf(e)
		if lowest, some := low[at]; some && level > lowest {
			faults = append(faults, fmt.Sprintf("queue %s delivered message %s of priority %d in life %d after one of %d", e.Stage, name(e.ID), level, e.Life, lowest))
			continue
		}
		low[at] = level
	}
	return faults
}

// levelOf is the priority that a message has in the queue in which it came.
func (b *book) levelOf(e *event) int {
	if s := stageOf(b.courses[e.Queues[0]], e.Stage); s != nil && b.messages[e.ID] != nil {
		return min(b.messages[e.ID].Level, s.Levels)
	}
	return 0
}

// overtried finds what was delivered more often, in one life, than its queue
// allows.
func overtried(b *book) (faults []string) {
	for _, c := range b.copies {
		n := map[leg]int{}
		life := 0
		for _, i := range c.deliveries {
			e := &b.events[i]
			if e.Life != life {
				n, life = map[leg]int{}, e.Life
			}
			n[e.leg()]++
			if s := stageOf(b.courses[c.queue], e.Stage); s != nil && s.Tries > 0 && n[e.leg()] > s.Tries+1 {
				faults = append(faults, fmt.Sprintf("queue %s delivered message %s for the %d. time in life %d", e.Stage, name(c.ID), n[e.leg()], life))
			}
		}
	}
	return faults
}
