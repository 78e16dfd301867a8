package broker

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// peer is the client's end of a connection to a broker, without a socket. What
// it is sent waits until it reads.
type peer struct {
	*amqptest.Client
	t       testing.TB
	got     []delivered    // so far, and not yet taken
	running sync.WaitGroup // what goes on until the connection ends
}

// fewer is few where the race detector makes everything several times as slow.
func fewer(n, few int) int {
	if raced || testing.Short() {
		return few
	}
	return n
}

// patience is the longest that a test may take with a connection.
const patience = 3 * time.Minute

// guestMay lets guest do everything in a vhost.
func guestMay(t testing.TB, b *Broker, vhost string) {
	t.Helper()
	if err := b.SetPermission(Permission{"guest", vhost, ".*", ".*", ".*"}); err != nil {
		t.Fatal(err)
	}
}

// mighty is a user who may do everything in a vhost.
func mighty(v *vhost) *user {
	all := pattern{all: true}
	return &user{permissions: map[*vhost]*permission{v: {patterns: [3]pattern{all, all, all}}}}
}

// delivered is a basic.deliver as it came.
type delivered struct {
	channel     uint16
	consumer    string
	tag         uint64
	redelivered bool
	body        string
}

// connect opens a connection with channels 1 to n, which ends with the test.
func connect(t testing.TB, b *Broker, n uint16) *peer {
	t.Helper()
	return connectAs(t, b, amqptest.Login{}, n)
}

func connectAs(t testing.TB, b *Broker, l amqptest.Login, n uint16) *peer {
	t.Helper()
	p := dial(t, b)
	p.Open(l)
	for id := range n {
		p.OpenChannel(id + 1)
	}
	return p
}

// dial begins a connection.
func dial(t testing.TB, b *Broker) *peer {
	client, server := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.ServeConn(server)
	}()
	p := &peer{t: t}
	t.Cleanup(func() {
		<-ended
		p.running.Wait()
	})
	client.SetDeadline(time.Now().Add(patience))
	p.Client = amqptest.New(t, client)
	return p
}

// call sends a method and returns the answer. What is delivered meanwhile is
// gathered in got; server-sent basic.ack and basic.cancel are passed over.
func (p *peer) call(channel uint16, m amqp.Method) amqp.Method {
	p.t.Helper()
	p.SendMethods(channel, m)
	for {
		on, answer := p.NextMethod()
		switch d := answer.(type) {
		case *amqp.BasicDeliver:
			p.got = append(p.got, p.deliver(on, d))
		case *amqp.BasicAck, *amqp.BasicCancel:
		default:
			if on != channel {
				p.t.Fatalf("the answer to %s on channel %d is %s on channel %d", m.ID(), channel, answer.ID(), on)
			}
			return answer
		}
	}
}

func (p *peer) deliver(channel uint16, m *amqp.BasicDeliver) delivered {
	p.t.Helper()
	return delivered{channel, m.ConsumerTag, m.DeliveryTag, m.Redelivered, string(p.content())}
}

// content reads a content header and body, and returns the body.
func (p *peer) content() []byte {
	p.t.Helper()
	f := p.Next()
	if f.Type != amqp.FrameHeader {
		p.t.Fatalf("got %v, want a content header", f)
	}
	var body []byte
	for size := binary.BigEndian.Uint64(f.Payload[4:]); uint64(len(body)) < size; {
		body = append(body, p.Next().Payload...)
	}
	return body
}

// take returns what was delivered so far: the broker has carried out all that
// p was told to send before, and all that others have synced.
func (p *peer) take() []delivered {
	p.t.Helper()
	p.sync()
	got := p.got
	p.got = nil
	return got
}

// await returns the next n deliveries.
func (p *peer) await(n int) (got []delivered) {
	p.t.Helper()
	for len(got) < n {
		got = append(got, p.take()...)
	}
	return got
}

// sync returns when the broker has carried out all that was sent before.
func (p *peer) sync() {
	p.t.Helper()
	if m, ok := p.call(1, &amqp.ChannelFlow{Active: true}).(*amqp.ChannelFlowOk); !ok {
		p.t.Fatalf("got %+v, want channel.flow-ok", m)
	}
}

// bodies returns the bodies of what was delivered.
func (p *peer) bodies() (all []string) {
	p.t.Helper()
	for _, d := range p.take() {
		all = append(all, d.body)
	}
	return all
}

// do sends a method, which must be answered by the one that AMQP has for it.
func (p *peer) do(channel uint16, m amqp.Method) amqp.Method {
	p.t.Helper()
	answer := p.call(channel, m)
	if answer.ID().Class() != m.ID().Class() || answer.ID() == (&amqp.ChannelClose{}).ID() {
		p.t.Fatalf("%s %+v is answered by %s %+v", m.ID(), m, answer.ID(), answer)
	}
	return answer
}

func (p *peer) declare(queue string) {
	p.t.Helper()
	p.do(1, &amqp.QueueDeclare{Queue: queue})
}

// consume starts a consumer whose tag is given.
func (p *peer) consume(channel uint16, queue, tag string, noAck bool) {
	p.t.Helper()
	p.do(channel, &amqp.BasicConsume{Queue: queue, ConsumerTag: tag, NoAck: noAck})
}

// priority are the arguments of a consumer that has one.
func priority(n int) amqp.Table { return amqp.Table{{Key: "x-priority", Value: int32(n)}} }

// publish sends one message for each body to a queue, all in one piece, and
// returns when they are in the queue.
func (p *peer) publish(queue string, bodies ...string) {
	p.t.Helper()
	p.Send(publishes(1, queue, bodies...))
	p.sync()
}

func publishes(channel uint16, queue string, bodies ...string) (b []byte) {
	for _, body := range bodies {
		b = append(b, amqptest.Publish(channel, &amqp.BasicPublish{RoutingKey: queue}, amqp.BasicProperties{}, []byte(body), 131072)...)
	}
	return b
}

// numbered are bodies that say which message they are: from, from+1 and so on.
func numbered(from, n int) (bodies []string) {
	for i := range n {
		bodies = append(bodies, strconv.Itoa(from+i))
	}
	return bodies
}

func number(t testing.TB, body string) int {
	t.Helper()
	n, err := strconv.Atoi(body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// get takes one message from a queue: its body and whether it was redelivered,
// or "" if there is none.
func (p *peer) get(queue string) (body string, redelivered bool, tag uint64) {
	p.t.Helper()
	ok, is := p.call(1, &amqp.BasicGet{Queue: queue}).(*amqp.BasicGetOk)
	if !is {
		return "", false, 0
	}
	return string(p.content()), ok.Redelivered, ok.DeliveryTag
}

// queueOf returns a queue of the vhost "/", nil if there is none.
func queueOf(b *Broker, name string) *queue {
	v := b.vhosts.get("/")
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.queues[name]
}

// waiting is how many messages are ready in a queue, and their bytes.
func waiting(b *Broker, name string) (messages, bytes int) {
	q := queueOf(b, name)
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.len(), q.ready.size()
}

func tags(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}
