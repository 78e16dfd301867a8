package broker

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/storage"
)

// groupModel is what has become of each message of a queue with groups, as its
// clients see it.
type groupModel struct {
	*rapid.T
	broker    *Broker
	size      int   // of bodies
	mode      uint8 // of delivery
	peers     []*peer
	messages  []grouped // by number, which is in the body
	consumers []*groupConsumer
	lastTag   int
}

// grouped is a message that was published.
type grouped struct {
	id       string
	state    groupedState
	holder   *groupConsumer // if it is out; nil: it was got
	peer     int            // likewise
	channel  uint16
	tag      uint64
	returned bool // it came back
	unsure   bool // or may have, before a restart
}

type groupedState int

const (
	isReady groupedState = iota
	isOut
	isGone
)

// groupConsumer is a consumer.
type groupConsumer struct {
	peer     int
	channel  uint16
	tag      string
	noAck    bool
	prefetch int
	left     bool // cancelled, or its channel has been closed
}

const (
	groupPeers    = 3
	groupChannels = 2
)

func (m *groupModel) connect(t *testing.T, b *Broker) {
	m.broker, m.peers = b, nil
	for range groupPeers {
		m.peers = append(m.peers, connect(t, b, groupChannels))
	}
	m.peers[0].do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-message-groups", true)})
}

// inGroup is a publish of a message of a group.
func inGroup(queue, id, body string, mode uint8) []byte {
	p := amqp.BasicProperties{DeliveryMode: mode}
	if id != "" {
		p.Headers = args("x-group-id", id)
	}
	return amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: queue}, p, []byte(body), 131072)
}

func (m *groupModel) publish(*rapid.T) {
	var b []byte
	for range rapid.IntRange(1, 12).Draw(m.T, "messages") {
		id := rapid.SampledFrom([]string{"", "a", "a", "a", "b", "b", "c", "d"}).Draw(m.T, "group")
		b = append(b, inGroup("q", id, fmt.Sprintf("%-*d", m.size, len(m.messages)), m.mode)...)
		m.messages = append(m.messages, grouped{id: id})
	}
	p := m.peers[m.peer()]
	p.Send(b)
	p.sync()
}

func (m *groupModel) peer() int { return rapid.IntRange(0, groupPeers-1).Draw(m.T, "peer") }

func (m *groupModel) consume(*rapid.T) {
	m.lastTag++
	k := &groupConsumer{
		peer: m.peer(), channel: uint16(rapid.IntRange(1, groupChannels).Draw(m.T, "channel")), tag: strconv.Itoa(m.lastTag),
		noAck: rapid.IntRange(0, 5).Draw(m.T, "noAck") == 0, prefetch: rapid.IntRange(1, 4).Draw(m.T, "prefetch"),
	}
	m.consumers = append(m.consumers, k)
	m.peers[k.peer].do(k.channel, &amqp.BasicQos{PrefetchCount: uint16(k.prefetch)})
	m.peers[k.peer].consume(k.channel, "q", k.tag, k.noAck)
}

func (m *groupModel) cancel(*rapid.T) {
	if len(m.consumers) == 0 {
		m.Skip()
	}
	i := rapid.IntRange(0, len(m.consumers)-1).Draw(m.T, "consumer")
	k := m.consumers[i]
	m.consumers = slices.Delete(m.consumers, i, i+1)
	k.left = true
	m.peers[k.peer].do(k.channel, &amqp.BasicCancel{ConsumerTag: k.tag})
}

func (m *groupModel) closeChannel(*rapid.T) {
	peer, channel := m.peer(), uint16(rapid.IntRange(1, groupChannels).Draw(m.T, "channel"))
	m.consumers = slices.DeleteFunc(m.consumers, func(k *groupConsumer) bool {
		gone := k.peer == peer && k.channel == channel
		k.left = k.left || gone
		return gone
	})
	for i := range m.messages {
		if msg := &m.messages[i]; msg.state == isOut && msg.peer == peer && msg.channel == channel {
			msg.state, msg.returned = isReady, true
		}
	}
	m.peers[peer].do(channel, &amqp.ChannelClose{})
	m.peers[peer].do(channel, &amqp.ChannelOpen{})
}

// settle acknowledges, rejects or requeues one message that is out, or all of
// the channel up to it.
func (m *groupModel) settle(*rapid.T) {
	var out []int
	for i := range m.messages {
		if m.messages[i].state == isOut {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		m.Skip()
	}
	one := m.messages[rapid.SampledFrom(out).Draw(m.T, "message")]
	multiple := rapid.IntRange(0, 3).Draw(m.T, "multiple") == 0
	verdict := rapid.SampledFrom([]string{"ack", "ack", "drop", "requeue"}).Draw(m.T, "verdict")
	for i := range m.messages {
		msg := &m.messages[i]
		if msg.state != isOut || msg.peer != one.peer || msg.channel != one.channel || msg.tag > one.tag ||
			msg.tag < one.tag && !multiple {
			continue
		}
		if msg.state = isGone; verdict == "requeue" {
			msg.state, msg.returned = isReady, true
		}
	}
	var method amqp.Method = &amqp.BasicNack{DeliveryTag: one.tag, Multiple: multiple, Requeue: verdict == "requeue"}
	if verdict == "ack" {
		method = &amqp.BasicAck{DeliveryTag: one.tag, Multiple: multiple}
	}
	m.peers[one.peer].SendMethods(one.channel, method)
	m.peers[one.peer].sync()
}

// get takes a message with basic.get, or finds that there is none that no
// consumer has.
func (m *groupModel) get(*rapid.T) {
	peer := m.peer()
	body, redelivered, tag := m.peers[peer].get("q")
	if tag == 0 {
		for i := range m.messages {
			if m.mayGo(i, nil) {
				m.Fatalf("message %d of group %q is not got", i, m.messages[i].id)
			}
		}
		return
	}
	d := delivered{channel: 1, tag: tag, redelivered: redelivered, body: body}
	i := m.number(d)
	if !m.mayGo(i, nil) {
		m.Fatalf("message %d of group %q is got", i, m.messages[i].id)
	}
	m.deliver(i, peer, nil, d)
}

func (m *groupModel) number(d delivered) int {
	n, err := strconv.Atoi(strings.TrimSpace(d.body))
	if err != nil || n >= len(m.messages) {
		m.Fatalf("got %q", d.body)
	}
	return n
}

func (m *groupModel) purge(*rapid.T) {
	if rapid.IntRange(0, 3).Draw(m.T, "purge") > 0 {
		m.Skip()
	}
	n := uint32(0)
	for i := range m.messages {
		if m.messages[i].state == isReady {
			m.messages[i].state = isGone
			n++
		}
	}
	if ok := m.peers[0].do(1, &amqp.QueuePurge{Queue: "q"}).(*amqp.QueuePurgeOk); ok.MessageCount != n {
		m.Fatalf("purged %d messages, want %d", ok.MessageCount, n)
	}
}

// mayGo tells whether message i may go to a consumer, or nil for one who gets
// it: it is the first of its group that is ready, and nobody else has some of
// the group.
func (m *groupModel) mayGo(i int, k *groupConsumer) bool {
	msg := &m.messages[i]
	if msg.state != isReady {
		return false
	}
	for j := range m.messages {
		other := &m.messages[j]
		if other.id != msg.id || msg.id == "" {
			continue
		}
		if other.state == isReady && j < i || other.state == isOut && (k == nil || other.holder != k) {
			return false
		}
	}
	return true
}

func (m *groupModel) deliver(i, peer int, k *groupConsumer, d delivered) {
	msg := &m.messages[i]
	if d.redelivered != msg.returned && !msg.unsure {
		m.Fatalf("message %d is delivered with redelivered %t", i, d.redelivered)
	}
	msg.unsure = false
	msg.state, msg.holder, msg.peer, msg.channel, msg.tag = isOut, k, peer, d.channel, d.tag
	if k != nil && k.noAck {
		msg.state = isGone
	}
}

func (m *groupModel) unsettled(k *groupConsumer) (n int) {
	for i := range m.messages {
		if m.messages[i].state == isOut && m.messages[i].holder == k {
			n++
		}
	}
	return n
}

// check takes what was delivered by the last step, and finds that nothing waits
// that could be delivered. What has to come from disk may take some turns.
func (m *groupModel) check(*rapid.T) {
	m.receive()
	for turns := 0; m.broker.store != nil && m.stuck() != "" && turns < 10; turns++ {
		quiesce(m.broker)
		m.receive()
	}
	if what := m.stuck(); what != "" {
		m.Fatalf("%s: %+v", what, m.messages)
	}
	m.checkReady()
	m.checkCounts()
}

// receive takes what was delivered, in an order of the peers in which it is
// right.
func (m *groupModel) receive() {
	var got [groupPeers][]delivered
	for i, p := range m.peers {
		got[i] = p.take()
	}
	for again := true; again; {
		again = false
		for peer := range got {
			for len(got[peer]) > 0 && m.take(peer, got[peer][0]) {
				got[peer], again = got[peer][1:], true
			}
		}
	}
	for peer := range got {
		if len(got[peer]) > 0 {
			m.Fatalf("peer %d got %q when it was not its turn: %+v", peer, strings.TrimSpace(got[peer][0].body), m.messages)
		}
	}
}

func (m *groupModel) take(peer int, d delivered) bool {
	k := m.consumers[slices.IndexFunc(m.consumers, func(k *groupConsumer) bool { return k.tag == d.consumer })]
	i := m.number(d)
	if !m.mayGo(i, k) {
		return false
	}
	if !k.noAck && m.unsettled(k) >= k.prefetch {
		m.Fatalf("consumer %s got more than its prefetch", k.tag)
	}
	m.deliver(i, peer, k, d)
	return true
}

// stuck says which message waits while a consumer could have it, if one does.
func (m *groupModel) stuck() string {
	for i := range m.messages {
		for _, k := range m.consumers {
			if (k.noAck || m.unsettled(k) < k.prefetch) && m.mayGo(i, k) {
				return fmt.Sprintf("message %d of group %q waits while %s has room", i, m.messages[i].id, k.tag)
			}
		}
	}
	return ""
}

func (m *groupModel) checkReady() {
	ready := uint32(0)
	for i := range m.messages {
		if m.messages[i].state == isReady {
			ready++
		}
	}
	if n := m.peers[0].do(1, &amqp.QueueDeclare{Queue: "q", Passive: true}).(*amqp.QueueDeclareOk).MessageCount; n != ready {
		m.Fatalf("%d messages are ready, want %d", n, ready)
	}
}

// finish settles everything, and finds that the queue remembers nothing.
func (m *groupModel) finish() {
	for len(m.consumers) > 0 {
		k := m.consumers[0]
		m.consumers = m.consumers[1:]
		m.peers[k.peer].do(k.channel, &amqp.BasicCancel{ConsumerTag: k.tag})
	}
	for _, p := range m.peers {
		for channel := range uint16(groupChannels) {
			p.SendMethods(channel+1, &amqp.BasicNack{Multiple: true})
		}
		p.sync()
	}
	m.peers[0].do(1, &amqp.QueuePurge{Queue: "q"})
	if left := remembered(m.broker, "q"); left != 0 {
		m.Fatalf("%d groups are remembered", left)
	}
	for _, p := range m.peers {
		p.Close()
	}
}

// remembered is how much a queue remembers of groups.
func remembered(b *Broker, name string) int {
	q := queueOf(b, name)
	q.mu.Lock()
	defer q.mu.Unlock()
	gs := q.ready.groups
	return len(gs.known) + len(gs.out) + len(gs.free) + len(gs.stranded) + len(gs.ended) + q.ready.aside
}

// Whatever clients do, the messages of a group come in their order and to one
// consumer at a time, and nothing waits that somebody could have.
func TestGroupsAreInOrderAndAtOneConsumer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &groupModel{T: rt, size: 1, mode: 1}
		m.connect(t, New(Options{}))
		rt.Repeat(m.actions())
		m.finish()
	})
}

// The same with what waits in groups on disk, in the journal or in the page file,
// and with restarts.
func TestGroupsOnDiskAreInOrderAndAtOneConsumer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := keepWith(t, Options{Durability: storage.OS})
		defer k.stop()
		m := &groupModel{T: rt, size: 7000, mode: uint8(rapid.IntRange(1, 2).Draw(rt, "mode"))}
		m.connect(t, k.Broker)
		press(t, k.Broker)
		actions := m.actions()
		actions["restart"] = func(rt *rapid.T) {
			if m.mode == 1 {
				rt.Skip()
			}
			for _, c := range m.consumers { // the broker may give them more as it stops
				if c.noAck {
					m.peers[c.peer].do(c.channel, &amqp.BasicCancel{ConsumerTag: c.tag})
				}
			}
			k.restart()
			m.restarted()
			m.connect(t, k.Broker)
			press(t, k.Broker)
		}
		rt.Repeat(actions)
		m.finish()
	})
}

func (m *groupModel) actions() map[string]func(*rapid.T) {
	m.publish(m.T)
	for range 2 {
		m.consume(m.T)
	}
	return map[string]func(*rapid.T){
		"":                 m.check,
		"publish":          m.publish,
		"publish more":     m.publish,
		"consume":          m.consume,
		"cancel":           m.cancel,
		"close":            m.closeChannel,
		"settle":           m.settle,
		"settle more":      m.settle,
		"settle even more": m.settle,
		"get":              m.get,
		"purge":            m.purge,
	}
}

// restarted notes that all consumers have gone.
func (m *groupModel) restarted() {
	m.consumers = nil
	for i := range m.messages {
		if msg := &m.messages[i]; msg.state != isGone {
			msg.state, msg.unsure = isReady, true
		}
	}
}

// checkCounts compares what the queue counts with what is in it, and finds that
// it remembers no group that has nothing.
func (m *groupModel) checkCounts() {
	q := queueOf(m.broker, "q")
	q.mu.Lock()
	defer q.mu.Unlock()
	r, gs := &q.ready.ready, q.ready.groups
	aside, disk, loaded := 0, 0, 0
	gs.lists(func(l *ready) {
		aside += l.len()
		disk += l.disk
		loaded += l.loaded()
	})
	if r.aside != aside || gs.disk != disk || r.back != loaded {
		m.Fatalf("%d aside, %d bytes of them on disk, %d not, want %d, %d, %d", r.aside, gs.disk, r.back, aside, disk, loaded)
	}
	for _, g := range gs.known {
		if g.out == 0 && g.waiting.len() == 0 {
			m.Fatalf("group %q is remembered", g.id)
		}
	}
	least := uint64(math.MaxUint64)
	q.ready.ranges(func(r storage.Range) { least = min(least, r.From) })
	if first, is := q.ready.first(); is && first.Seq != least {
		m.Fatalf("the first message is %d, want %d", first.Seq, least)
	}
}
