package crash

import (
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// target is where messages go: an exchange and a key, and the queues they reach.
type target struct {
	exchange, key string
	queues        []string
	course        *course // nil: plain queues
}

// windows of publishers: how many confirms may be outstanding.
var windows = []int{1, 5, 50, 400}

// sending publishes with confirms to targets, a window at a time, until the
// end or until it has sent enough.
func sending(to []target, window, limit int) func(*worker) error {
	return func(w *worker) error {
		ch, err := w.channel()
		if err != nil {
			return err
		}
		s := &sender{worker: w, ch: ch, to: to, tokens: make(chan struct{}, window)}
		return s.run(limit)
	}
}

// sent is a publish to be confirmed, or refused.
type sent struct {
	id      uint64
	refused bool // it may be
}

// sender is a publisher on a channel in confirm mode.
type sender struct {
	*worker
	ch     *amqp.Channel
	to     []target
	tokens chan struct{} // one for each confirm that is outstanding

	mu   sync.Mutex
	sent []sent // by delivery tag
}

func (s *sender) run(limit int) error {
	if err := s.ch.Confirm(false); err != nil {
		return err
	}
	confirms := s.ch.NotifyPublish(make(chan amqp.Confirmation, cap(s.tokens)))
	told := make(chan struct{})
	var nacked error
	go func() {
		defer close(told)
		nacked = s.confirmed(confirms)
	}()
	var err error
	for n := 0; err == nil && s.goesOn(); n++ {
		if n >= limit && !s.pause(time.Millisecond) {
			break
		}
		if err = s.acquire(); err == nil {
			err = s.send()
		}
	}
	s.conn.Close() // ends the confirms
	<-told
	return errors.Join(err, nacked)
}

// acquire waits until a confirm may be outstanding once more.
func (s *sender) acquire() error {
	select {
	case s.tokens <- struct{}{}:
		return nil
	default:
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case s.tokens <- struct{}{}:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-limit.C:
		return fmt.Errorf("no confirm for %v", patience)
	}
}

func (s *sender) send() error {
	to := s.to[s.rand.IntN(len(s.to))]
	id, transient := s.publisher.next(), s.rand.IntN(20) == 0
	m := compose(id, transient)
	s.mu.Lock()
	s.sent = append(s.sent, sent{id, to.course != nil && to.course.refuses()})
	s.mu.Unlock()
	e := event{Kind: publish, Who: s.name, Unit: id, ID: id, Transient: transient}
	if to.course != nil {
		to.course.dress(&m, s.rand, s.number)
	}
	to.describe(&e, &m)
	s.note(e)
	return s.ch.PublishWithContext(s.ctx, to.exchange, to.key, false, false, m)
}

// confirmed notes confirms, up to the end of the connection.
func (s *sender) confirmed(confirms <-chan amqp.Confirmation) (nacked error) {
	for c := range confirms {
		s.mu.Lock()
		p := s.sent[c.DeliveryTag-1]
		s.mu.Unlock()
		switch {
		case c.Ack:
			s.note(event{Kind: confirm, Who: s.name, Unit: p.id, At: now()})
		case p.refused:
			s.note(event{Kind: refuse, Who: s.name, Unit: p.id})
		default:
			nacked = fmt.Errorf("publish %s was refused", name(p.id))
		}
		<-s.tokens
	}
	return nacked
}
