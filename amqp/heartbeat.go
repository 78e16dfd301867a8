package amqp

import (
	"sync"
	"time"
)

// heart keeps the heartbeats of a connection (0-9-1 s. 4.2.7): a runtime
// timer, no goroutine. It fires every half interval; a heartbeat goes out
// when nothing else did since it last fired (HB-01, HB-02), and a client that
// sent nothing for two whole intervals is dropped (HB-03).
type heart struct {
	sync.Mutex
	timer    *time.Timer
	written  uint64 // of the outbox, when the timer last fired
	received uint64 // of the input, at the last full interval
	odd      bool   // every second firing is a full interval
	silent   int    // full intervals without a byte from the client
}

func (h *heart) start(c *Conn) {
	if c.heartbeat == 0 {
		return // HB-05
	}
	h.Lock()
	defer h.Unlock()
	h.written, h.received = c.out.written.Load(), c.in.received.Load()
	h.timer = time.AfterFunc(c.heartbeat/2, func() { h.pulse(c) })
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
	if w := c.out.written.Load(); w == h.written && c.out.size.Load() == 0 {
		c.out.sendHeartbeat()
	} else {
		h.written = w
	}
	if h.odd = !h.odd; !h.odd {
		if r := c.in.received.Load(); r == h.received {
			h.silent++
		} else {
			h.silent, h.received = 0, r
		}
		if h.silent >= 2 {
			c.missed()
			return
		}
	}
	h.timer.Reset(c.heartbeat / 2)
}

// missed ends the connection of a client that has gone silent: no frame would
// reach it.
func (c *Conn) missed() {
	c.forced.Lock()
	c.forced.lost = errMissedHeartbeats
	c.forced.Unlock()
	c.conn.Close()
}

// sendHeartbeat appends a heartbeat frame.
func (o *Outbox) sendHeartbeat() {
	o.mu.Lock()
	o.append([]byte{byte(FrameHeartbeat), 0, 0, 0, 0, 0, 0, FrameEnd})
	o.flushLocked()
	o.mu.Unlock()
}
