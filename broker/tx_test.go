package broker

import (
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// transact opens a connection with two channels, the first of them
// transactional, and a queue q with some messages.
func transact(t *testing.T, messages int) (*Broker, *peer) {
	t.Helper()
	b := New(Options{})
	p := connect(t, b, 2)
	p.declare("q")
	p.publish("q", numbered(0, messages)...)
	p.do(1, &amqp.TxSelect{})
	return b, p
}

func (p *peer) commit() {
	p.t.Helper()
	p.do(1, &amqp.TxCommit{})
}

func (p *peer) rollback() {
	p.t.Helper()
	p.do(1, &amqp.TxRollback{})
}

// wantReady compares how many messages are ready in a queue.
func wantReady(t *testing.T, b *Broker, queue string, want int) {
	t.Helper()
	if n, _ := waiting(b, queue); n != want {
		t.Errorf("%d messages are ready in %s, want %d", n, queue, want)
	}
}

func wantBodies(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TX-02, CONF-14, CONF-15
func TestTransactionsAndTheirRefusals(t *testing.T) {
	tests := []struct {
		name    string
		methods []amqp.Method // all but the last are answered
		text    string        // empty: the last is, too
	}{
		{"TX-01: select twice", []amqp.Method{&amqp.TxSelect{}, &amqp.TxSelect{}}, ""},
		{"TX-04: nothing to commit", []amqp.Method{&amqp.TxSelect{}, &amqp.TxCommit{}, &amqp.TxRollback{}, &amqp.TxCommit{}}, ""},
		{"TX-02: commit", []amqp.Method{&amqp.TxCommit{}}, "channel is not transactional"},
		{"TX-02: rollback", []amqp.Method{&amqp.TxRollback{}}, "channel is not transactional"},
		{"CONF-14", []amqp.Method{&amqp.ConfirmSelect{}, &amqp.TxSelect{}}, "cannot switch from confirm to tx mode"},
		{"CONF-15", []amqp.Method{&amqp.TxSelect{}, &amqp.ConfirmSelect{}}, "cannot switch from tx to confirm mode"},
		{"CONF-15: no-wait", []amqp.Method{&amqp.TxSelect{}, &amqp.ConfirmSelect{NoWait: true}}, "cannot switch from tx to confirm mode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			last := len(tt.methods) - 1
			for _, m := range tt.methods[:last] {
				p.do(1, m)
			}
			if tt.text == "" {
				p.do(1, tt.methods[last])
				return
			}
			p.SendMethods(1, tt.methods[last])
			p.ExpectClose(1, amqp.PreconditionFailed, "PRECONDITION_FAILED - "+tt.text, tt.methods[last].ID())
		})
	}
}

// TX-03, TX-04
func TestPublishesWaitForTheCommit(t *testing.T) {
	b, p := transact(t, 0)
	p.consume(2, "q", "k", true)
	p.publish("q", numbered(0, 1000)...)
	wantBodies(t, "before the commit", p.bodies())
	p.commit()
	wantBodies(t, "after it", p.bodies(), numbered(0, 1000)...)
	p.publish("q", "lost")
	p.rollback()
	p.publish("q", "next") // a transaction begins by itself
	p.commit()
	wantBodies(t, "after a rollback", p.bodies(), "next")
	p.commit()
	wantBodies(t, "after an empty commit", p.bodies())
	wantReady(t, b, "q", 0)
}

// TX-05
func TestAPublishInATransactionIsCheckedAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name       string
		method     amqp.BasicPublish
		properties amqp.BasicProperties
		code       amqp.ReplyCode
		text       string
	}{
		{"exchange", amqp.BasicPublish{Exchange: "nope"}, amqp.BasicProperties{}, amqp.NotFound, "NOT_FOUND - no exchange 'nope' in vhost '/'"},
		{
			"user",
			amqp.BasicPublish{},
			amqp.BasicProperties{UserID: "x"},
			amqp.PreconditionFailed,
			"PRECONDITION_FAILED - user_id property set to 'x' but authenticated user was 'guest'",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, p := transact(t, 0)
			p.publish("q", "dropped")
			p.Send(amqptest.Publish(1, &tt.method, tt.properties, []byte("x"), 4096))
			p.ExpectClose(1, tt.code, tt.text, (&amqp.BasicPublish{}).ID())
			p.reopen()
			p.do(1, &amqp.TxSelect{})
			p.commit()
			wantReady(t, b, "q", 0)
		})
	}
}

// TX-06, EXCH-44
func TestACommitKeepsToTheRoutesOfItsPublishes(t *testing.T) {
	b, p := transact(t, 0)
	p.do(2, &amqp.ExchangeDeclare{Exchange: "x", Type: "direct"})
	for _, queue := range []string{"gone", "again"} {
		p.declare(queue)
		p.do(2, &amqp.QueueBind{Queue: queue, Exchange: "x", RoutingKey: "k"})
	}
	p.do(2, &amqp.QueueBind{Queue: "q", Exchange: "x", RoutingKey: "k"})
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"}, amqp.BasicProperties{}, []byte("x"), 4096))
	p.publish("late", "by name")
	p.do(2, &amqp.ExchangeDelete{Exchange: "x"})
	p.do(2, &amqp.QueueDelete{Queue: "gone"})
	p.do(2, &amqp.QueueDelete{Queue: "again"})
	p.declare("again")
	p.declare("late")
	p.commit()
	for _, queue := range []string{"q", "again"} {
		wantBodies(t, queue, p.drain(queue), "x")
	}
	wantBodies(t, "late", p.drain("late"), "by name")
	if queueOf(b, "gone") != nil {
		t.Error("a deleted queue is back")
	}
}

// TX-07
func TestReturnsComeWithTheCommit(t *testing.T) {
	_, p := transact(t, 0)
	p.do(2, &amqp.QueueBind{Queue: "q", Exchange: "amq.direct", RoutingKey: "k"})
	publish := func(exchange, key, body string, mandatory bool) {
		p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key, Mandatory: mandatory}, amqp.BasicProperties{}, []byte(body), 4096))
	}
	publish("", "nope", "1", true)
	publish("", "late", "2", true)
	publish("", "nope", "3", false)
	publish("amq.direct", "nope", "4", true)
	publish("amq.direct", "k", "5", true)
	p.declare("late")
	p.do(2, &amqp.QueueDelete{Queue: "q"})
	p.SendMethods(1, &amqp.TxCommit{})
	for _, want := range []struct{ exchange, key, body string }{{"", "nope", "1"}, {"amq.direct", "nope", "4"}, {"amq.direct", "k", "5"}} {
		_, body := p.ExpectContent(1, &amqp.BasicReturn{ReplyCode: 312, ReplyText: "NO_ROUTE", Exchange: want.exchange, RoutingKey: want.key})
		if string(body) != want.body {
			t.Errorf("message %q is returned, want %q", body, want.body)
		}
	}
	p.Expect(1, &amqp.TxCommitOk{})
	wantBodies(t, "late", p.drain("late"), "2")
}

// TX-09
func TestAnUnknownTagInATransactionIsRefusedAtOnce(t *testing.T) {
	b, p := transact(t, 2)
	p.get("q")
	p.get("q")
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1}, &amqp.BasicNack{DeliveryTag: 2}, &amqp.BasicAck{DeliveryTag: 1, Multiple: true})
	p.ExpectClose(1, amqp.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 1", (&amqp.BasicAck{}).ID())
	p.reopen()
	wantReady(t, b, "q", 2) // as if nothing had been settled
}

// TX-10
func TestARollbackMakesDeliveriesOutstandingAgain(t *testing.T) {
	b, p := transact(t, 6)
	for range 6 {
		p.get("q")
	}
	settleAll := func() {
		p.SendMethods(1,
			&amqp.BasicNack{DeliveryTag: 5, Requeue: true}, &amqp.BasicAck{DeliveryTag: 2}, &amqp.BasicReject{DeliveryTag: 1},
			&amqp.BasicAck{DeliveryTag: 4, Multiple: true})
	}
	for range 3 {
		settleAll()
		p.rollback()
		wantReady(t, b, "q", 0)
	}
	settleAll() // the same tags
	p.commit()
	wantReady(t, b, "q", 1)
	p.SendMethods(1, &amqp.BasicNack{Multiple: true, Requeue: true}) // only 6 is left
	p.commit()
	wantBodies(t, "the queue", p.drain("q"), "4*", "5*")
}

// TX-10: in the order of their tags.
func TestMultipleCoversWhatARollbackHasBroughtBack(t *testing.T) {
	_, p := transact(t, 3)
	for range 3 {
		p.get("q")
	}
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 3}, &amqp.BasicAck{DeliveryTag: 1})
	p.rollback()
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 2, Multiple: true}, &amqp.BasicNack{DeliveryTag: 3, Requeue: true})
	p.commit()
	wantBodies(t, "the queue", p.drain("q"), "2*")
}

// TX-11
func TestTheEndOfAChannelOrConnectionRollsBack(t *testing.T) {
	for name, end := range map[string]func(p *peer){
		"channel":    func(p *peer) { p.do(1, &amqp.ChannelClose{}) },
		"error":      func(p *peer) { p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 9}) },
		"connection": func(p *peer) { p.SendMethods(0, &amqp.ConnectionClose{ReplyCode: 200}) },
		"line":       func(p *peer) { p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			b := New(Options{})
			p, other := connect(t, b, 1), connect(t, b, 1)
			other.declare("q")
			other.publish("q", numbered(0, 4)...)
			p.do(1, &amqp.TxSelect{})
			p.do(1, &amqp.BasicQos{PrefetchCount: 3})
			p.consume(1, "q", "k", false)
			p.await(3)
			p.publish("q", "dropped")
			p.SendMethods(1, &amqp.BasicNack{DeliveryTag: 3, Requeue: true}, &amqp.BasicAck{DeliveryTag: 2})
			p.sync()
			end(p)
			other.consume(1, "q", "k", false)
			var got []string
			for _, d := range other.await(4) {
				if d.redelivered != (d.body != "3") {
					t.Errorf("message %s is redelivered: %t", d.body, d.redelivered)
				}
				got = append(got, d.body)
			}
			slices.Sort(got)
			wantBodies(t, "what is delivered again", got, numbered(0, 4)...)
			wantBodies(t, "and then", other.bodies())
		})
	}
}

// TX-08, TX-15: the credit of consumers is free when the commit settles what
// they have, step by step.
func TestTheOrderOfACommit(t *testing.T) {
	nack := func(tag uint64) amqp.Method { return &amqp.BasicNack{DeliveryTag: tag, Requeue: true} }
	tests := []struct {
		name    string
		methods []amqp.Method // about 0, 1 and 2, which have tags 1, 2 and 3
		want    []string      // delivered after commit-ok
	}{
		{"requeues in a row are one", []amqp.Method{nack(3), &amqp.BasicReject{DeliveryTag: 1, Requeue: true}, nack(2)}, []string{"0", "1", "2"}},
		{"an ack keeps them apart", []amqp.Method{nack(3), &amqp.BasicAck{DeliveryTag: 2}, nack(1)}, []string{"2", "3", "0"}},
		{"so does a discard", []amqp.Method{nack(3), &amqp.BasicReject{DeliveryTag: 2}, nack(1)}, []string{"2", "3", "0"}},
		{
			"multiple, without what is held",
			[]amqp.Method{&amqp.BasicAck{DeliveryTag: 2}, &amqp.BasicNack{DeliveryTag: 3, Multiple: true, Requeue: true}},
			[]string{"3", "0", "2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p := transact(t, 4)
			p.do(1, &amqp.BasicQos{PrefetchCount: 3})
			p.consume(1, "q", "k", false)
			wantBodies(t, "delivered", p.bodies(), "0", "1", "2")
			p.SendMethods(1, tt.methods...)
			wantBodies(t, "before the commit", p.bodies())
			p.commit()
			if len(p.got) > 0 {
				t.Errorf("before commit-ok: %v", p.got)
			}
			wantBodies(t, "after it", p.bodies(), tt.want...)
		})
	}
}

// TX-15: and what is published reaches a consumer of the channel before
// commit-ok.
func TestACommitPublishesBeforeItSettles(t *testing.T) {
	_, p := transact(t, 1)
	_, _, tag := p.get("q")
	p.consume(1, "q", "k", true)
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: tag, Requeue: true})
	p.publish("q", "published")
	p.commit()
	before := len(p.got)
	got := p.bodies()
	wantBodies(t, "before commit-ok", got[:before], "published")
	wantBodies(t, "after it", got[before:], "0")
}

// TX-08: the limit of a channel has room only after the commit.
func TestHeldDeliveriesCountInTheLimitOfTheChannel(t *testing.T) {
	_, p := transact(t, 5)
	p.do(1, &amqp.BasicQos{PrefetchCount: 2, Global: true})
	p.consume(1, "q", "k", false)
	wantBodies(t, "delivered", p.bodies(), "0", "1")
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 2, Multiple: true})
	wantBodies(t, "before the commit", p.bodies())
	p.rollback()
	wantBodies(t, "after a rollback", p.bodies())
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
	p.commit()
	wantBodies(t, "after one ack", p.bodies(), "2")
}

// ACK-17
func TestRecoverLeavesOutWhatATransactionHolds(t *testing.T) {
	_, p := transact(t, 2)
	p.get("q")
	p.get("q")
	p.SendMethods(1, &amqp.BasicAck{DeliveryTag: 1})
	p.do(1, &amqp.BasicRecover{Requeue: true})
	wantBodies(t, "recovered", p.drain("q"), "1*")
	p.rollback()
	p.do(1, &amqp.BasicRecover{Requeue: true})
	wantBodies(t, "recovered after the rollback", p.drain("q"), "0*", "1*")
}

// TX-16
func TestOtherMethodsAreNotTransactional(t *testing.T) {
	b, p := transact(t, 1)
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "fanout"})
	p.do(1, &amqp.QueueDeclare{Queue: "r"})
	p.do(1, &amqp.QueueBind{Queue: "r", Exchange: "x"})
	p.do(1, &amqp.BasicConsume{Queue: "r", ConsumerTag: "k", NoAck: true})
	p.do(1, &amqp.BasicGet{Queue: "q", NoAck: true})
	p.content()
	p.rollback()
	p.Send(amqptest.Publish(2, &amqp.BasicPublish{Exchange: "x"}, amqp.BasicProperties{}, []byte("x"), 4096))
	wantBodies(t, "consumed", p.bodies(), "x")
	wantReady(t, b, "q", 0)
}
