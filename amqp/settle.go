package amqp

import "context"

// Settle waits until connections have done what others left to their readers
// (Conn.Later), and those that were abandoned have ended: all that timers have
// begun has been done then. It does not wait for connections that cannot go on,
// because of an alarm or because their clients do not read, nor beyond ctx.
func (s *Server) Settle(ctx context.Context) {
	for _, c := range s.Conns() {
		for wait, gone := c.unsettled(); wait != nil; wait, gone = c.unsettled() {
			select {
			case <-wait:
			case <-gone:
			case <-ctx.Done():
				return
			}
		}
	}
}

// unsettled returns what is closed when something has changed that Settle waits
// for, nil if there is nothing, and what is closed when the connection has ended:
// what others have left to its reader is not done then.
func (c *Conn) unsettled() (wait, gone <-chan struct{}) {
	gone = c.server.departure(c)
	c.forced.Lock()
	abandoned := c.forced.lost != nil
	c.forced.Unlock()
	switch {
	case gone == nil:
		return nil, nil
	case abandoned:
		return gone, gone
	case c.blocked.Load() && c.server.alarms.on(), c.unread.Load() && c.out.over(ownOutboxHigh):
		return nil, nil
	}
	return c.errands.finished(), gone
}

// departure is closed when a connection has ended; nil if this one has.
func (s *Server) departure(c *Conn) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.conns[c]; !there {
		return nil
	}
	if s.gone == nil {
		s.gone = make(chan struct{})
	}
	return s.gone
}

// Touch has the client count as alive, as if it had just sent something: for who
// moves the Clock, which the client does not follow.
func (c *Conn) Touch() { c.beat.touched.Store(true) }
