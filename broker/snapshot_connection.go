package broker

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// ErrConnectionNotFound is for a connection that is to be closed, and is not
// there.
var ErrConnectionNotFound = errors.New("connection does not exist")

// ConnectionInfo is a connection as it stands at a moment.
type ConnectionInfo struct {
	ID          uint64 // unique among all that the broker ever had
	Name        string // "127.0.0.1:38812 -> 127.0.0.1:5672"
	User, Vhost string
	Mechanism   string // SASL mechanism of the login
	State       string // running, blocking, blocked or closing, see amqp.Conn.State
	Peer, Local net.Addr
	Properties  amqp.Table // the client's; they must not be changed
	Channels    int
	FrameMax    int // bytes
	ChannelMax  int
	Heartbeat   time.Duration // 0: none
	Since       time.Time     // when it was opened

	Received, Sent uint64 // bytes
	Pending        int64  // bytes that wait to be sent

	TLS *tls.ConnectionState // nil without TLS
}

// ChannelInfo is a channel as it stands at a moment.
type ChannelInfo struct {
	Connection     uint64 // ID of the connection
	ConnectionName string
	Number         int
	User, Vhost    string
	Transactional  bool
	Confirm        bool
	Consumers      int
	Prefetch       int // of consumers to come; 0: no limit
	GlobalPrefetch int // of the channel; 0: no limit

	Unacknowledged      int // deliveries
	Unconfirmed         int // publishes that have reached their queues
	UncommittedMessages int
	UncommittedAcks     int
}

// ConsumerInfo is a consumer as it stands at a moment.
type ConsumerInfo struct {
	Vhost, Queue, Tag string
	Connection        uint64 // ID
	ConnectionName    string
	Channel           int // number
	User              string
	AckRequired       bool
	Exclusive         bool
	Active            bool       // it may get messages: another one is not the single active consumer
	Prefetch          int        // 0: no limit
	Arguments         amqp.Table // must not be changed
}

// ConnectionInfos are the connections that are open, the oldest first.
func (b *Broker) ConnectionInfos() []ConnectionInfo {
	var all []ConnectionInfo
	for _, s := range b.vhosts.present() {
		all = append(all, s.info())
	}
	return all
}

// ChannelInfos are the channels of all of them, in their order.
func (b *Broker) ChannelInfos() []ChannelInfo {
	var all []ChannelInfo
	for _, s := range b.vhosts.present() {
		for _, ch := range s.open() {
			all = append(all, ch.info())
		}
	}
	return all
}

// ConsumerInfos are the consumers of a vhost, ordered by queue, and there in the
// order in which they came. The error is ErrVhostNotFound.
func (b *Broker) ConsumerInfos(vhost string) ([]ConsumerInfo, error) {
	queues, err := b.queues(vhost)
	if err != nil {
		return nil, err
	}
	var all []ConsumerInfo
	for _, q := range queues {
		consumers, active := q.present()
		for i, k := range consumers {
			info := k.info()
			info.Active = active[i]
			all = append(all, info)
		}
	}
	return all, nil
}

// present are the consumers that are there now, and whether each may get messages.
func (q *queue) present() (consumers []*consumer, active []bool) {
	q.mu.Lock()
	defer q.mu.unlockUnchanged()
	for _, k := range q.consumers {
		active = append(active, k.place != aside)
	}
	return slices.Clone(q.consumers), active
}

// CloseConnection has a connection closed, with a reason for the client
// (CTL-06). The error is ErrConnectionNotFound.
func (b *Broker) CloseConnection(id uint64, reason string) error {
	if b.CloseConnections(func(c ConnectionInfo) bool { return c.ID == id }, reason) == 0 {
		return fmt.Errorf("%w: %d", ErrConnectionNotFound, id)
	}
	return nil
}

// CloseConnections has those closed for which which returns true, unless they are
// closing, and says how many.
func (b *Broker) CloseConnections(which func(ConnectionInfo) bool, reason string) (closed int) {
	for _, s := range b.vhosts.present() {
		if s.conn.Forced() == nil && which(s.info()) {
			s.conn.Close(amqp.ConnectionForced.Errorf("%s", reason))
			closed++
		}
	}
	return closed
}

// present are the sessions of all vhosts, the oldest first.
func (vs *vhosts) present() (all []*session) {
	vs.mu.Lock()
	vhosts := slices.Collect(maps.Values(vs.byName))
	vs.mu.Unlock()
	for _, v := range vhosts {
		all = append(all, v.present()...)
	}
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.conn.ID(), b.conn.ID()) })
	return all
}

// present are the sessions that are there now.
func (v *vhost) present() []*session {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Collect(maps.Keys(v.sessions))
}

// open are the channels that are there now, by their numbers.
func (s *session) open() []*channel {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.channels))
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *channel) int { return cmp.Compare(a.id, b.id) })
	return all
}

func (s *session) info() ConnectionInfo {
	c := s.conn
	i := ConnectionInfo{
		ID: c.ID(), Name: s.connectionName(), User: s.name, Vhost: s.vhost.name, Mechanism: c.Mechanism(), State: c.State(),
		Peer: c.RemoteAddr(), Local: c.LocalAddr(), Properties: c.Properties(), Channels: len(s.open()),
		FrameMax: c.FrameMax(), ChannelMax: c.ChannelMax(), Heartbeat: c.Heartbeat(), Since: s.since,
		Pending: c.Outbox().Pending(), TLS: c.TLS(),
	}
	i.Received, i.Sent = c.Traffic()
	return i
}

// connectionName is what RabbitMQ calls the connection.
func (s *session) connectionName() string {
	return fmt.Sprintf("%v -> %v", s.conn.RemoteAddr(), s.conn.LocalAddr())
}

func (ch *channel) info() ChannelInfo {
	s := ch.session
	i := ChannelInfo{
		Connection: s.conn.ID(), ConnectionName: s.connectionName(), Number: int(ch.id), User: s.name, Vhost: s.vhost.name,
		GlobalPrefetch:      int(ch.limit.Load()),
		UncommittedMessages: int(ch.held.publishes.Load()), UncommittedAcks: int(ch.held.settles.Load()),
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	i.Transactional, i.Confirm = ch.tx != nil, ch.confirms != nil
	i.Consumers, i.Prefetch, i.Unacknowledged = len(ch.consumers), int(ch.prefetch), ch.unacked.live
	if ch.confirms != nil {
		i.Unconfirmed = ch.confirms.owed()
	}
	return i
}

// info is what never changes of a consumer.
func (k *consumer) info() ConsumerInfo {
	s := k.channel.session
	return ConsumerInfo{
		Vhost: s.vhost.name, Queue: k.queue.name, Tag: k.tag, Connection: s.conn.ID(), ConnectionName: s.connectionName(),
		Channel: int(k.channel.id), User: s.name, AckRequired: !k.noAck, Exclusive: k.exclusive,
		Prefetch: int(k.prefetch), Arguments: k.arguments,
	}
}
