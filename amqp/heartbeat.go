package amqp

import (
	"sync"
	"sync/atomic"
)

// heart keeps the heartbeats of a connection (0-9-1 s. 4.2.7): a timer
// of the clock, no goroutine. It fires every half interval; a heartbeat goes out the
// first time, and then when nothing else did since it last fired (HB-01,
// HB-02). A client that sent nothing for two whole intervals is dropped
// (HB-03).
type heart struct {
	sync.Mutex
	timer    Timer
	written  uint64 // of the outbox, when the timer last fired; heartbeats included
	received uint64 // of the input, at the last full interval; the first has the handshake's
	odd      bool   // every second firing is a full interval
	silent   int    // full intervals without a sign of life from the client
	taken    uint64 // of the outbox, at the last full interval
	touched  atomic.Bool
}

// neverWritten stands for the count before the timer has fired.
const neverWritten = 1<<64 - 1

func (h *heart) start(c *Conn) {
	if c.heartbeat == 0 {
		return // HB-05
	}
	h.Lock()
	defer h.Unlock()
	h.written, h.received = neverWritten, 0
	h.timer = c.server.clock().AfterFunc(c.heartbeat/2, func() {
		if err := guarded(func() error { h.pulse(c); return nil }); err != nil {
			c.abandon(err)
		}
	})
}

func (h *heart) stop() {
	h.Lock()
	defer h.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
}

func (h *heart) pulse(c *Conn) {
	h.Lock()
	defer h.Unlock()
	if h.timer == nil {
		return
	}
	switch w := c.out.written.Load(); {
	case c.out.size.Load() > 0:
	case w == h.written || h.written == neverWritten:
		c.out.sendHeartbeat()
		h.written = w + FrameOverhead
	default:
		h.written = w
	}
	if c.blocked.Load() { // HB-09: begin anew when it is over
		h.received, h.silent, h.odd = 0, 0, false
	} else if h.odd = !h.odd; !h.odd {
		if h.silent++; h.alive(c) {
			h.silent = 0
		}
		if h.silent >= 2 {
			c.abandon(errMissedHeartbeats)
			return
		}
	}
	h.timer.Reset(c.heartbeat / 2)
}

// alive tells whether the client has sent anything during the last interval. If
// it was not read, because it does not take its answers fast enough, it is
// alive while it takes some; because what it asks for takes long, it is.
func (h *heart) alive(c *Conn) bool {
	r, w := c.in.received.Load(), c.out.written.Load()
	busy := !c.reading.Load() && !c.unread.Load()
	alive := h.touched.Swap(false) || r != h.received || busy || (c.unread.Load() && w != h.taken)
	h.received, h.taken = r, w
	return alive
}

// abandon ends a connection without a word: none would reach the client.
func (c *Conn) abandon(cause error) {
	c.forced.Lock()
	c.forced.lost = cause
	c.forced.Unlock()
	cut(c.conn)
	c.out.hurry()
}

// sendHeartbeat appends a heartbeat frame.
func (o *Outbox) sendHeartbeat() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.append([]byte{byte(FrameHeartbeat), 0, 0, 0, 0, 0, 0, FrameEnd})
	o.flushLocked()
}
