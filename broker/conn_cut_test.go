package broker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/broker"
)

// everyMethod is each method of the protocol with short arguments.
var everyMethod = []amqp.Method{
	&amqp.ConnectionStart{VersionMinor: 9, ServerProperties: shortTable, Mechanisms: []byte("M"), Locales: []byte("L")},
	&amqp.ConnectionStartOk{ClientProperties: shortTable, Mechanism: "M", Response: []byte("R"), Locale: "L"},
	&amqp.ConnectionSecure{Challenge: []byte("C")},
	&amqp.ConnectionSecureOk{Response: []byte("R")},
	&amqp.ConnectionTune{ChannelMax: 1, FrameMax: 4096, Heartbeat: 1},
	&amqp.ConnectionTuneOk{ChannelMax: 1, FrameMax: 4096, Heartbeat: 1},
	&amqp.ConnectionOpen{VirtualHost: "/"},
	&amqp.ConnectionOpenOk{},
	&amqp.ConnectionClose{ReplyCode: 200, ReplyText: "T"},
	&amqp.ConnectionCloseOk{},
	&amqp.ConnectionBlocked{Reason: "R"},
	&amqp.ConnectionUnblocked{},
	&amqp.ConnectionUpdateSecret{NewSecret: []byte("S"), Reason: "R"},
	&amqp.ConnectionUpdateSecretOk{},
	&amqp.ChannelOpen{},
	&amqp.ChannelOpenOk{},
	&amqp.ChannelFlow{Active: true},
	&amqp.ChannelFlowOk{Active: true},
	&amqp.ChannelClose{ReplyCode: 200, ReplyText: "T"},
	&amqp.ChannelCloseOk{},
	&amqp.AccessRequest{Realm: "R", Read: true},
	&amqp.AccessRequestOk{Ticket: 1},
	&amqp.ExchangeDeclare{Exchange: "x", Type: "topic", AutoDelete: true, Arguments: shortTable},
	&amqp.ExchangeDeclareOk{},
	&amqp.ExchangeDelete{Exchange: "x"},
	&amqp.ExchangeDeleteOk{},
	&amqp.ExchangeBind{Destination: "x", Source: "y", RoutingKey: "k", Arguments: shortTable},
	&amqp.ExchangeBindOk{},
	&amqp.ExchangeUnbind{Destination: "x", Source: "y", RoutingKey: "k", Arguments: shortTable},
	&amqp.ExchangeUnbindOk{},
	&amqp.QueueDeclare{Queue: "c", AutoDelete: true, Arguments: shortTable},
	&amqp.QueueDeclareOk{Queue: "c"},
	&amqp.QueueBind{Queue: "c", Exchange: "amq.topic", RoutingKey: "k", Arguments: shortTable},
	&amqp.QueueBindOk{},
	&amqp.QueuePurge{Queue: "c"},
	&amqp.QueuePurgeOk{},
	&amqp.QueueDelete{Queue: "c"},
	&amqp.QueueDeleteOk{},
	&amqp.QueueUnbind{Queue: "c", Exchange: "amq.topic", RoutingKey: "k", Arguments: shortTable},
	&amqp.QueueUnbindOk{},
	&amqp.BasicQos{PrefetchCount: 1},
	&amqp.BasicQosOk{},
	&amqp.BasicConsume{Queue: "c", ConsumerTag: "t", Arguments: shortTable},
	&amqp.BasicConsumeOk{ConsumerTag: "t"},
	&amqp.BasicCancel{ConsumerTag: "t"},
	&amqp.BasicCancelOk{ConsumerTag: "t"},
	&amqp.BasicPublish{Exchange: "amq.topic", RoutingKey: "k"},
	&amqp.BasicReturn{ReplyCode: 312, ReplyText: "T", Exchange: "x", RoutingKey: "k"},
	&amqp.BasicDeliver{ConsumerTag: "t", DeliveryTag: 1, Exchange: "x", RoutingKey: "k"},
	&amqp.BasicGet{Queue: "c"},
	&amqp.BasicGetOk{DeliveryTag: 1, Exchange: "x", RoutingKey: "k"},
	&amqp.BasicGetEmpty{},
	&amqp.BasicAck{DeliveryTag: 1},
	&amqp.BasicReject{DeliveryTag: 1},
	&amqp.BasicRecoverAsync{Requeue: true},
	&amqp.BasicRecover{Requeue: true},
	&amqp.BasicRecoverOk{},
	&amqp.BasicNack{DeliveryTag: 1},
	&amqp.BasicCredit{ConsumerTag: "t"},
	&amqp.ConfirmSelect{},
	&amqp.ConfirmSelectOk{},
	&amqp.TxSelect{},
	&amqp.TxSelectOk{},
	&amqp.TxCommit{},
	&amqp.TxCommitOk{},
	&amqp.TxRollback{},
	&amqp.TxRollbackOk{},
}

var shortTable = amqp.Table{{Key: "a", Value: int32(1)}, {Key: "b", Value: "v"}}

// stage is a state that a connection can be in: what the client has sent to
// get there, and how many methods it was answered.
type stage struct {
	name    string
	sent    []byte
	answers int
	is      stageKind
}

type stageKind int

const (
	unconnected    stageKind = iota // no header yet: whatever comes is one
	shaking                         // a fault ends the connection without a word
	opening                         // the same, but for a frame on a channel
	running                         // a fault is answered with connection.close
	content                         // so is any method on channel 1
	closingChannel                  // methods on channel 1 are dropped
	closing                         // everything is dropped but close and close-ok
)

func stages() []stage {
	method := func(channel uint16, m amqp.Method) []byte { return amqp.AppendMethod(nil, channel, m) }
	join := func(pieces ...[]byte) (all []byte) {
		for _, p := range pieces {
			all = append(all, p...)
		}
		return all
	}
	header := []byte(amqp.ProtocolHeader)
	started := join(header, method(0, &amqp.ConnectionStartOk{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest"), Locale: "en_US"}))
	tuned := join(started, method(0, &amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072}))
	open := join(tuned, method(0, &amqp.ConnectionOpen{VirtualHost: "/"}))
	channels := join(open, method(1, &amqp.ChannelOpen{}), method(2, &amqp.ChannelOpen{}))
	publish := join(channels, method(1, &amqp.BasicPublish{}))
	return []stage{
		{"before the header", nil, 0, unconnected},
		{"after start", header, 1, shaking},
		{"after tune", started, 2, shaking},
		{"after tune-ok", tuned, 2, opening},
		{"open", open, 3, running},
		{"with channels", channels, 5, running},
		{"header due", publish, 5, content},
		{"body due", join(publish, amqp.AppendContentHeader(nil, 1, 5, amqp.Properties{0, 0})), 5, content},
		{"within a body", join(publish, amqp.AppendContentHeader(nil, 1, 5, amqp.Properties{0, 0}), amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("abc"))), 5, content},
		{"closing a channel", join(channels, method(1, &amqp.QueueDeclare{Queue: "missing", Passive: true})), 6, closingChannel},
		{"closing", join(channels, method(1, &amqp.BasicQos{PrefetchSize: 1})), 6, closing},
	}
}

// rig is a broker with a healthy client, and clients that are not.
type rig struct {
	t       *testing.T
	broker  *broker.Broker
	healthy *amqptest.Client
	n       int // messages of the healthy client
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, broker: broker.New(broker.Options{})}
	r.healthy = amqptest.New(t, r.connect())
	r.healthy.Open(amqptest.Login{})
	r.healthy.OpenChannel(1)
	r.healthy.SendMethods(1,
		&amqp.QueueDeclare{Queue: "healthy", Exclusive: true},
		&amqp.ConfirmSelect{},
		&amqp.BasicConsume{Queue: "healthy", ConsumerTag: "h"})
	for range 3 {
		r.healthy.Next()
	}
	return r
}

// connect returns the client's end of a new connection. The test waits for
// the broker to be done with it.
func (r *rig) connect() net.Conn {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.broker.ServeConn(server)
	}()
	r.t.Cleanup(func() { <-done })
	return client
}

// check has the healthy client publish a message, and get and confirm it.
func (r *rig) check() {
	r.t.Helper()
	r.n++
	body := fmt.Sprint("message ", r.n)
	r.healthy.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "healthy"}, amqp.BasicProperties{}, []byte(body), 4096))
	_, got := r.healthy.ExpectContent(1, &amqp.BasicDeliver{ConsumerTag: "h", DeliveryTag: uint64(r.n), RoutingKey: "healthy"})
	if string(got) != body {
		r.t.Fatalf("the healthy client got %q, want %q", got, body)
	}
	r.healthy.Expect(1, &amqp.BasicAck{DeliveryTag: uint64(r.n)})
	r.healthy.SendMethods(1, &amqp.BasicAck{DeliveryTag: uint64(r.n)})
}

// play sends a script, ends the connection when the broker has nothing left to
// do for it, and returns the broker's output.
func (r *rig) play(script []byte) []byte {
	r.t.Helper()
	client, server := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.broker.ServeConn(server)
	}()
	output := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(client)
		output <- b
	}()
	go client.Write(script) // may not be taken
	synctest.Wait()
	client.Close()
	<-served
	return <-output
}

// Every method, cut short by the end of the connection at every byte, in every
// state: what was answered before stays as it is, and nothing else follows.
func TestMethodsCutShortByTheEndOfTheConnection(t *testing.T) {
	for _, s := range stages() {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				tried := map[string]bool{}
				for _, m := range everyMethod {
					frame := amqp.AppendMethod(nil, channelOf(m), m)
					for n := range frame {
						if cut := frame[:n]; !tried[string(cut)] && sampled(n) {
							tried[string(cut)] = true
							r.cutStream(s, m, cut)
						}
					}
					r.check()
				}
			})
		})
	}
}

// sampled leaves out most of the cuts in short mode.
func sampled(n int) bool { return !testing.Short() || n%5 == 0 }

func channelOf(m amqp.Method) uint16 {
	if m.ID().Class() == 10 {
		return 0
	}
	return 1
}

func (r *rig) cutStream(s stage, m amqp.Method, cut []byte) {
	r.t.Helper()
	output := r.play(append(s.sent[:len(s.sent):len(s.sent)], cut...))
	if s.is == unconnected {
		if want := amqp.ProtocolHeader; len(cut) >= len(want) && string(output) != want || len(cut) < len(want) && len(output) > 0 {
			r.t.Errorf("%s cut to %q is answered by %q", m.ID(), cut, output)
		}
		return
	}
	messages, err := amqptest.ParseOutput(output)
	if err != nil || len(messages) != s.answers {
		r.t.Errorf("%s cut to %q is answered by %v %v, want %d methods", m.ID(), cut, messages, err, s.answers)
	}
}

// Every method, with arguments cut short at every byte within a whole frame,
// in every state.
func TestMethodsWithArgumentsCutShort(t *testing.T) {
	for _, s := range stages() {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				tried := map[string]bool{}
				for _, m := range everyMethod {
					frame := amqp.AppendMethod(nil, channelOf(m), m)
					payload := frame[7 : len(frame)-1]
					for n := range len(payload) + 1 {
						if cut := payload[:n]; !tried[string(cut)] && (sampled(n) || n == len(payload)) {
							tried[string(cut)] = true
							r.cutArguments(s, m, cut, n == len(payload))
						}
					}
					r.check()
				}
			})
		})
	}
}

// cutArguments sends a method in its cut form, and behind it a channel.flow on
// channel 2 and a connection.close, which show whether the connection goes on.
func (r *rig) cutArguments(s stage, m amqp.Method, payload []byte, whole bool) {
	r.t.Helper()
	channel := channelOf(m)
	script := amqp.AppendFrame(s.sent[:len(s.sent):len(s.sent)], amqp.FrameMethod, channel, payload)
	script = amqp.AppendMethod(script, 2, &amqp.ChannelFlow{Active: true})
	script = amqp.AppendMethod(script, 0, &amqp.ConnectionClose{})
	output := r.play(script)
	messages, err := amqptest.ParseOutput(output)
	if err != nil {
		r.t.Errorf("%s cut to %v: %v behind %v", m.ID(), payload, err, messages)
		return
	}
	if s.is == unconnected {
		if string(output) != amqp.ProtocolHeader {
			r.t.Errorf("%s cut to %v is answered by %q", m.ID(), payload, output)
		}
		return
	}
	if len(messages) < s.answers {
		r.t.Errorf("%s cut to %v: the answers before it are %v", m.ID(), payload, messages)
		return
	}
	got := messages[s.answers:]
	if problem := s.unlike(m, channel, payload, whole, got); problem != nil {
		r.t.Errorf("%s %v is answered by %v: %v", m.ID(), payload, got, problem)
	}
}

var errNotLike = errors.New("not as it should be")

// unlike compares the answers to a method with what its state calls for.
func (s stage) unlike(m amqp.Method, channel uint16, payload []byte, whole bool, got []amqptest.Message) error {
	var closes []*amqp.ConnectionClose
	goesOn, closeOk := false, false
	for _, g := range got {
		switch a := g.Method.(type) {
		case *amqp.ConnectionClose:
			closes = append(closes, a)
		case *amqp.ChannelFlowOk:
			goesOn = goesOn || g.Channel == 2
		case *amqp.ConnectionCloseOk:
			closeOk = true
		}
	}
	closed := func(codes ...amqp.ReplyCode) error {
		if len(closes) == 1 && !goesOn {
			for _, c := range codes {
				if closes[0].ReplyCode == uint16(c) {
					return nil
				}
			}
		}
		return fmt.Errorf("%w: want a close with one of %v", errNotLike, codes)
	}
	short := len(payload) < 4
	switch {
	case s.is == opening && channel != 0:
		return closed(amqp.UnexpectedFrame)
	case s.is == opening && short:
		return closed(amqp.FrameError)
	case s.is == opening && whole && m.ID() != (&amqp.ConnectionOpen{}).ID(): // CONN-33
		return closed(amqp.ChannelError)
	case s.is == shaking || s.is == opening:
		if !whole && len(got) > 0 {
			return fmt.Errorf("%w: want silence", errNotLike)
		}
		return nil
	case s.is == closing:
		if closedIt := whole && m.ID() == (&amqp.ConnectionCloseOk{}).ID(); goesOn || len(closes) > 0 || closeOk == closedIt {
			return fmt.Errorf("%w: want nothing but close-ok", errNotLike)
		}
		return nil
	case short:
		if closeOk || len(closes) == 0 || !strings.HasSuffix(closes[0].ReplyText, ": unknown_frame") {
			return fmt.Errorf("%w: want it to be no frame", errNotLike)
		}
		return closed(amqp.FrameError)
	case s.is == closingChannel && channel == 1 && whole:
		if second := m.ID() == (&amqp.ChannelOpen{}).ID(); second || goesOn {
			return nil
		}
		return fmt.Errorf("%w: want it dropped", errNotLike)
	case s.is == content && channel == 1:
		return closed(amqp.UnexpectedFrame)
	case !whole && channel == 0:
		return closed(amqp.FrameError, amqp.SyntaxError, amqp.InternalError, amqp.ChannelError)
	case !whole:
		return closed(amqp.FrameError, amqp.SyntaxError, amqp.ChannelError)
	case s.name == "open" && channel == 1 && m.ID() != (&amqp.ChannelOpen{}).ID():
		return closed(amqp.ChannelError)
	case !closeOk:
		return fmt.Errorf("%w: want an answer to connection.close", errNotLike)
	}
	return nil
}
