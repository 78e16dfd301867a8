package broker

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// session is one connection to a vhost. All but its immutable fields belong
// to the connection's reader goroutine.
type session struct {
	conn   *amqp.Conn
	vhost  *vhost
	name   string // of the user
	user   *user
	tags   []string  // of the user when the connection was opened
	since  time.Time // when the connection was opened
	cancel bool      // the client understands basic.cancel (CONS-19)
	// All above is immutable.

	leaving atomic.Bool // the connection ends: its consumers get no more

	mu       sync.Mutex            // held alone
	channels map[*channel]struct{} // changes under mu, so that others may look

	exclusive map[*queue]struct{} // queues that go with the connection; vhost.mu

	run        run        // publishes that were gathered
	target     *route     // where they go
	way        way        // scratch of reroute
	acking     []*channel // with gathered acknowledgements
	confirming []*channel // with publishes to confirm
	pressed    []*queue   // that asked their publishers to pause
	published  int        // bytes since the last pause
	settled    []delivery // scratch of settling
}

func newSession(v *vhost, user string, c *amqp.Conn) *session {
	return &session{
		conn: c, vhost: v, name: user, since: v.clock.Now(),
		cancel:    c.Capable("consumer_cancel_notify"),
		channels:  map[*channel]struct{}{},
		exclusive: map[*queue]struct{}{},
	}
}

// OpenChannel implements amqp.Session.
func (s *session) OpenChannel(id uint16) (amqp.Channel, error) {
	if err := s.vhost.access.openChannel(s.user); err != nil {
		return nil, err
	}
	ch := &channel{
		id: id, session: s, out: s.conn.Outbox(), frameMax: s.conn.FrameMax(),
		consumers: map[string]*consumer{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[ch] = struct{}{}
	return ch, nil
}

func (s *session) channelClosed(ch *channel) {
	s.vhost.access.closeChannel(s.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, ch)
}

// Flush implements amqp.Session: publishes reach their queues, then
// acknowledgements, then confirms leave.
func (s *session) Flush() {
	s.flushRun()
	for i, ch := range s.acking {
		s.acking[i] = nil
		ch.flushAcks()
	}
	s.acking = s.acking[:0]
	for i, ch := range s.confirming {
		s.confirming[i] = nil
		ch.confirms.flush()
	}
	s.confirming = s.confirming[:0]
}

// flushRun hands the gathered publishes to their queues.
func (s *session) flushRun() {
	if len(s.run.contents) == 0 {
		return
	}
	if s.target.storing == 0 {
		s.hand(s.target.queues, &s.run)
	} else {
		s.store(s.target.queues, &s.run)
	}
	s.run.reset()
}

// hand gives a run of publishes to queues.
func (s *session) hand(queues []*queue, r *run) {
	for _, q := range queues {
		if q.publish(r) && !slices.Contains(s.pressed, q) {
			s.pressed = append(s.pressed, q)
		}
	}
	for _, i := range r.refused {
		r.dedup.takeBack(&r.contents[i])
	}
	if len(r.refused) > 0 && r.confirms != nil {
		r.confirms.refuse(r)
	}
}

// Pause implements amqp.Session. A connection that consumes, or has something
// to settle, is never held back: its acknowledgements are what drains queues.
func (s *session) Pause() {
	if len(s.pressed) == 0 {
		return
	}
	defer func() {
		clear(s.pressed)
		s.pressed = s.pressed[:0]
	}()
	if s.published < pauseAfter {
		return
	}
	for ch := range s.channels {
		if ch.busy() {
			return
		}
	}
	s.published = 0
	limit := time.NewTimer(longestPause)
	defer limit.Stop()
	for _, q := range s.pressed {
		if !q.pause(limit.C) {
			return
		}
	}
}

// busy tells whether the channel has consumers or something to settle.
func (ch *channel) busy() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return len(ch.consumers) > 0 || ch.unacked.live > 0 || ch.reply != nil || (ch.tx != nil && len(ch.tx.settles) > 0)
}

// Close implements amqp.Session: all channels close, and nothing that one of
// them gives back goes to another one. Then the connection's exclusive queues
// go (QDEC-19). When the broker shuts down, the client learns before what is
// durable.
func (s *session) Close() {
	defer s.vhost.leave(s)
	s.leaving.Store(true)
	if e := s.conn.Forced(); e != nil && e.Code == amqp.ConnectionForced {
		s.awaitConfirms()
	}
	for ch := range s.channels {
		ch.Close()
	}
	for _, q := range s.vhost.exclusiveQueues(s) {
		_, _ = s.vhost.deleteQueue(q, func(*queue) error { return nil }) // its consumers have gone
	}
}

// lastConfirms is how long the end of a connection waits for the store at most.
const lastConfirms = 2 * time.Second

// awaitConfirms waits until all is confirmed that the client has published, or
// nothing will be.
func (s *session) awaitConfirms() {
	limit, cancel := context.WithTimeout(s.vhost.failed, lastConfirms)
	defer cancel()
	for ch := range s.channels {
		if ch.confirms != nil && !ch.confirms.wait(limit.Done()) {
			return
		}
	}
}
