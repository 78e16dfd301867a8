package broker

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// declareGrouped declares a queue with message groups.
func (p *peer) declareGrouped(queue string, more ...any) {
	p.t.Helper()
	p.do(1, &amqp.QueueDeclare{Queue: queue, Durable: true, Arguments: args(append(more, "x-message-groups", true)...)})
}

// publishGroups publishes messages to a queue. Each is of the group that its
// first letter names, or of none if that is "-".
func (p *peer) publishGroups(queue string, bodies ...string) {
	p.t.Helper()
	var b []byte
	for _, body := range bodies {
		id := body[:1]
		if id == "-" {
			id = ""
		}
		b = append(b, inGroup(queue, id, body, 2)...)
	}
	p.Send(b)
	p.sync()
}

// worker starts a consumer on a channel of its own, with a prefetch limit.
func (p *peer) worker(channel uint16, queue string, prefetch uint16) {
	p.t.Helper()
	p.do(channel, &amqp.BasicQos{PrefetchCount: prefetch})
	p.consume(channel, queue, strconv.Itoa(int(channel)), false)
}

// came is what was delivered, "consumer:body", with an asterisk for what was
// redelivered.
func (p *peer) came() (all []string) {
	p.t.Helper()
	for _, d := range p.take() {
		body := d.consumer + ":" + d.body
		if d.redelivered {
			body += "*"
		}
		all = append(all, body)
	}
	return all
}

func (p *peer) wantCame(want ...string) {
	p.t.Helper()
	if got := p.came(); !slices.Equal(got, want) {
		p.t.Errorf("%q came, want %q", got, want)
	}
}

func (p *peer) ack(channel uint16, tag uint64) {
	p.SendMethods(channel, &amqp.BasicAck{DeliveryTag: tag})
}

func (p *peer) giveBack(channel uint16, tag uint64) {
	p.SendMethods(channel, &amqp.BasicNack{DeliveryTag: tag, Requeue: true})
}

func withGroups(t testing.TB, channels uint16) (*peer, *Broker) {
	b := New(Options{})
	p := connect(t, b, channels)
	p.declareGrouped("q")
	return p, b
}

func TestAGroupStaysWithItsConsumerWhileOthersGoOn(t *testing.T) {
	p, _ := withGroups(t, 3)
	p.worker(1, "q", 1)
	p.worker(2, "q", 1)
	p.worker(3, "q", 1)
	p.publishGroups("q", "a1", "a2", "a3", "b1", "a4", "b2")
	p.wantCame("1:a1", "2:b1")
	p.ack(1, 1)
	p.wantCame("1:a2")
	p.ack(2, 1)
	p.wantCame("2:b2")
	p.publishGroups("q", "c1")
	p.wantCame("3:c1")
	p.ack(1, 2)
	p.wantCame("1:a3")
	p.ack(1, 3)
	p.wantCame("1:a4")
}

// Who has no room keeps no group from others.
func TestAGroupOfABusyConsumerGoesToOneThatHasRoom(t *testing.T) {
	p, _ := withGroups(t, 2)
	p.worker(1, "q", 1)
	p.publishGroups("q", "a1", "b1", "a2", "b2")
	p.wantCame("1:a1")
	p.ack(1, 1)
	p.wantCame("1:b1") // it came before a2
	p.worker(2, "q", 1)
	p.wantCame("2:a2")
	p.ack(1, 2)
	p.wantCame("1:b2")
}

func TestAMessageOfAGroupThatIsGivenBackComesBeforeItsSuccessors(t *testing.T) {
	tests := []struct {
		name string
		back []amqp.Method // of a1, a2, a3, which have tags 1 to 3
		want []string
	}{
		{"one", []amqp.Method{&amqp.BasicNack{DeliveryTag: 2, Requeue: true}}, []string{"1:a2*"}},
		{"rejected", []amqp.Method{&amqp.BasicReject{DeliveryTag: 1, Requeue: true}}, []string{"1:a1*"}},
		{"in order", []amqp.Method{
			&amqp.BasicNack{DeliveryTag: 1, Requeue: true}, &amqp.BasicNack{DeliveryTag: 2, Requeue: true},
		}, []string{"1:a1*", "1:a2*"}},
		{"several at once", []amqp.Method{&amqp.BasicNack{DeliveryTag: 2, Multiple: true, Requeue: true}}, []string{"1:a1*", "1:a2*"}},
		{"all", []amqp.Method{&amqp.BasicNack{Multiple: true, Requeue: true}}, []string{"1:a1*", "1:a2*", "1:a3*"}},
		{"recovered", []amqp.Method{&amqp.BasicRecoverAsync{Requeue: true}}, []string{"1:a1*", "1:a2*", "1:a3*"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := withGroups(t, 2)
			p.worker(1, "q", 3)
			p.worker(2, "q", 3)
			p.publishGroups("q", "a1", "a2", "a3", "a4", "a5")
			p.wantCame("1:a1", "1:a2", "1:a3")
			p.SendMethods(1, tt.back...)
			p.wantCame(tt.want...)
		})
	}
}

func TestAGroupIsHandedOverWhenItsConsumerLeaves(t *testing.T) {
	t.Run("channel", func(t *testing.T) {
		p, _ := withGroups(t, 3)
		p.worker(1, "q", 2)
		p.worker(2, "q", 3)
		p.publishGroups("q", "a1", "a2", "a3", "a4")
		p.wantCame("1:a1", "1:a2")
		p.do(1, &amqp.ChannelClose{})
		p.OpenChannel(1)
		p.wantCame("2:a1*", "2:a2*", "2:a3")
	})
	t.Run("connection", func(t *testing.T) {
		p, b := withGroups(t, 2)
		lost := connect(t, b, 1)
		lost.worker(1, "q", 2)
		p.worker(2, "q", 3)
		p.publishGroups("q", "a1", "a2", "a3", "a4")
		if got := lost.came(); !slices.Equal(got, []string{"1:a1", "1:a2"}) {
			t.Fatalf("%q came", got)
		}
		lost.Close()
		var got []string
		for len(got) < 3 {
			got = append(got, p.came()...)
		}
		if !slices.Equal(got, []string{"2:a1*", "2:a2*", "2:a3"}) {
			t.Errorf("%q came", got)
		}
	})
	// What a cancelled consumer still has comes before what follows.
	t.Run("cancel", func(t *testing.T) {
		p, _ := withGroups(t, 2)
		p.worker(1, "q", 2)
		p.worker(2, "q", 3)
		p.publishGroups("q", "a1", "a2", "a3", "a4", "b1")
		p.wantCame("1:a1", "1:a2", "2:b1")
		p.do(1, &amqp.BasicCancel{ConsumerTag: "1"})
		p.ack(1, 1)
		p.publishGroups("q", "a5", "b2")
		p.wantCame("2:b2")
		p.giveBack(1, 2)
		p.wantCame("2:a2*")
		p.ack(2, 3)
		p.wantCame("2:a3")
	})
}

func TestGroupsOfAConsumerComeInTheOrderOfTheQueue(t *testing.T) {
	p, _ := withGroups(t, 2)
	p.worker(1, "q", 2)
	p.publishGroups("q", "a1", "b1", "b2", "a2", "-3", "c3", "b3", "a3")
	p.wantCame("1:a1", "1:b1")
	p.worker(2, "q", 1)
	p.wantCame("2:-3") // b2 and a2 are for the other one
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.wantCame("1:b2", "1:a2")
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.wantCame("1:c3", "1:b3")
}

// What a consumer gets of its groups and of those that nobody has is what came
// first.
func TestAConsumerGetsWhatCameFirst(t *testing.T) {
	tests := []struct {
		publishes []string
		want      string
	}{
		{[]string{"a1", "a2", "b1"}, "1:a2"},
		{[]string{"a1", "b1", "a2"}, "1:b1*"},
		{[]string{"a1", "-1", "a2"}, "1:-1*"},
	}
	for _, tt := range tests {
		p, _ := withGroups(t, 3)
		p.worker(1, "q", 1)
		p.worker(2, "q", 1)
		p.worker(3, "q", 1) // looks through all that waits
		p.publishGroups("q", tt.publishes...)
		p.take()
		p.do(3, &amqp.BasicCancel{ConsumerTag: "3"})
		p.do(2, &amqp.ChannelClose{}) // what it had is nobody's
		p.OpenChannel(2)
		p.ack(1, 1)
		p.wantCame(tt.want)
	}
}

// CONS-14 holds for those that have room: who gets nothing because others have
// the groups keeps his place.
func TestConsumersGetGroupsInTurn(t *testing.T) {
	p, _ := withGroups(t, 3)
	for channel := range uint16(3) {
		p.worker(channel+1, "q", 10)
	}
	p.publishGroups("q", "a1", "a2", "a3", "b1", "c1", "d1", "-1", "-2", "-3", "e1")
	p.wantCame("1:a1", "1:a2", "1:a3", "2:b1", "3:c1", "1:d1", "2:-1", "3:-2", "1:-3", "2:e1")
}

func TestBasicGetTakesWhatNobodyHas(t *testing.T) {
	p, _ := withGroups(t, 2)
	p.publishGroups("q", "a1", "a2", "b1", "-1", "c1")
	get := func(want string) (tag uint64) {
		t.Helper()
		body, _, tag := p.get("q")
		if body != want {
			t.Errorf("got %q, want %q", body, want)
		}
		return tag
	}
	first := get("a1")
	get("b1")
	get("-1")
	p.worker(2, "q", 10)
	p.wantCame("2:c1")
	get("")
	p.giveBack(1, first)
	p.wantCame("2:a1*", "2:a2")
	get("")
	p.publishGroups("q", "-2")
	p.wantCame("2:-2")
	p.do(2, &amqp.BasicCancel{ConsumerTag: "2"})
	p.publishGroups("q", "d1", "d2")
	p.do(1, &amqp.BasicGet{Queue: "q", NoAck: true})
	p.content()
	get("d2") // nobody has d1 any more
}

// Nothing is known of what has become of messages that need no acknowledgement:
// they hold nothing up.
// What dies on the way does not count as what was looked at.
func TestBasicGetComesToWhatIsBehindTheDead(t *testing.T) {
	p, _ := withGroups(t, 1)
	p.publishGroups("q", "a1")
	p.SendMethods(1, &amqp.BasicGet{Queue: "q"})
	p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: 1, RoutingKey: "q"})
	p.publishGroups("q", "a2")
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{Expiration: "0"}, []byte("dead"), 131072))
	p.publishGroups("q", "-3")
	p.SendMethods(1, &amqp.BasicGet{Queue: "q"})
	if _, body := p.ExpectContent(1, &amqp.BasicGetOk{DeliveryTag: 2, RoutingKey: "q", MessageCount: 1}); string(body) != "-3" {
		t.Errorf("got %s", body)
	}
}

func TestGroupsOfConsumersWithoutAcknowledgement(t *testing.T) {
	p, b := withGroups(t, 2)
	p.consume(2, "q", "2", true)
	p.publishGroups("q", "a1", "a2", "b1")
	p.wantCame("2:a1", "2:a2", "2:b1")
	if n := remembered(b, "q"); n != 0 {
		t.Errorf("%d groups are remembered", n)
	}
}

func TestGroupsWithASingleActiveConsumer(t *testing.T) {
	p := connect(t, New(Options{}), 2)
	p.declareGrouped("q", "x-single-active-consumer", true)
	p.worker(1, "q", 2)
	p.worker(2, "q", 2)
	p.publishGroups("q", "a1", "b1", "a2", "b2", "c1")
	p.wantCame("1:a1", "1:b1")
	p.do(1, &amqp.BasicCancel{ConsumerTag: "1"})
	p.wantCame("2:c1") // others wait for what is out
	p.SendMethods(1, &amqp.BasicAck{Multiple: true})
	p.wantCame("2:a2")
}

// CONS-15: who has the higher priority gets what nobody has.
func TestGroupsWithConsumerPriorities(t *testing.T) {
	p, _ := withGroups(t, 2)
	p.worker(1, "q", 10)
	p.publishGroups("q", "a1")
	p.do(2, &amqp.BasicQos{PrefetchCount: 2})
	p.do(2, &amqp.BasicConsume{Queue: "q", ConsumerTag: "2", Arguments: priority(1)})
	p.publishGroups("q", "a2", "b1", "b2", "b3", "c1")
	p.wantCame("1:a1", "1:a2", "2:b1", "2:b2", "1:c1")
}

// QOS-04: what a consumer does not get because of the groups does not count in
// the limit of its channel.
func TestGroupsWithALimitOfTheChannel(t *testing.T) {
	p, _ := withGroups(t, 2)
	p.worker(1, "q", 1)
	p.publishGroups("q", "a1", "a2", "a3")
	p.do(2, &amqp.BasicQos{PrefetchCount: 1, Global: true})
	p.consume(2, "q", "2", false)
	p.wantCame("1:a1")
	p.publishGroups("q", "b1", "c1")
	p.wantCame("2:b1")
	p.ack(2, 1)
	p.wantCame("2:c1")
}

// A group that nobody may take from costs what comes for others nothing: with a
// look at all that waits for each delivery this would take hours.
func TestALongGroupThatIsHeldUpHoldsNobodyUp(t *testing.T) {
	waiting, others := fewer(100_000, 30_000), fewer(20_000, 5_000)
	p, _ := withGroups(t, 2)
	p.worker(1, "q", 1)
	var b []byte
	for i := range waiting {
		b = append(b, inGroup("q", "held", strconv.Itoa(i), 1)...)
	}
	p.Send(b)
	p.sync()
	p.take()
	p.worker(2, "q", 100)
	b = b[:0]
	for i := range others {
		b = append(b, inGroup("q", strconv.Itoa(i%10), strconv.Itoa(i), 1)...)
	}
	p.running.Go(func() { p.Send(b) })
	for next := 0; next < others; next++ {
		_, m := p.NextMethod()
		d := m.(*amqp.BasicDeliver)
		if n := number(t, string(p.content())); n != next {
			t.Fatalf("got message %d, want %d", n, next)
		}
		p.ack(2, d.DeliveryTag)
	}
}

// Groups of which nothing is left leave nothing behind.
func TestGroupsAreForgotten(t *testing.T) {
	const n = 3 * largeMap
	p, b := withGroups(t, 2)
	var burst []byte
	for i := range n {
		burst = append(burst, inGroup("q", strconv.Itoa(i), "x", 1)...)
	}
	p.Send(burst)
	p.consume(2, "q", "2", false)
	p.await(n)
	gs := queueOf(b, "q").ready.groups
	if len(gs.known) != n {
		t.Errorf("%d groups are known, want %d", len(gs.known), n)
	}
	p.SendMethods(2, &amqp.BasicAck{Multiple: true})
	p.sync()
	if n := remembered(b, "q"); n != 0 || gs.most != 0 {
		t.Errorf("%d groups are remembered", n)
	}
}

func TestGroupIDs(t *testing.T) {
	tests := []struct {
		headers amqp.Table
		want    string
	}{
		{nil, ""},
		{args("x-group-id", "a"), "a"},
		{args("JMSXGroupID", "b"), "b"},
		{args("JMSXGroupID", "b", "x-group-id", "a"), "a"},
		{args("JMSXGroupID", "b", "x-group-id", ""), "b"},
		{args("x-group-id", []byte("a")), "a"},
		{args("x-group-id", int8(7)), "7"},
		{args("x-group-id", int64(-7)), "-7"},
		{args("x-group-id", amqp.Timestamp(7)), "7"},
		{args("x-group-id", 1.5), "1.5"},
		{args("x-group-id", true), "true"},
		{args("x-group-id", nil), ""},
		{args("x-group-id", amqp.Array{"a"}, "JMSXGroupID", "b"), "b"},
		{args("x-group-id", amqp.Table{{Key: "a", Value: "b"}}), ""},
		{args("x-group-id", amqp.Decimal{Scale: 1, Value: 5}), ""},
		{args("X-Group-ID", "a"), ""},
	}
	for _, tt := range tests {
		properties := amqp.BasicProperties{Headers: tt.headers}
		if got := groupID(properties.Append(nil)); got != tt.want {
			t.Errorf("%v: group %q, want %q", tt.headers, got, tt.want)
		}
	}
}

func TestTheArgumentOfMessageGroups(t *testing.T) {
	const wrong = "PRECONDITION_FAILED - invalid arg 'x-message-groups' for queue 'q' in vhost '/': "
	tests := []struct {
		args amqp.Table
		want string // empty: it is accepted
	}{
		{args("x-message-groups", true), ""},
		{args("x-message-groups", false), ""},
		{args("x-message-groups", true, "x-queue-type", "quorum"), ""},
		{args("x-message-groups", "true"), wrong + "{unacceptable_type,longstr}"},
		{args("x-message-groups", int32(1)), wrong + "{unacceptable_type,signedint}"},
		{args("x-message-groups", true, "x-max-priority", int32(5)), wrong + "not_with_priorities"},
		{args("x-message-groups", true, "x-max-priority", int32(0)), ""},
		{args("x-message-groups", false, "x-max-priority", int32(5)), ""},
	}
	for _, tt := range tests {
		p := connect(t, New(Options{}), 1)
		switch m := p.call(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: tt.args}).(type) {
		case *amqp.QueueDeclareOk:
			if tt.want != "" {
				t.Errorf("%v is accepted", tt.args)
			}
			again := p.call(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: slices.DeleteFunc(tt.args, func(f amqp.Field) bool {
				return f.Key == "x-message-groups"
			})})
			if c, ok := again.(*amqp.ChannelClose); !ok || !strings.Contains(c.ReplyText, "inequivalent arg 'x-message-groups'") {
				t.Errorf("a declaration without it is answered by %+v", again)
			}
		case *amqp.ChannelClose:
			if m.ReplyText != tt.want {
				t.Errorf("%v: %q, want %q", tt.args, m.ReplyText, tt.want)
			}
		}
	}
}

// Groups are in order again after a restart, what was out before what was not.
func TestGroupsAfterARestart(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 2)
		p.declareGrouped("q")
		p.worker(1, "q", 1)
		p.worker(2, "q", 1)
		p.publishGroups("q", "a1", "a2", "b1", "a3", "b2", "-1")
		p.wantCame("1:a1", "2:b1")
		p.do(2, &amqp.QueueDeclare{Queue: "other", Durable: true}) // all that is before it is durable
		again()
		p = connect(t, k.Broker, 2)
		p.worker(1, "q", 10)
		var got []string
		for _, d := range p.await(6) {
			got = append(got, d.body)
			if d.body[1] == '1' && d.body != "-1" && !d.redelivered {
				t.Errorf("%s was out, and is not redelivered", d.body)
			}
		}
		if want := []string{"a1", "a2", "b1", "a3", "b2", "-1"}; !slices.Equal(got, want) {
			t.Errorf("%q came, want %q", got, want)
		}
	})
}
