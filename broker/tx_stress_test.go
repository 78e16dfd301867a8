package broker

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// mover takes messages from one queue and publishes them to another, in
// transactions: either both happens or neither.
type mover struct {
	*peer
	broker   *Broker
	rnd      *rand.Rand
	from, to string
	held     []delivered // outstanding
}

func (m *mover) begin() {
	m.held, m.got = nil, nil
	m.do(1, &amqp.TxSelect{})
	m.do(1, &amqp.BasicQos{PrefetchCount: uint16(1 + m.rnd.IntN(30)), Global: m.rnd.IntN(3) == 0})
	m.consume(1, m.from, "k", false)
}

func (m *mover) connect() {
	m.peer = connect(m.t, m.broker, 1)
	m.begin()
}

// step moves some of what is outstanding, gives some back, and ends the
// transaction in some way.
func (m *mover) step() {
	m.held = append(m.held, m.take()...)
	var stay []delivered
	for _, d := range m.held {
		switch m.rnd.IntN(8) {
		case 0:
			stay = append(stay, d)
		case 1:
			m.SendMethods(1, &amqp.BasicNack{DeliveryTag: d.tag, Requeue: true})
		default:
			m.Send(publishes(1, m.to, d.body))
			m.SendMethods(1, &amqp.BasicAck{DeliveryTag: d.tag})
		}
	}
	switch m.rnd.IntN(40) {
	case 0: // all that is outstanding is so no more, without a commit
		m.do(1, &amqp.ChannelClose{})
		m.OpenChannel(1)
		m.begin()
	case 1:
		m.sync()
		m.Close()
		m.connect()
	case 2: // the commit may come about
		m.SendMethods(1, &amqp.TxCommit{})
		m.Close()
		m.connect()
	case 3, 4, 5, 6, 7, 8:
		m.rollback()
	default:
		m.commit()
		m.held = stay
	}
}

// collect takes all messages out of a queue, in transactions, until as many as
// expected have come.
func (l *ledger) collect(p *peer, queue string) {
	p.do(1, &amqp.TxSelect{})
	p.consume(1, queue, "k", false)
	for {
		got := p.take()
		for _, d := range got {
			l.deliver(d)
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: d.tag})
		}
		p.commit()
		for _, d := range got {
			l.ack(d.body)
		}
		select {
		case <-l.complete:
			return
		default:
		}
	}
}

// produce publishes messages, some at a time, and some only at the second
// attempt.
func produce(p *peer, rnd *rand.Rand, queue string, bodies []string) {
	p.do(1, &amqp.TxSelect{})
	for len(bodies) > 0 {
		n := min(1+rnd.IntN(2*longestRun), len(bodies))
		p.Send(publishes(1, queue, bodies[:n]...))
		if rnd.IntN(3) == 0 {
			p.rollback()
			continue
		}
		p.commit()
		bodies = bodies[n:]
	}
}

// Messages go through three queues by transactions that are committed, rolled
// back and cut off: none is lost and none comes twice.
func TestTransactionsLoseAndDoubleNothing(t *testing.T) {
	const producers, each, movers = 3, 1500, 3
	queues := []string{"q0", "q1", "q2"}
	b := New(Options{})
	main := connect(t, b, 1)
	for _, q := range queues {
		main.declare(q)
	}
	l := newLedger(t, producers*each)
	var wg sync.WaitGroup
	for i := range uint64(producers) {
		p := connect(t, b, 1)
		bodies := tags(strconv.Itoa(int(i))+"-", each)
		wg.Go(func() { produce(p, rand.New(rand.NewPCG(i, 20)), queues[0], bodies) })
	}
	for i := range uint64(2 * movers) {
		m := &mover{peer: &peer{t: t}, broker: b, rnd: rand.New(rand.NewPCG(i, 21)), from: queues[i%2], to: queues[i%2+1]}
		m.connect()
		wg.Go(func() {
			for {
				select {
				case <-l.complete:
					m.do(1, &amqp.ChannelClose{})
					return
				default:
					m.step()
				}
			}
		})
	}
	p := connect(t, b, 1)
	wg.Go(func() { l.collect(p, queues[2]) })
	select {
	case <-l.complete:
	case <-time.After(patience):
		t.Error("messages are lost")
		return
	}
	wg.Wait()
	main.sync()
	for _, q := range queues {
		wantBodies(t, "left in "+q, main.drain(q))
	}
}
