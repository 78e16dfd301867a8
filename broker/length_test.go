package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// LEN-01, LEN-02, LEN-04, LEN-05, LEN-09: what is left of messages that are
// published one by one or at once.
func TestTheOldestMessagesAreDropped(t *testing.T) {
	tests := []struct {
		row       string
		arguments amqp.Table
		bodies    string
		want      string
	}{
		{"LEN-01 bytes", args("x-max-length-bytes", int32(10)), "11111 22222 33333", "22222 33333"},
		{"LEN-02", args("x-max-length", int32(2), "x-overflow", "drop-head"), "1 2 3 4", "3 4"},
		{"LEN-04", args("x-max-length", int32(0)), "1 2 3", ""},
		{"LEN-05", args("x-max-length-bytes", int32(10)), "1 22222222222", ""},
		{"LEN-05 and after it", args("x-max-length-bytes", int32(10)), "1 22222222222 3", "3"},
		{"LEN-09 length", args("x-max-length", int32(2), "x-max-length-bytes", int32(10)), "1 2 3 4", "3 4"},
		{"LEN-09 bytes", args("x-max-length", int32(10), "x-max-length-bytes", int32(10)), "11111 22222 33333", "22222 33333"},
	}
	for _, tt := range tests {
		b := New(Options{})
		p := connect(t, b, 1)
		for _, name := range []string{"one by one", "at once"} {
			p.do(1, &amqp.QueueDeclare{Queue: name, Arguments: tt.arguments})
		}
		bodies := strings.Fields(tt.bodies)
		for _, body := range bodies {
			p.publish("one by one", body)
		}
		p.publish("at once", bodies...)
		for _, name := range []string{"one by one", "at once"} {
			wantBodies(t, tt.row+", "+name, p.drain(name), strings.Fields(tt.want)...)
		}
	}
}

// LEN-01: what is delivered does not count, nor do headers.
func TestOnlyReadyBodiesCount(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-max-length", int32(2), "x-max-length-bytes", int32(10))
	header := amqp.BasicProperties{Headers: args("long", strings.Repeat("x", 1000))}
	for _, body := range []string{"11111", "22222"} {
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, header, []byte(body), 131072))
	}
	p.get("q")
	p.get("q")
	p.publish("q", "33333", "44444")
	wantReady(t, b, "q", 2)
	// LEN-03: those that come back are the oldest.
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 2, Multiple: true, Requeue: true})
	wantBodies(t, "ready", p.drain("q"), "33333", "44444")
}

// LEN-03: one that comes back to where there is room stays.
func TestWhatComesBackIsDroppedFirst(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-max-length", int32(2))
	p.publish("q", "1", "2")
	p.get("q")
	p.get("q")
	p.publish("q", "3")
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 2, Multiple: true, Requeue: true})
	wantBodies(t, "ready", p.drain("q"), "2*", "3")
}

// LEN-04: what a consumer takes at once is not too much.
func TestAQueueWithoutRoomDeliversAtOnce(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-max-length", int32(0))
	p.do(1, &amqp.BasicQos{PrefetchCount: 2})
	p.consume(1, "q", "k", false)
	p.publish("q", "1", "2", "3")
	wantBodies(t, "delivered", p.bodies(), "1", "2")
	wantReady(t, b, "q", 0)
}

// LEN-06, LEN-08, PUB-18: a message too many is refused, also if somebody waits
// for it; those that are there stay.
func TestMessagesTooManyAreRefused(t *testing.T) {
	for _, overflow := range []string{"reject-publish", "reject-publish-dlx"} {
		b := New(Options{})
		p := connect(t, b, 2)
		p.declareWith("length", "x-max-length", int32(2), "x-overflow", overflow)
		p.declareWith("bytes", "x-max-length-bytes", int32(10), "x-overflow", overflow)
		p.declareWith("none", "x-max-length", int32(0), "x-overflow", overflow)
		p.consume(1, "none", "k", true)
		p.publish("length", "1", "2", "3")
		p.publish("bytes", "4444", "55555", "66", "7", "8")
		p.publish("none", "9")
		wantBodies(t, "length", p.drain("length"), "1", "2")
		wantBodies(t, "bytes", p.drain("bytes"), "4444", "55555", "7")
		wantBodies(t, "delivered", p.bodies())
		p.publish("length", "10")
		wantBodies(t, "with room again", p.drain("length"), "10")
	}
}

// Requeueing is not refused, and drops nothing.
func TestAQueueThatRefusesTakesBack(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("q", "x-max-length", int32(2), "x-overflow", "reject-publish")
	p.publish("q", "1", "2")
	p.get("q")
	p.publish("q", "3")
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 1, Requeue: true})
	p.publish("q", "4")
	wantBodies(t, "ready", p.drain("q"), "1*", "2", "3")
}

// CONF-08, CONF-09, CONF-16: a message that one of its queues refuses is refused
// once, whether others store it or not, and never confirmed.
func TestRefusalsAreInOrder(t *testing.T) {
	b, _ := durably(t)
	p := connect(t, b, 1)
	full := args("x-max-length", int32(1), "x-overflow", "reject-publish")
	for name, arguments := range map[string]amqp.Table{"full": full, "fuller": full, "free": nil} {
		p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true, Arguments: arguments})
		p.do(1, &amqp.QueueBind{Queue: name, Exchange: "amq.fanout"})
	}
	p.do(1, &amqp.ConfirmSelect{})
	release := hold(t, b)
	p.keep(1, "", "free", "1")
	p.keep(1, "amq.fanout", "", "2", "3", "4")
	p.keep(1, "", "free", "5")
	p.keep(1, "", "nowhere", "6")
	p.keep(1, "", "full", "7")
	p.SendMethods(1, &amqp.ChannelFlow{Active: true})
	if _, m := p.NextMethod(); m.ID() != (&amqp.ChannelFlowOk{}).ID() {
		t.Fatalf("got %s %+v before anything is durable", m.ID(), m)
	}
	release()
	var got []string
	for last := uint64(0); last < 7; {
		switch _, m := p.NextMethod(); m := m.(type) {
		case *amqp.BasicAck:
			got, last = append(got, "ack "+upTo(last, m.DeliveryTag)), m.DeliveryTag
		case *amqp.BasicNack:
			got, last = append(got, "nack "+upTo(last, m.DeliveryTag)), m.DeliveryTag
		}
	}
	if g := strings.Join(got, ", "); g != "ack 1-2, nack 3-4, ack 5-6, nack 7-7" && g != "ack 1-1, ack 2-2, nack 3-4, ack 5-6, nack 7-7" {
		t.Errorf("got %s", g)
	}
	wantReady(t, b, "free", 5)
	wantReady(t, b, "full", 1)
	wantReady(t, b, "fuller", 1)
}

// A queue that is not stored refuses as well, between others that take all.
func TestRefusalsWithoutAStore(t *testing.T) {
	b := New(Options{})
	p := connect(t, b, 1)
	p.declareWith("full", "x-max-length", int32(1), "x-overflow", "reject-publish")
	p.declareWith("free")
	p.do(1, &amqp.ConfirmSelect{})
	p.Send(publishes(1, "free", "1"), publishes(1, "full", "2", "3"), publishes(1, "nowhere", "4"), publishes(1, "full", "5"), publishes(1, "free", "6"))
	var got []string
	for last := uint64(0); last < 6; {
		switch _, m := p.NextMethod(); m := m.(type) {
		case *amqp.BasicAck:
			got, last = append(got, "ack "+upTo(last, m.DeliveryTag)), m.DeliveryTag
		case *amqp.BasicNack:
			got, last = append(got, "nack "+upTo(last, m.DeliveryTag)), m.DeliveryTag
		}
	}
	answers := strings.Join(got, ", ")
	for _, want := range []string{"nack 3-3", "nack 5-5"} {
		if !strings.Contains(answers, want) {
			t.Errorf("got %s, want %s", answers, want)
		}
	}
	if n := strings.Count(answers, "nack"); n != 2 {
		t.Errorf("got %s", answers)
	}
}

// CONF-12: what is dropped is confirmed, whether it was durable or not.
func TestWhatIsDroppedIsConfirmed(t *testing.T) {
	b, _ := durably(t)
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-max-length", int32(1))})
	p.do(1, &amqp.ConfirmSelect{})
	hold(t, b)
	p.keep(1, "", "q", "1", "2", "3")
	before, other := uint64(0), uint64(0)
	wantBodies(t, "confirmed", p.confirmed(&before, &other), "1-2")
}

// LEN-10, LEN-11: lower limits act at once, and after a restart, also on what is
// on disk.
func TestLowerLimitsActAtOnce(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			q := p.declareDurable(b, "q")
			const n = 5000
			p.fill("q", mode, 0, n, kib)
			quiesce(b)
			if q.loaded() > n*kib/2 {
				t.Fatalf("%d bytes are in memory", q.loaded())
			}
			none := *q.settings
			length, bytes, shorter := none, none, none
			length.maxLength, bytes.maxBytes, shorter.maxLength = n-100, (n-200)*kib+kib-1, 10
			q.become(&length)
			wantReady(t, b, "q", n-100)
			q.become(&bytes)
			wantReady(t, b, "q", n-200)
			p.fill("q", mode, n, n+100, kib)
			wantReady(t, b, "q", n-200)
			q.become(&shorter)
			wantReady(t, b, "q", 10)
			for i := range 10 {
				if body, _, _ := p.get("q"); checkBody(t, []byte(body)) != n+90+i {
					t.Fatalf("got another message than %d", n+90+i)
				}
			}
			p.SendMethods(1, &amqp.BasicAck{Multiple: true})
			p.sync()
			quiesce(b)
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

// LEN-01: the bytes of bodies are known after a restart.
func TestBodiesAreCountedAfterARestart(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: args("x-max-length-bytes", int32(12000))})
	for i, size := range []int{10, 0, 300, 5000, 300} {
		header := amqp.BasicProperties{DeliveryMode: 2, Headers: args("long", strings.Repeat("x", 100*i))}
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, header, make([]byte, size), 131072))
	}
	p.sync()
	p.Quit()
	k.restart()
	if q := queueOf(k.Broker, "q"); q.ready.bodies != 5610 || q.ready.len() != 5 {
		t.Errorf("%d bytes of %d messages", q.ready.bodies, q.ready.len())
	}
	p = connect(t, k.Broker, 1)
	p.keep(1, "", "q", strings.Repeat("y", 6390))
	p.sync()
	wantReady(t, k.Broker, "q", 6)
	p.keep(1, "", "q", "z")
	p.sync()
	wantReady(t, k.Broker, "q", 6)
	p.keep(1, "", "q", strings.Repeat("z", 10))
	p.sync()
	wantReady(t, k.Broker, "q", 5)
	p.Quit()
}

// upTo are the publishes from behind last to n.
func upTo(last, n uint64) string { return fmt.Sprintf("%d-%d", last+1, n) }
