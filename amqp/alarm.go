package amqp

import (
	"slices"
	"strings"
	"sync/atomic"
)

// alarms are the resources that a server is short of. While there is any,
// connections that publish are blocked (CTL-09 to CTL-13).
type alarms struct {
	// turn counts how often the first was raised or the last cleared: it is
	// odd while there is one. It changes with Server.mu held.
	turn  atomic.Uint64
	short []string // sorted; Server.mu
}

// SetAlarm notes that the server is short of a resource, such as memory, or no
// longer so, and tells whether that is a change.
func (s *Server) SetAlarm(resource string, short bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.alarms
	i, was := slices.BinarySearch(a.short, resource)
	if was == short {
		return false
	}
	if short {
		a.short = slices.Insert(a.short, i, resource)
	} else {
		a.short = slices.Delete(a.short, i, i+1)
	}
	if on := len(a.short) > 0; on != a.on() {
		a.turn.Add(1)
		for c := range s.conns {
			c.out.wake()
		}
	}
	return true
}

func (a *alarms) on() bool { return a.turn.Load()&1 != 0 }

// alarm returns the turn of the alarms and what clients are told of them, 0 if
// there are none.
func (s *Server) alarm() (turn uint64, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.alarms.on() {
		return 0, ""
	}
	return s.alarms.turn.Load(), "low on " + strings.Join(s.alarms.short, " & ")
}

// blocking tells a client that publishes while an alarm is on that nothing
// more will be read from it. It returns the turn to wait out, 0 for none.
func (c *Conn) blocking() (turn uint64) {
	if !c.server.alarms.on() {
		return 0
	}
	turn, reason := c.server.alarm()
	if turn != 0 && c.Capable("connection.blocked") {
		c.out.Send(0, &ConnectionBlocked{Reason: reason})
	}
	return turn
}

// awaitTurn holds the reader until the alarms of a turn have cleared, or the
// connection is to end. What was published before has reached its queues.
func (c *Conn) awaitTurn(turn uint64) {
	if turn == 0 {
		return
	}
	if c.flush(); c.state != connRunning {
		return
	}
	c.blocked.Store(true)
	err := c.out.hold(func() bool { return c.server.alarms.turn.Load() == turn })
	c.blocked.Store(false)
	switch {
	case c.server.alarms.turn.Load() == turn:
		c.interrupted(err)
	case c.Capable("connection.blocked"):
		c.out.Send(0, &ConnectionUnblocked{})
	}
}
