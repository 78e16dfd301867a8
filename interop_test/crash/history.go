package crash

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// kind tells what an event is about.
type kind string

const (
	publish kind = "publish" // a message is about to be sent: Unit, ID, Queues, Hash
	commit  kind = "commit"  // tx.commit of Unit is about to be sent
	confirm kind = "confirm" // Unit was confirmed, or its commit was
	deliver kind = "deliver" // a message came: ID, Queues with its queue, Hash, Redelivered
	settle  kind = "settle"  // an ack or a reject is about to be sent: ID, Queues; with Unit, in a transaction
	decline kind = "decline" // a reject that makes a letter is about to be sent: as settle
	refuse  kind = "refuse"  // Unit was refused
	laid    kind = "course"  // what a course consists of: Queues with its name, Stages
	requeue kind = "requeue" // a nack that gives the message back is about to be sent: ID, Queues
	fence   kind = "fence"   // all that Who has settled so far is durable
	leave   kind = "leave"   // Who, or everybody, closes with deliveries under way from Queues
	change  kind = "change"  // a change of the topology is about to be asked for: Unit, Effects
	done    kind = "done"    // the change Unit was acknowledged
	seen    kind = "seen"    // Effects are what there is, after a start
)

// event is something that a client did or saw. What is about to be done is
// noted before, and what was seen afterwards: so the order of events is one in
// which they can have happened.
type event struct {
	Kind        kind
	Life        int      // which start of the broker, from 1
	Who         string   `json:",omitempty"` // the channel
	Unit        uint64   `json:",omitempty"` // what happens as a whole or not at all
	ID          uint64   `json:",omitempty"` // of a message
	Queues      []string `json:",omitempty"`
	Hash        string   `json:",omitempty"` // of properties and body
	Redelivered bool     `json:",omitempty"`
	Transient   bool     `json:",omitempty"`
	Tx          bool     `json:",omitempty"` // Unit is a transaction
	Effects     []effect `json:",omitempty"`

	// Of messages that go through a course, whose name is in Queues.
	Stage   string   `json:",omitempty"` // the queue it is in
	Stages  []stage  `json:",omitempty"`
	Deaths  []demise `json:",omitempty"` // the last first
	Level   int      `json:",omitempty"` // its priority
	Expires int64    `json:",omitempty"` // its expiration in milliseconds
	Delay   int64    `json:",omitempty"` // how many milliseconds it is to be kept
	Group   string   `json:",omitempty"` // its messages come to one consumer at a time
	Once    string   `json:",omitempty"` // of those of a life that have the same, the first stays
	At      int64    `json:",omitempty"` // when it was published, confirmed or delivered, in milliseconds
}

// effect is the value that a name has: "" where there is nothing of that name.
type effect struct{ Name, Value string }

// history gathers events of many goroutines.
type history struct {
	mu     sync.Mutex
	events []event
	watch  kind // closes seen when left more of these have come
	left   int
	seen   chan struct{}
}

func (h *history) add(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	if h.left > 0 && e.Kind == h.watch {
		if h.left--; h.left == 0 {
			close(h.seen)
		}
	}
}

// await returns a channel that is closed at the n-th event of a kind from now on.
func (h *history) await(k kind, n int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watch, h.left, h.seen = k, n, make(chan struct{})
	return h.seen
}

// all returns what has happened so far.
func (h *history) all() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[:len(h.events):len(h.events)]
}

// write prints the events as JSON, one a line.
func (h *history) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	to := json.NewEncoder(b)
	for _, e := range h.all() {
		if err := to.Encode(e); err != nil {
			return err
		}
	}
	return b.Flush()
}

// now is the time in milliseconds.
func now() int64 { return time.Now().UnixMilli() }

// everybody leaves when the broker is told to stop.
const everybody = "all"
