package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/broker"
)

// script is what a client sends on one connection.
type script struct{ bytes []byte }

func (s *script) method(channel uint16, methods ...amqp.Method) {
	for _, m := range methods {
		s.bytes = amqp.AppendMethod(s.bytes, channel, m)
	}
}

func (s *script) publish(channel uint16, exchange, key string, p amqp.BasicProperties, size int) {
	body := bytes.Repeat([]byte{'m'}, size)
	s.bytes = append(s.bytes, amqptest.Publish(channel,
		&amqp.BasicPublish{Exchange: exchange, RoutingKey: key, Mandatory: size%2 == 0}, p, body, 4096)...)
}

// validScripts are sessions as ordinary clients have them.
func validScripts() [][]byte {
	begin := func(heartbeat uint16, channels ...uint16) *script {
		s := &script{amqptest.Login{Heartbeat: heartbeat, Properties: amqp.Table{
			{Key: "product", Value: "test"},
			{Key: "capabilities", Value: amqp.Table{
				{Key: "consumer_cancel_notify", Value: true}, {Key: "authentication_failure_close", Value: true},
			}},
		}}.Bytes()}
		for _, id := range channels {
			s.method(id, &amqp.ChannelOpen{})
		}
		return s
	}
	end := func(s *script) []byte {
		s.method(0, &amqp.ConnectionClose{ReplyCode: 200})
		return s.bytes
	}
	text := amqp.BasicProperties{ContentType: "text/plain", MessageID: "id", Headers: amqp.Table{{Key: "h", Value: int32(1)}}}

	queues := begin(0, 1)
	queues.method(1,
		&amqp.QueueDeclare{Queue: "mine", Exclusive: true}, &amqp.QueueDeclare{Queue: "mine", Passive: true},
		&amqp.QueueDeclare{Queue: "shared", AutoDelete: true}, &amqp.QueueDeclare{Exclusive: true},
		&amqp.QueueBind{Queue: "mine", Exchange: "amq.topic", RoutingKey: "a.*.#"},
		&amqp.QueueBind{Queue: "mine", Exchange: "amq.headers", Arguments: amqp.Table{{Key: "h", Value: int32(1)}, {Key: "x-match", Value: "any"}}},
		&amqp.QueueUnbind{Queue: "mine", Exchange: "amq.topic", RoutingKey: "a.*.#"},
		&amqp.QueuePurge{Queue: "mine"}, &amqp.QueueDelete{Queue: "mine", IfUnused: true})

	exchanges := begin(5, 1)
	exchanges.method(1,
		&amqp.ExchangeDeclare{Exchange: "x", Type: "topic", AutoDelete: true}, &amqp.ExchangeDeclare{Exchange: "x", Passive: true},
		&amqp.QueueDeclare{Exclusive: true}, &amqp.QueueBind{Exchange: "x", RoutingKey: "#.b"})
	exchanges.publish(1, "x", "a.b", text, 20)
	exchanges.publish(1, "x", "a.c", text, 20)
	exchanges.method(1, &amqp.BasicGet{}, &amqp.BasicGet{NoAck: true}, &amqp.ExchangeDelete{Exchange: "x"})

	consumer := begin(1, 1, 2)
	consumer.method(1,
		&amqp.BasicQos{PrefetchCount: 3}, &amqp.BasicQos{PrefetchCount: 5, Global: true},
		&amqp.QueueDeclare{Queue: "shared", AutoDelete: true}, &amqp.BasicConsume{Queue: "shared", ConsumerTag: "c"},
		&amqp.ConfirmSelect{}, &amqp.ChannelFlow{Active: true})
	for range 6 {
		consumer.publish(1, "", "shared", text, 50)
		consumer.publish(2, "", "shared", amqp.BasicProperties{}, 0)
	}
	consumer.method(1, &amqp.BasicAck{DeliveryTag: 2, Multiple: true}, &amqp.BasicNack{DeliveryTag: 3, Requeue: true},
		&amqp.BasicReject{DeliveryTag: 4}, &amqp.BasicRecover{Requeue: true}, &amqp.BasicCancel{ConsumerTag: "c"},
		&amqp.ChannelClose{ReplyCode: 200})

	bodies := begin(0, 1, 3)
	bodies.method(1, &amqp.QueueDeclare{Queue: "bodies", Exclusive: true}, &amqp.BasicConsume{Queue: "bodies", NoAck: true})
	for _, size := range []int{0, 1, 4087, 4088, 4089, 10000, 40000} {
		bodies.publish(1, "", "bodies", text, size)
	}
	bodies.bytes = amqp.AppendMethod(bodies.bytes, 3, &amqp.BasicPublish{RoutingKey: "bodies"})
	bodies.bytes = amqp.AppendContentHeader(bodies.bytes, 3, 9, amqp.Properties{0, 0})
	for range 3 {
		bodies.publish(1, "", "nowhere", amqp.BasicProperties{}, 4)
		bodies.bytes = amqp.AppendFrame(bodies.bytes, amqp.FrameBody, 3, []byte("abc"))
		bodies.bytes = amqp.AppendFrame(bodies.bytes, amqp.FrameHeartbeat, 0, nil)
	}

	refusals := begin(0, 1, 2, 3)
	refusals.method(1, &amqp.QueueDeclare{Queue: "missing", Passive: true}, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{})
	refusals.publish(2, "missing", "k", text, 10)
	refusals.method(2, &amqp.ChannelClose{}, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{}, &amqp.BasicAck{DeliveryTag: 7})
	refusals.method(3, &amqp.TxSelect{}, &amqp.QueueDeclare{Queue: "mine"})

	return [][]byte{end(queues), end(exchanges), end(consumer), end(bodies), end(refusals), end(begin(0))}
}

// fuzzed is a random session, or a script that is changed here and there or
// joined with another.
func fuzzed(random *rand.Rand, valid [][]byte) []byte {
	b := bytes.Clone(valid[random.IntN(len(valid))])
	if random.IntN(2) == 0 {
		b = randomSession(random)
	}
	if random.IntN(4) == 0 {
		return b
	}
	from := 0
	if random.IntN(4) > 0 {
		from = len(amqptest.Login{}.Bytes()) // most get past the handshake
	}
	for range random.IntN(5) {
		if len(b) <= from {
			break
		}
		i := from + random.IntN(len(b)-from)
		switch random.IntN(8) {
		case 0:
			b[i] = byte(random.Uint32())
		case 1, 2:
			b[i] ^= 1 << random.IntN(8)
		case 3:
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, amqp.FrameEnd}[random.IntN(6)]
		case 4:
			b = slices.Delete(b, i, min(i+1+random.IntN(30), len(b)))
		case 5:
			b = slices.Insert(b, i, bytes.Clone(b[i:min(i+random.IntN(200), len(b))])...)
		case 6:
			other := valid[random.IntN(len(valid))]
			b = append(b[:i], other[random.IntN(len(other)):]...)
		default:
			b = b[:i]
		}
	}
	return b
}

// log keeps what a broker logs, and counts lines.
type log struct {
	mu    sync.Mutex
	lines int
	bad   []string
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines++
	if s := string(b); strings.Contains(s, "panic") || strings.Contains(s, "BUG") || strings.Contains(s, "goroutine") {
		l.bad = append(l.bad, s)
	}
	return len(b), nil
}

func (l *log) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.bad) > 0 {
		t.Errorf("%d panics, such as %s", len(l.bad), l.bad[0])
	}
	if l.lines == 0 {
		t.Error("nothing was logged")
	}
}

// healthyClient publishes to a queue of its own, and consumes, until it is
// told to stop. It returns the number of its messages.
func healthyClient(t *testing.T, c *amqptest.Client, pause time.Duration, stop <-chan struct{}) (messages int) {
	t.Helper()
	c.Open(amqptest.Login{})
	c.OpenChannel(1)
	c.SendMethods(1,
		&amqp.QueueDeclare{Queue: "healthy", Exclusive: true},
		&amqp.ConfirmSelect{},
		&amqp.BasicConsume{Queue: "healthy", ConsumerTag: "h"})
	for range 3 {
		c.Next()
	}
	for {
		messages++
		body := fmt.Sprint("message ", messages)
		c.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "healthy"}, amqp.BasicProperties{}, []byte(body), 4096))
		_, got := c.ExpectContent(1, &amqp.BasicDeliver{ConsumerTag: "h", DeliveryTag: uint64(messages), RoutingKey: "healthy"})
		if string(got) != body {
			t.Errorf("the healthy client got %q, want %q", got, body)
		}
		c.Expect(1, &amqp.BasicAck{DeliveryTag: uint64(messages)})
		c.SendMethods(1, &amqp.BasicAck{DeliveryTag: uint64(messages)})
		select {
		case <-stop:
			c.Quit()
			return messages
		case <-time.After(pause):
		}
	}
}

// heap is what lives on the heap, in bytes.
func heap() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// tally is what came of many connections.
type tally struct {
	connections, opened, closed, cut, silent atomic.Int64
}

// Ten thousand connections whose clients are broken, many at a time: whatever
// they are answered is in order, nothing is left of them, and a healthy client
// beside them notices nothing. All happens in the fake time of a bubble, in
// which a second passes when nobody has anything left to do.
func TestFuzzedConnections(t *testing.T) {
	connections, workers := 10000, 40
	switch {
	case testing.Short():
		connections = 1000
	case broker.Raced:
		connections = 3000
	}
	valid := validScripts()
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		b := broker.New(broker.Options{Log: zerolog.New(l)})
		serve := func(end net.Conn) { b.ServeConn(end) }
		before := heap()

		var all tally
		var group sync.WaitGroup
		for w := range workers {
			group.Go(func() {
				for i := w; i < connections; i += workers {
					random := rand.New(rand.NewPCG(uint64(i), 21))
					all.play(t, i, random, fuzzed(random, valid), serve)
				}
			})
		}
		stop := make(chan struct{})
		go func() {
			group.Wait()
			close(stop)
		}()
		client, server := net.Pipe()
		go serve(server)
		n := healthyClient(t, amqptest.New(t, client), 20*time.Millisecond, stop)
		t.Logf("%d connections, %d opened, %d closed by the broker, %d cut, %d silent; %d messages of the healthy client",
			all.connections.Load(), all.opened.Load(), all.closed.Load(), all.cut.Load(), all.silent.Load(), n)
		if grown := heap() - before; grown > 64<<20 {
			t.Errorf("%d MiB are left", grown>>20)
		}
		l.check(t)
	})
}

// play has one fuzzed client send its script, in pieces, and wait or not for
// what comes.
func (all *tally) play(t *testing.T, seed int, random *rand.Rand, b []byte, serve func(net.Conn)) {
	client, server := net.Pipe()
	served, output := make(chan struct{}), make(chan []byte, 1)
	go func() {
		defer close(served)
		serve(server)
	}()
	go func() {
		got, _ := io.ReadAll(client)
		output <- got
	}()
	patient := random.IntN(4) > 0
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for len(b) > 0 {
			n := min(1+random.IntN(5000), len(b))
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
	}()
	if patient {
		<-time.After(time.Second) // until nobody has anything left to do
	} else {
		select {
		case <-sent:
		case <-time.After(time.Second):
		}
	}
	client.Close()
	<-served
	<-sent
	got := <-output
	messages, err := amqptest.ParseOutput(got)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // others may have sent it something just then
		t.Errorf("seed %d: %v behind %v", seed, err, messages)
	}
	all.count(messages, err)
}

func (all *tally) count(messages []amqptest.Message, err error) {
	all.connections.Add(1)
	if err != nil {
		all.cut.Add(1)
	}
	if len(messages) == 0 {
		all.silent.Add(1)
	}
	for _, m := range messages {
		switch m.Method.(type) {
		case *amqp.ConnectionOpenOk:
			all.opened.Add(1)
		case *amqp.ConnectionClose:
			all.closed.Add(1)
		}
	}
}

// The same over sockets, which break in ways of their own: clients that reset
// the connection, or do not read.
func TestFuzzedSockets(t *testing.T) {
	connections, workers := 600, 20
	if testing.Short() {
		connections = 100
	}
	l := new(log)
	b := broker.New(broker.Options{Log: zerolog.New(l), LoginDelay: 10 * time.Millisecond})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- b.Serve(listener) }()
	dial := func() *net.TCPConn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Error(err)
			return nil
		}
		return c.(*net.TCPConn)
	}

	valid := validScripts()
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < connections; i += workers {
				random := rand.New(rand.NewPCG(uint64(i), 22))
				if c := dial(); c != nil {
					playSocket(random, c, fuzzed(random, valid))
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() {
		group.Wait()
		close(stop)
	}()
	healthyClient(t, amqptest.New(t, dial()), time.Millisecond, stop)
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	l.check(t)
}

// playSocket sends a script and ends the connection in one of several ways.
func playSocket(random *rand.Rand, c *net.TCPConn, b []byte) {
	defer c.Close()
	net.Conn(c).SetDeadline(time.Now().Add(20 * time.Millisecond))
	for len(b) > 0 {
		n := min(1+random.IntN(20000), len(b))
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
	switch random.IntN(3) {
	case 0:
		_ = c.SetLinger(0) // the end is a reset
	case 1:
		_ = c.CloseWrite()
		fallthrough
	default:
		_, _ = io.Copy(io.Discard, c)
	}
}

// FuzzConnection sends bytes to a broker, and then ends the connection. All
// that the broker answers is in order, and it is done with the connection
// afterwards.
func FuzzConnection(f *testing.F) {
	for _, s := range validScripts() {
		f.Add(s)
	}
	for _, s := range stages() {
		f.Add(s.sent)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append([]byte(amqp.ProtocolHeader), 1, 0, 0, 0xff, 0xff, 0xff, 0xff))
	random := rand.New(rand.NewPCG(23, 24))
	for range 20 {
		f.Add(fuzzed(random, validScripts()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			l := new(log)
			r := &rig{t: t, broker: broker.New(broker.Options{Log: zerolog.New(l)})}
			output := r.play(b)
			if messages, err := amqptest.ParseOutput(output); err != nil {
				t.Errorf("%v behind %v", err, messages)
			}
			if len(l.bad) > 0 {
				t.Error(l.bad[0])
			}
		})
	})
}
