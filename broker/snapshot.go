package broker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// QueueInfo is a queue as it stands at a moment. Its arguments must not be changed.
type QueueInfo struct {
	Vhost, Name string
	Type        string // classic, quorum or stream
	Durable     bool
	AutoDelete  bool
	Owner       uint64 // the connection whose exclusive queue it is; 0 if it is not
	Arguments   amqp.Table

	// Policy and OperatorPolicy are the names of those that hold for it, empty if
	// there are none, and EffectivePolicy is what they set together.
	Policy, OperatorPolicy string
	EffectivePolicy        map[string]any

	// Messages are ready, or were delivered and wait for an acknowledgement. Their
	// sizes are of their bodies in bytes. What a transaction has acknowledged is
	// counted until the commit.
	Ready, Unacknowledged           int
	ReadyBytes, UnacknowledgedBytes int
	ReadyPaged                      int // how many bytes of ready messages are not in memory, properties included
	ReadyStored                     int // likewise, that are

	HeadTimestamp time.Time // when the first ready message was published, as it says itself; zero if not
	Consumers     int
	Active        int       // how many of the consumers may get messages
	Exclusive     string    // tag of the consumer that is alone on the queue
	SingleActive  string    // tag of the single active consumer
	IdleSince     time.Time // when a queue that expires was used last; zero if it does not
}

// QueueInfos are the queues of a vhost, ordered by name. Each is as it stood for a moment of
// its own: nothing is stopped meanwhile. The error is ErrVhostNotFound.
func (b *Broker) QueueInfos(vhost string) ([]QueueInfo, error) {
	queues, err := b.queues(vhost)
	if err != nil {
		return nil, err
	}
	all := make([]QueueInfo, 0, len(queues))
	for _, q := range queues {
		if i, ok := q.info(); ok {
			all = append(all, i)
		}
	}
	return all, nil
}

// queues are those of a vhost, ordered by name. The error is ErrVhostNotFound.
func (b *Broker) queues(vhost string) ([]*queue, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	all := slices.Collect(maps.Values(v.queues))
	v.mu.RUnlock()
	slices.SortFunc(all, func(a, b *queue) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// QueueInfo is one of them. The error is ErrVhostNotFound or ErrQueueNotFound.
func (b *Broker) QueueInfo(vhost, name string) (QueueInfo, error) {
	q, err := b.queue(vhost, name)
	if err != nil {
		return QueueInfo{}, err
	}
	if i, ok := q.info(); ok {
		return i, nil
	}
	return QueueInfo{}, fmt.Errorf("%w: '%s'", ErrQueueNotFound, name)
}

// ExchangeInfo is an exchange as it stands at a moment. Its arguments must not be
// changed.
type ExchangeInfo struct {
	Vhost, Name, Type string
	Durable           bool
	AutoDelete        bool
	Internal          bool
	Arguments         amqp.Table
	Policy            string // name of the policy that holds for it, empty if there is none
	Delayed           int    // messages that it delays
}

// ExchangeInfos are the exchanges of a vhost, ordered by name: the default one,
// whose name is empty, is the first. The error is ErrVhostNotFound.
func (b *Broker) ExchangeInfos(vhost string) ([]ExchangeInfo, error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return nil, err
	}
	all := append(v.exchangeInfos(), ExchangeInfo{Vhost: v.name, Type: exchange.Direct, Durable: true})
	slices.SortFunc(all, func(a, b ExchangeInfo) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// exchangeInfos are those of all but the default one, in any order.
func (v *vhost) exchangeInfos() (all []ExchangeInfo) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, x := range v.exchanges {
		i := ExchangeInfo{
			Vhost: v.name, Name: x.name, Type: x.kind, Durable: x.durable, AutoDelete: x.autoDelete, Internal: x.internal,
			Arguments: x.arguments, Policy: x.rule.policy.called(),
		}
		if x.waiting != nil {
			i.Delayed = x.waiting.delayed()
		}
		all = append(all, i)
	}
	return all
}

// info is false if the queue has gone.
func (q *queue) info() (i QueueInfo, ok bool) {
	i = QueueInfo{
		Vhost: q.vhost.name, Name: q.name, Type: q.kind.name(), Durable: q.durable, AutoDelete: q.autoDelete,
		Arguments: q.arguments,
	}
	if q.owner != nil {
		i.Owner = q.owner.conn.ID()
	}
	q.mu.Lock()
	defer q.mu.unlockUnchanged()
	i.Unacknowledged, i.UnacknowledgedBytes = q.unsettled.messages, q.unsettled.bytes
	i.Policy, i.OperatorPolicy = q.rule.policy.called(), q.rule.operator.called()
	i.EffectivePolicy = q.rule.effective()
	i.Ready, i.ReadyBytes, i.ReadyPaged = q.ready.len(), q.ready.bodySize(), q.ready.paged()
	i.ReadyStored = q.ready.size() - i.ReadyPaged
	i.Consumers, i.IdleSince = len(q.consumers), q.idling.since
	for _, k := range q.consumers {
		if k.place != aside {
			i.Active++
		}
		switch {
		case k.exclusive:
			i.Exclusive = k.tag
		case q.single && k.place != aside:
			i.SingleActive = k.tag
		}
	}
	i.HeadTimestamp = q.ready.published()
	return i, !q.deleted
}

// published is when the first message was published, by its own word; zero if it
// does not say, or is on disk.
func (l *lanes) published() time.Time {
	r := &l.ready
	if l.prioritized != nil {
		r, _ = l.next()
	}
	if r == nil {
		return time.Time{}
	}
	m := r.peek()
	if m == nil {
		return time.Time{}
	}
	seconds, ok := m.content.Properties().Timestamp()
	if !ok {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// peek is the first message, nil if there is none in memory.
func (r *ready) peek() *message {
	switch {
	case r.aside > 0:
		return r.groups.oldest().waiting.peek()
	case len(r.returned) > 0:
		return r.returned[0].message
	case r.head != nil && r.head.messages != nil:
		return r.head.messages[r.head.from]
	}
	return nil
}

// paged is the size of the messages that are on disk only.
func (l *lanes) paged() int { return l.size() - l.loaded() }

// effective is what the policies set: of a number that both set the lower one
// (POL-04), of the rest what the operator policy sets.
func (r rule) effective() map[string]any {
	all := map[string]any{}
	if r.policy != nil {
		all = unordered(r.policy.definition)
	}
	if r.operator == nil {
		return all
	}
	for key, v := range unordered(r.operator.definition) {
		low, isNumber := integer(v)
		if other, ok := integer(all[key]); ok && isNumber && other < low {
			continue
		}
		all[key] = v
	}
	return all
}

// name is how clients ask for the type.
func (t *queueType) name() string {
	for name, other := range queueTypes {
		if other == t {
			return name
		}
	}
	return ""
}
