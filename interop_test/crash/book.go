package crash

import "fmt"

// publisherOf is the worker that a message is from. Messages of a worker have
// ascending ids.
func publisherOf(id uint64) uint64 { return id >> 40 }

// book is a history by messages and units.
type book struct {
	events   []event
	messages map[uint64]*message
	units    map[uint64]*unit
	copies   []*copied // in the order in which they were published
	places   map[place]*copied
	left     map[stay]bool // a consumer has closed with deliveries under way
	courses  map[string][]stage
	stopping map[int]int // since when the broker of a life closes connections
	invented []string
}

// place is a message in a queue.
type place struct {
	id    uint64
	queue string
}

// stay is a queue during a life of the broker.
type stay struct {
	life  int
	queue string
}

// message is what was published.
type message struct {
	event
	unit *unit
}

// unit is a publish, or a transaction: all of it has happened or nothing.
type unit struct {
	number    uint64
	life      int
	attempted bool // its publish or its commit was sent
	confirmed int  // the index of its confirm, or -1
	refused   bool
	copies    []*copied
	settles   []*copied
}

// copied is a message in one of its queues.
type copied struct {
	*message
	queue      string
	repeat     bool  // another of the same life is what it is a duplicate of
	deliveries []int // indices of events
	settles    []settlement
	declines   []declined
}

// settlement is an ack or a reject.
type settlement struct {
	at, life int
	unit     *unit // the transaction, or nil
	fenced   int   // from this index on it is known to be durable; -1 is never
}

// declined is a reject that makes a letter.
type declined struct {
	at, life   int
	unit       *unit // the transaction, or nil
	queue      string
	generation int64
}

// fenceOf is a channel during a life.
type fenceOf struct {
	life int
	who  string
}

func newBook(events []event) *book {
	b := &book{
		events: events, messages: map[uint64]*message{}, units: map[uint64]*unit{},
		places: map[place]*copied{}, left: map[stay]bool{}, stopping: map[int]int{}, courses: map[string][]stage{},
	}
	open := map[fenceOf][]*settlement{} // settled and not fenced yet
	var settled []*settlement
	var of []*copied
	for i, e := range events {
		switch e.Kind {
		case publish:
			b.publish(e)
		case commit:
			b.unit(e).attempted = true
		case confirm:
			b.unit(e).confirmed = i
		case refuse:
			b.unit(e).refused = true
		case laid:
			b.courses[e.Queues[0]] = e.Stages
		case deliver:
			b.deliver(i, e)
		case decline:
			b.decline(i, e)
		case settle:
			if c := b.places[place{e.ID, e.Queues[0]}]; c != nil {
				s := &settlement{at: i, life: e.Life, fenced: -1}
				if e.Unit != 0 {
					s.unit = b.unit(e)
					s.unit.settles = append(s.unit.settles, c)
				}
				settled, of = append(settled, s), append(of, c)
				if e.Unit == 0 {
					key := fenceOf{e.Life, e.Who}
					open[key] = append(open[key], s)
				}
			}
		case fence:
			for _, s := range open[fenceOf{e.Life, e.Who}] {
				s.fenced = i
			}
			delete(open, fenceOf{e.Life, e.Who})
		case leave:
			if e.Who == everybody {
				b.stopping[e.Life] = i
			}
			for _, q := range e.Queues {
				b.left[stay{e.Life, q}] = true
			}
		case requeue, change, done, seen:
		}
	}
	for i, s := range settled {
		of[i].settles = append(of[i].settles, *s)
	}
	b.findRepeats()
	return b
}

// findRepeats marks what is a duplicate: of the messages of a life that a queue
// is to take once, the first that was published for good stays. They are from one
// publisher, on one channel.
func (b *book) findRepeats() {
	type first struct {
		life        int
		queue, what string
	}
	had := map[first]bool{}
	for _, c := range b.copies {
		if c.Once == "" || !c.unit.attempted {
			continue
		}
		f := first{c.Life, c.queue, c.Once}
		c.repeat, had[f] = had[f], true
	}
}

func (b *book) decline(i int, e event) {
	c := b.places[place{e.ID, e.Queues[0]}]
	if c == nil {
		return
	}
	d := declined{at: i, life: e.Life, queue: e.Stage, generation: e.generation()}
	if e.Unit != 0 {
		d.unit = b.unit(e)
	}
	c.declines = append(c.declines, d)
}

func (b *book) unit(e event) *unit {
	u := b.units[e.Unit]
	if u == nil {
		u = &unit{number: e.Unit, life: e.Life, confirmed: -1}
		b.units[e.Unit] = u
	}
	return u
}

func (b *book) publish(e event) {
	m := &message{event: e, unit: b.unit(e)}
	m.unit.attempted = m.unit.attempted || !e.Tx
	b.messages[e.ID] = m
	for _, q := range e.Queues {
		c := &copied{message: m, queue: q}
		b.copies = append(b.copies, c)
		b.places[place{e.ID, q}] = c
		m.unit.copies = append(m.unit.copies, c)
	}
}

// deliver notes a delivery, unless nobody has published what came.
func (b *book) deliver(i int, e event) {
	m, c := b.messages[e.ID], b.places[place{e.ID, e.Queues[0]}]
	switch {
	case m == nil:
		b.invent(e, "which nobody published")
	case c == nil:
		b.invent(e, "which was not published there")
	case e.Hash != m.Hash:
		b.invent(e, "with another body or other properties than published")
		c.deliveries = append(c.deliveries, i)
	default:
		c.deliveries = append(c.deliveries, i)
	}
}

func (b *book) invent(e event, what string) {
	b.invented = append(b.invented, fmt.Sprintf("queue %s delivered message %s in life %d, %s", e.Queues[0], name(e.ID), e.Life, what))
}

// name is how findings call a message: its worker and its number there.
func name(id uint64) string { return fmt.Sprintf("%d:%d", publisherOf(id), id&(1<<40-1)) }

// deliveredAfter tells whether the copy came in a later life.
func (b *book) deliveredAfter(c *copied, life int) bool {
	n := len(c.deliveries)
	return n > 0 && b.events[c.deliveries[n-1]].Life > life
}

// settledIn tells whether a settlement of the copy was sent in a life, or in
// any with 0. Then it may have gone.
func (b *book) settledIn(c *copied, life int) bool {
	for _, s := range c.settles {
		if (life == 0 || s.life == life) && (s.unit == nil || b.fate(s.unit) != fateLost) {
			return true
		}
	}
	return false
}

// fate is what has become of a unit when its life ended.
type fate int

const (
	fateUnknown fate = iota
	fateKept
	fateLost
)

// fate is known of what was confirmed, and of what was seen or missed later.
func (b *book) fate(u *unit) fate {
	switch {
	case u.confirmed >= 0:
		return fateKept
	case !u.attempted:
		return fateLost
	}
	missed := false
	for _, c := range u.copies {
		if c.Transient || c.repeat {
			continue
		}
		if b.deliveredAfter(c, u.life) {
			return fateKept
		}
		missed = missed || !b.settledAtOnce(c)
	}
	if missed {
		return fateLost
	}
	return fateUnknown
}

// settledAtOnce tells whether the copy was settled in the life in which it was
// published, so that nothing is left of it to be seen. What other transactions
// have settled counts whatever has become of them.
func (b *book) settledAtOnce(c *copied) bool {
	for _, s := range c.settles {
		if s.life == c.Life {
			return true
		}
	}
	return false
}
