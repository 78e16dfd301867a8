package amqp

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
)

// errands are what others want the reader goroutine to do between two reads.
//
// Who adds one sets some, and then looks whether the reader reads; who reads says
// so first, and then looks at some: so one of them sees the other. The reader looks
// again when it has read, before it waits for the socket in any other way, whose
// deadline may be over because of an errand.
type errands struct {
	some atomic.Bool

	sync.Mutex
	todo []func()
	busy bool          // the reader does some
	done chan struct{} // closed when it has done all; nil if nobody waits
}

// finished returns what is closed when all errands there are have been done; nil
// if there are none.
func (e *errands) finished() <-chan struct{} {
	e.Lock()
	defer e.Unlock()
	if len(e.todo) == 0 && !e.busy {
		return nil
	}
	if e.done == nil {
		e.done = make(chan struct{})
	}
	return e.done
}

// Later has the reader goroutine call f between two reads: at once if it waits for
// input. It may be called by anyone and does not wait. What has not been called
// when the connection ends, is not.
func (c *Conn) Later(f func()) {
	c.errands.Lock()
	defer c.errands.Unlock()
	c.errands.todo = append(c.errands.todo, f)
	c.errands.some.Store(true)
	if c.reading.Load() {
		c.conn.SetReadDeadline(longAgo)
	}
}

// finish notes that the reader has done what there was.
func (e *errands) finish() {
	e.Lock()
	defer e.Unlock()
	if e.busy = false; e.done != nil && len(e.todo) == 0 {
		close(e.done)
		e.done = nil
	}
}

// runErrands does what there is to do after a read that has returned err, and
// returns what is left of that: it may have been ended for the errands only.
func (c *Conn) runErrands(err error) error {
	c.errands.Lock()
	todo := c.errands.todo
	c.errands.todo, c.errands.busy = nil, true
	c.errands.some.Store(false)
	c.readUntil(c.until)
	c.errands.Unlock()
	defer c.errands.finish()
	for _, f := range todo {
		f()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // if it was for another reason, the next read finds it
	}
	return err
}
