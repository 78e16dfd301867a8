package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

// course is what messages go through: the queue that they are published to, and
// those that their letters come to. To the history a course is one queue: a
// message is somewhere in it until a client has settled it.
type course struct {
	name   string
	stages []stage
	by     *entrance // nil: the default exchange
	ages   bool      // messages have an expiration of their own
}

// entrance is an exchange that a course is published to, and does something.
type entrance struct {
	kind string
	args amqp.Table
}

// The exchanges that keep what is published for a while, and that drop what they
// have had before.
var (
	delaying = &entrance{"x-delayed-message", amqp.Table{"x-delayed-type": "direct"}}
	dropping = &entrance{"direct", amqp.Table{"x-message-deduplication": true, "x-cache-size": int64(cacheSize)}}
)

// cacheSize is more messages than are published in a life.
const cacheSize = 1_000_000

// stage is a queue of a course.
type stage struct {
	Queue    string
	Type     string `json:",omitempty"`
	Next     string `json:",omitempty"` // where its letters go
	TTL      int64  `json:",omitempty"` // milliseconds
	Length   int    `json:",omitempty"`
	Overflow string `json:",omitempty"`
	Levels   int    `json:",omitempty"` // x-max-priority
	Tries    int    `json:",omitempty"` // x-delivery-limit
	Aging    int64  `json:",omitempty"` // x-priority-aging, milliseconds
	Groups   bool   `json:",omitempty"` // x-message-groups
	Once     bool   `json:",omitempty"` // x-message-deduplication
	Insists  bool   `json:",omitempty"` // its letters are sent at least once
	InOrder  bool   `json:",omitempty"` // its letters come in the order of publishing
}

// longestDelay is how many milliseconds a message is delayed at most.
const longestDelay = 100

// newCourses are those of a round. Letters go through an exchange.
func newCourses(prefix string) []*course {
	all := []*course{
		{name: "work", ages: true, stages: []stage{{Queue: "work", Next: "work.dead"}, {Queue: "work.dead"}}},
		{name: "loop", stages: []stage{{Queue: "loop", Next: "loop.wait"}, {Queue: "loop.wait", TTL: 15, Next: "loop"}}},
		{name: "ttl", ages: true, stages: []stage{{Queue: "ttl", TTL: 40, Next: "ttl.dead"}, {Queue: "ttl.dead", InOrder: true}}},
		{name: "short", stages: []stage{
			{Queue: "short", Length: 40, Next: "short.wait"},
			{Queue: "short.wait", TTL: 25, Length: 300, Next: "short.dead"},
			{Queue: "short.dead", InOrder: true},
		}},
		{name: "full", stages: []stage{{Queue: "full", Length: 30, Overflow: refusing}}},
		{name: "spill", stages: []stage{{Queue: "spill", Length: 30, Overflow: spilling, Next: "spill.dead"}, {Queue: "spill.dead"}}},
		{name: "prio", ages: true, stages: []stage{
			{Queue: "prio", Levels: 5, Length: 400, TTL: 1000, Next: "prio.dead"}, {Queue: "prio.dead", Levels: 3},
		}},
		{name: "poison", stages: []stage{{Queue: "poison", Type: "quorum", Tries: 3, Next: "poison.dead"}, {Queue: "poison.dead"}}},
		{name: "venom", stages: []stage{{Queue: "venom", Tries: 2, Next: "venom.dead"}, {Queue: "venom.dead"}}},
		{name: "later", by: delaying, stages: []stage{{Queue: "later", TTL: 500, Next: "later.dead"}, {Queue: "later.dead"}}},
		{name: "team", stages: []stage{{Queue: "team", Groups: true, Next: "team.wait"}, {Queue: "team.wait", TTL: 15, Next: "team"}}},
		{name: "band", ages: true, stages: []stage{{Queue: "band", Groups: true, TTL: 300, Length: 300, Next: "band.dead"}, {Queue: "band.dead", Groups: true}}},
		{name: "once", stages: []stage{{Queue: "once", Once: true, Next: "once.wait"}, {Queue: "once.wait", TTL: 15, Next: "once"}}},
		{name: "unique", by: dropping, stages: []stage{{Queue: "unique", TTL: 500, Next: "unique.dead"}, {Queue: "unique.dead"}}},
		{name: "aged", stages: []stage{{Queue: "aged", Levels: 5, Aging: 40, Next: "aged.dead"}, {Queue: "aged.dead"}}},
		{name: "sure", stages: []stage{
			{Queue: "sure", Type: "quorum", Tries: 3, TTL: 400, Overflow: refusing, Insists: true, Next: "sure.dead"}, {Queue: "sure.dead"},
		}},
	}
	for _, c := range all {
		c.name = prefix + c.name
		for i := range c.stages {
			s := &c.stages[i]
			s.Queue = prefix + s.Queue
			if s.Next != "" {
				s.Next = prefix + s.Next
			}
		}
	}
	return all
}

// refusing and spilling are overflows.
const (
	refusing = "reject-publish"
	spilling = "reject-publish-dlx"
)

// table are the arguments of the queue.
func (s *stage) table(letters string) amqp.Table {
	t := amqp.Table{}
	for name, n := range map[string]int64{
		"x-message-ttl": s.TTL, "x-max-length": int64(s.Length), "x-max-priority": int64(s.Levels), "x-delivery-limit": int64(s.Tries),
		"x-priority-aging": s.Aging,
	} {
		if n > 0 {
			t[name] = n
		}
	}
	if s.Type != "" {
		t["x-queue-type"] = s.Type
	}
	if s.Overflow != "" {
		t["x-overflow"] = s.Overflow
	}
	if s.Groups {
		t["x-message-groups"] = true
	}
	if s.Once {
		t["x-message-deduplication"], t["x-cache-size"] = true, int64(cacheSize)
	}
	if s.Insists {
		t["x-dead-letter-strategy"] = "at-least-once"
	}
	if s.Next != "" {
		t["x-dead-letter-exchange"], t["x-dead-letter-routing-key"] = letters, s.Next
	}
	return t
}

// refuses tells whether publishes to the course may be refused.
func (c *course) refuses() bool { return c.stages[0].Overflow != "" }

// target is how the course is published to.
func (c *course) target() target {
	to := target{"", c.stages[0].Queue, []string{c.name}, c}
	if c.by != nil {
		to.exchange = c.name
	}
	return to
}

// dress has a message ask for what courses do.
func (c *course) dress(m *amqp.Publishing, r *rand.Rand, life int) {
	m.Priority = uint8(r.IntN(8))
	if c.ages && r.IntN(3) == 0 {
		m.Expiration = strconv.Itoa(1 + r.IntN(200))
	}
	if c.by == delaying && r.IntN(5) > 0 {
		setHeader(m, "x-delay", int32([]int{1, 20, longestDelay}[r.IntN(3)]))
	}
	first := &c.stages[0]
	if first.Groups && r.IntN(4) > 0 {
		setHeader(m, groupHeader, fmt.Sprint("group ", r.IntN(6)))
	}
	if (first.Once || c.by == dropping) && r.IntN(4) > 0 {
		id, _ := strconv.ParseUint(m.MessageId, 10, 64)
		// Some come to the same queue, in the same life: what a queue knows of an earlier
		// one depends on which letters have come back.
		setHeader(m, onceHeader, fmt.Sprint(life, " ", publisherOf(id), " ", id>>5))
	}
	if first.Type == "quorum" {
		m.DeliveryMode = amqp.Persistent // to such a queue all are
	}
}

// The headers that name the group of a message, and what it is a duplicate of.
const (
	groupHeader = "x-group-id"
	onceHeader  = "x-deduplication-header"
)

func setHeader(m *amqp.Publishing, key string, value any) {
	if m.Headers == nil {
		m.Headers = amqp.Table{}
	}
	m.Headers[key] = value
}

// describe notes of a message what it asks for, and where it goes.
func (to *target) describe(e *event, m *amqp.Publishing) {
	e.Queues, e.Hash = to.queues, digest(to.exchange, to.key, *m)
	if to.course == nil {
		return
	}
	e.Hash = essence(*m)
	e.Level, e.Transient = int(m.Priority), m.DeliveryMode == amqp.Transient
	e.Expires, _ = strconv.ParseInt(m.Expiration, 10, 64) // 0 is never
	delay, _ := m.Headers["x-delay"].(int32)
	e.Delay = int64(delay)
	e.Group, _ = m.Headers[groupHeader].(string)
	e.Once, _ = m.Headers[onceHeader].(string)
	e.At = now()
}

// essence is what stays the same of a message from queue to queue.
func essence(m amqp.Publishing) string {
	kept := amqp.Table{}
	for _, k := range []string{"number", "list"} {
		if v, ok := m.Headers[k]; ok {
			kept[k] = v
		}
	}
	m.Headers = kept
	return digest("", "", m)
}

// demise is an entry of x-death.
type demise struct {
	Queue, Why string
	Count      int64
}

// demises are how a message has died, the last first.
func demises(headers amqp.Table) (all []demise) {
	list, _ := headers["x-death"].([]any)
	for _, v := range list {
		t, _ := v.(amqp.Table)
		d := demise{}
		d.Queue, _ = t["queue"].(string)
		d.Why, _ = t["reason"].(string)
		d.Count, _ = t["count"].(int64)
		all = append(all, d)
	}
	return all
}

// place notes in which queue something happens to a delivery.
func (r *round) place(e *event, queue string) {
	e.Queues = []string{queue}
	if c := r.courseOf(queue); c != nil {
		e.Queues, e.Stage = []string{c.name}, queue
	}
}

// courseOf is that which a queue is in, or nil.
func (r *round) courseOf(queue string) *course {
	for _, c := range r.courses {
		if c.stage(queue) != nil {
			return c
		}
	}
	return nil
}

func (c *course) stage(queue string) *stage {
	if i := slices.IndexFunc(c.stages, func(s stage) bool { return s.Queue == queue }); i >= 0 {
		return &c.stages[i]
	}
	return nil
}

func (r *round) isQuorum(queue string) bool {
	c := r.courseOf(queue)
	return c != nil && c.stage(queue).Type == "quorum"
}

// final is what a reject is: the end of a message, or the death that makes it a
// letter.
func (r *round) final(queue string) kind {
	if c := r.courseOf(queue); c != nil && c.stage(queue).Next != "" {
		return decline
	}
	return settle
}
