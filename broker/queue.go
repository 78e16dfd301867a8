package broker

import (
	"sync"
	"sync/atomic"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// queue is a queue of a vhost.
type queue struct {
	name        string
	vhost       *vhost
	durable     bool
	autoDelete  bool
	owner       *session // whose exclusive queue it is; nil if it is not
	kind        *queueType
	arguments   amqp.Table
	single      bool           // of its consumers only one gets messages (CONS-22)
	maxPriority uint8          // of messages; those with more have this one (PRI-03)
	dedup       *dedup         // nil if it drops no duplicates
	stored      *storage.Queue // where its messages are kept; nil unless it is durable and there is a store
	// All above is immutable.

	inbound inbound // bindings

	patience atomic.Int64 // a Duration: how long a delivery may take to be settled; changes under mu

	moving sync.Mutex // held by who moves messages of the queue elsewhere, or deletes it without its vhost; above vhost.mu and all units

	mu lock // guards what follows; below vhost.mu, above channel.mu

	rule      rule
	settings  *settings
	ready     lanes
	unsettled outstanding
	paging    paging
	dying     dying
	expiry    expiry
	idling    idling
	lastSeq   uint64      // of those that came; the first has 1
	consumers []*consumer // in the order in which they came
	passes    uint64      // consumers passed over so far
	levels    []level     // those who get messages, by falling priority
	deleted   bool
	asleep    bool          // the broker ends: timers are not armed any more
	room      chan struct{} // closed when fewer bytes wait; nil if nobody waits
	pace      pace
	delays    *delays     // what waits in a delayed exchange; nil: it is an ordinary queue
	items     []item      // scratch of deal
	playing   []*consumer // likewise
}

// publish takes a run of messages: hands them to consumers or keeps them.
// It returns whether so much waits for draining consumers that the publisher
// ought to pause. A unit is open if the queue is stored.
func (q *queue) publish(r *run) (pressed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return false
	}
	if q.delays != nil {
		q.delay(r)
		return false
	}
	if q.ready.ages() {
		q.ready.aging.came(q.lastSeq+1, r.clock(q))
	}
	switch {
	case q.ready.groups != nil:
		q.publishGrouped(r)
	case q.picky(r):
		q.publishEach(r)
	default:
		q.publishAll(r)
	}
	if q.ready.overtaking() {
		q.arrived()
		q.deal(nil, 0, longestDeal)
	}
	q.balance()
	return q.pressedLocked()
}

// publishAll takes a run of which every message is welcome.
func (q *queue) publishAll(r *run) {
	i := 0
	if q.ready.len() == 0 {
		i = q.deal(r, 0, len(r.contents))
	}
	for ; i < len(r.contents); i++ {
		q.add(r, i)
	}
	q.limit()
	q.expire()
}

// add puts the i-th publish behind all that is ready.
func (q *queue) add(r *run, i int) {
	q.lastSeq++
	e := entry{seq: q.lastSeq, message: r.keep(i)}
	q.endow(&e, r, i)
	if q.stored != nil {
		q.append(&e)
	}
	q.ready.push(&e)
}

// enter locks the queue for what may change its messages, and opens a unit if
// they are stored. No lock is held and no unit is open.
func (q *queue) enter() {
	if q.stored != nil {
		q.vhost.begin()
	}
	q.mu.Lock()
}

// leave ends what enter began.
func (q *queue) leave() {
	q.mu.Unlock()
	if q.stored != nil {
		q.vhost.end()
	}
}

// get takes the first message for basic.get; remaining is how many are left. If
// there are some and it got none, the first one is on disk.
// Without acknowledgement it is settled.
func (q *queue) get(noAck bool) (e entry, remaining int, ok bool) {
	q.enter()
	defer q.leave()
	q.used()
	for !q.expire() {
		q.leave()
		q.enter()
	}
	if e, ok = q.takeFirst(noAck); !ok {
		q.balance()
		if !q.ready.headAway() {
			return e, 0, false
		}
		return e, q.ready.len(), false
	}
	q.expire()
	q.balance()
	switch {
	case !noAck:
		q.unsettled.add([]delivery{newDelivery(&e, 0, q, nil)})
	case q.stored != nil:
		s := settling{queue: q}
		s.add(&e)
		s.end()
	}
	return e, q.ready.len(), true
}

// takeFirst takes the first message, or with groups the first that no consumer
// has; false if there is none in memory.
func (q *queue) takeFirst(noAck bool) (e entry, ok bool) {
	if q.ready.groups != nil {
		return q.getGrouped(noAck)
	}
	if q.ready.available() == 0 {
		return e, false
	}
	return q.ready.pop(), true
}

// purge removes all ready messages and returns how many there were (QOP-11).
func (q *queue) purge() int {
	q.enter()
	defer q.leave()
	q.forgetReady()
	n := q.empty()
	q.relieve()
	return n
}

// counts are the ready messages and the consumers (QDEC-09, QDEC-10).
func (q *queue) counts() (messages, consumers int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.len(), len(q.consumers)
}
