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
}

// windows of publishers: how many confirms may be outstanding.
var windows = []int{1, 5, 50, 400}

// sending publishes with confirms to targets, a window at a time, until the
// end or until it has sent enough.
func sending(window, limit int) func(*worker) error {
	return func(w *worker) error {
		ch, err := w.channel()
		if err != nil {
			return err
		}
		s := &sender{worker: w, ch: ch, tokens: make(chan struct{}, window)}
		return s.run(limit)
	}
}

// sender is a publisher on a channel in confirm mode.
type sender struct {
	*worker
	ch     *amqp.Channel
	tokens chan struct{} // one for each confirm that is outstanding

	mu  sync.Mutex
	ids []uint64 // by delivery tag
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
	to := s.targets[s.rand.IntN(len(s.targets))]
	id, transient := s.publisher.next(), s.rand.IntN(20) == 0
	m := compose(id, transient)
	s.mu.Lock()
	s.ids = append(s.ids, id)
	s.mu.Unlock()
	s.note(event{Kind: publish, Who: s.name, Unit: id, ID: id, Queues: to.queues, Hash: digest(to.exchange, to.key, m), Transient: transient})
	return s.ch.PublishWithContext(s.ctx, to.exchange, to.key, false, false, m)
}

// confirmed notes confirms, up to the end of the connection.
func (s *sender) confirmed(confirms <-chan amqp.Confirmation) (nacked error) {
	for c := range confirms {
		s.mu.Lock()
		id := s.ids[c.DeliveryTag-1]
		s.mu.Unlock()
		if c.Ack {
			s.note(event{Kind: confirm, Who: s.name, Unit: id})
		} else {
			nacked = fmt.Errorf("publish %s was refused", name(id))
		}
		<-s.tokens
	}
	return nacked
}
