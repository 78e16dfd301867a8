package broker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Inspection is a look at what a broker that is not running has stored: what it
// would find if it were started. It changes nothing.
type Inspection struct {
	// Damages says in words what could not be read, but for messages. A broker
	// does not start unless that is accepted.
	Damages []string

	// Lost is how many messages went with that, at most: some may have been
	// acknowledged.
	Lost uint64

	// Clean tells that the broker was stopped in order, and did not just end.
	Clean bool

	// Vhosts are ordered by name.
	Vhosts []StoredVhost

	store  *storage.DB
	broker *Broker // nobody serves it
}

// StoredVhost is a virtual host with what is durable in it.
type StoredVhost struct {
	Name      string
	Exchanges int // besides those that are always there
	Bindings  int
	Queues    []StoredQueue // ordered by name
	Delayed   []StoredQueue // of exchanges that delay messages: what waits, by the names of these
}

// StoredQueue is a durable queue.
type StoredQueue struct {
	Name     string
	Messages int
	Lost     uint64 // more that cannot be read, as far as their queue is known

	// Policy and OperatorPolicy are the names of those that hold for it, empty
	// if there are none.
	Policy, OperatorPolicy string

	id    uint64
	items []storage.Item
}

// StoredMessage is a message of a durable queue. If Err is not nil it could not
// be read, and is known by Position alone.
type StoredMessage struct {
	Position             uint64 // ascending in a queue, with gaps
	Redelivered          bool
	Exchange, RoutingKey string
	Properties           amqp.Properties
	Body                 []byte
	Err                  error

	// Expires is when it dies, or when it is due if it was delayed; the zero time:
	// never.
	Expires time.Time
}

// Inspect opens the data directory of a broker. The error is
// [storage.ErrInUse] if that is running, and a [storage.CorruptError] if the
// damage is such that nothing can be said of the rest.
func Inspect(dir string) (*Inspection, error) {
	store, state, err := storage.Open(storage.Options{Dir: dir, ReadOnly: true, AcceptLoss: true})
	if err != nil {
		return nil, err
	}
	b := newBroker(Options{AcceptLoss: true})
	b.store, b.vhosts.store, b.access.store = store, store, store
	r := newRecovery(b)
	if err := r.take(state); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	i := &Inspection{Damages: state.Lost.Damages, Lost: state.Lost.Messages + r.stray, Clean: state.Clean, store: store, broker: b}
	for _, err := range r.lost {
		i.Damages = append(i.Damages, err.Error())
	}
	for _, v := range r.vhosts {
		i.Vhosts = append(i.Vhosts, inspectVhost(v, state))
	}
	slices.SortFunc(i.Vhosts, func(a, b StoredVhost) int { return cmp.Compare(a.Name, b.Name) })
	return i, nil
}

func inspectVhost(v *vhost, state *storage.State) StoredVhost {
	s := StoredVhost{Name: v.name}
	for _, x := range v.exchanges {
		if x.id != 0 {
			s.Exchanges++
		}
		s.Bindings += len(x.bindings)
	}
	for _, name := range slices.Sorted(maps.Keys(v.queues)) {
		s.Queues = append(s.Queues, inspectQueue(name, v.queues[name], state))
	}
	for _, name := range slices.Sorted(maps.Keys(v.exchanges)) {
		if q := v.exchanges[name].waiting; q != nil {
			s.Delayed = append(s.Delayed, inspectQueue(name, q, state))
		}
	}
	return s
}

func inspectQueue(name string, q *queue, state *storage.State) StoredQueue {
	id := q.stored.ID()
	items := state.Queues[id]
	return StoredQueue{
		Name: name, Messages: len(items), Lost: state.Lost.Queues[id],
		Policy: q.rule.policy.called(), OperatorPolicy: q.rule.operator.called(),
		id: id, items: items,
	}
}

// Definitions are what [Broker.Definitions] would be.
func (i *Inspection) Definitions(vhosts ...string) (Definitions, error) {
	return i.broker.Definitions(vhosts...)
}

// Close ends the inspection: a broker may be started again.
func (i *Inspection) Close() error { return i.store.Close() }

// inspectAtOnce is about how many bytes of messages are in memory.
const inspectAtOnce = 1 << 20

// Messages calls each for all messages of a queue in their order, until one
// returns an error, which it returns.
func (i *Inspection) Messages(q StoredQueue, each func(StoredMessage) error) error {
	for rest := q.items; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && size < inspectAtOnce {
			size += 256 + int(rest[n].Size)
			n++
		}
		for _, m := range i.load(q.id, rest[:n]) {
			if err := each(m); err != nil {
				return err
			}
		}
		rest = rest[n:]
	}
	return nil
}

var errNotThere = errors.New("it is not there")

// load reads messages; if they cannot all be read, one by one.
func (i *Inspection) load(queue uint64, items []storage.Item) []StoredMessage {
	messages := make([]StoredMessage, len(items))
	for k := range items {
		messages[k] = StoredMessage{Position: items[k].Seq, Err: errNotThere}
	}
	err := i.store.Load(queue, items, func(k int, b []byte) {
		messages[k] = inspectMessage(items[k], b)
	})
	if err == nil {
		return messages
	}
	if len(items) == 1 {
		return []StoredMessage{{Position: items[0].Seq, Err: err}}
	}
	for k := range items {
		messages[k] = i.load(queue, items[k:k+1])[0]
	}
	return messages
}

func inspectMessage(it storage.Item, b []byte) StoredMessage {
	m, err := new(decoder).message(b)
	if err != nil {
		return StoredMessage{Position: it.Seq, Err: fmt.Errorf("what is stored is no message: %w", err)}
	}
	return StoredMessage{
		Position: it.Seq, Redelivered: it.Redelivered, Exchange: m.exchange, RoutingKey: m.key,
		Properties: m.content.Properties(), Body: m.content.Body(), Expires: expiryOf(it),
	}
}
