package amqp

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

const (
	chunkSize  = 64 << 10 // of the buffers that output is encoded into
	outboxHigh = 1 << 20  // pending bytes beyond which a consumer gets no more
	outboxLow  = 512 << 10

	// transmitSize is about how much one call writes. A client that takes its
	// time is seen to be alive with each.
	transmitSize = 256 << 10

	// outboxBroken is the size of an outbox that cannot send any more: it has
	// no room for anything.
	outboxBroken = 1 << 62
)

// chunks recycles output buffers between connections, so that one at rest
// holds none.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// Outbox is the sending side of a connection. Anyone may append whole
// sequences of frames; appending never waits. One writer goroutine, which
// runs only while there is something to send, takes all that has gathered and
// hands it to the kernel in one call.
type Outbox struct {
	conn    net.Conn
	gather  bool          // each call of Write is costly: it makes at least one record of TLS
	size    atomic.Int64  // bytes pending: appended and not yet written, or outboxBroken; changes under mu
	written atomic.Uint64 // bytes handed to the kernel, for the heartbeat

	mu      sync.Mutex // a leaf: nothing is locked while it is held
	answers int        // bytes of what the reader goroutine answered, not yet given to write
	going   int        // likewise, that write is writing
	hurried bool       // hold waits no longer
	chunk   []byte     // being filled
	from    int        // chunk[from:] is not yet in vec
	grown   int        // bytes appended that size does not count yet
	vec     [][]byte   // finished pieces before chunk[from:]
	spent   [][]byte   // chunks that vec refers to
	waiting []Drainer  // told when there is room again
	writing bool       // the writer goroutine runs
	err     error      // why nothing can be sent any more
	idle    *sync.Cond // signalled when the writer stops, bytes were written, or by wake
}

// Drainer is told that an outbox which was full has room again. It returns
// true if it has stopped half-way to let the outbox be written first.
type Drainer interface{ Drained(o *Outbox) (more bool) }

func newOutbox(conn net.Conn) *Outbox {
	o := &Outbox{conn: conn}
	_, o.gather = conn.(*tls.Conn)
	o.idle = sync.NewCond(&o.mu)
	return o
}

// Send appends one method frame and sees to it that it is written.
func (o *Outbox) Send(channel uint16, m Method) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.appendMethodLocked(channel, m)
	o.answers += o.grown
	o.flushLocked()
}

// SendContent appends a method that carries content, such as basic.return or
// basic.get-ok, and its content, whose body is split to frames of frameMax.
func (o *Outbox) SendContent(channel uint16, m Method, c *Content, frameMax int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.appendMethodLocked(channel, m)
	o.appendContentLocked(channel, c, false, frameMax)
	o.answers += o.grown
	o.flushLocked()
}

// Full tells whether so much is pending that no more should be delivered, and
// if so has d told once there is room. It reserves nothing: each queue that
// finds room may fill it by one round of deliveries.
func (o *Outbox) Full(d Drainer) bool {
	if o.size.Load() < outboxHigh {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size.Load() < outboxHigh || o.err != nil {
		return o.err != nil
	}
	for _, w := range o.waiting {
		if w == d {
			return true
		}
	}
	o.waiting = append(o.waiting, d)
	return true
}

// Pending is how many bytes wait to be written.
func (o *Outbox) Pending() int64 { return o.size.Load() }

// room returns the free end of the chunk, with at least n bytes.
func (o *Outbox) room(n int) []byte {
	if cap(o.chunk)-len(o.chunk) < n {
		o.seal()
		if o.chunk != nil {
			o.spent = append(o.spent, o.chunk)
		}
		o.from = 0
		if n > chunkSize {
			o.chunk = make([]byte, 0, n)
		} else {
			o.chunk = chunks.Get().(*[chunkSize]byte)[:0]
		}
	}
	return o.chunk[len(o.chunk):cap(o.chunk)]
}

// seal moves what the chunk has gathered to vec.
func (o *Outbox) seal() {
	if len(o.chunk) > o.from {
		o.vec = append(o.vec, o.chunk[o.from:])
		o.from = len(o.chunk)
	}
}

// extend makes the first n bytes of room part of the chunk.
func (o *Outbox) extend(n int) {
	o.chunk = o.chunk[:len(o.chunk)+n]
	o.grown += n
}

func (o *Outbox) append(b []byte) {
	o.extend(copy(o.room(len(b)), b))
}

// refer appends b by reference; it must never change.
func (o *Outbox) refer(b []byte) {
	o.seal()
	o.vec = append(o.vec, b)
	o.grown += len(b)
}

func (o *Outbox) appendMethodLocked(channel uint16, m Method) {
	b := AppendMethod(o.room(512)[:0], channel, m)
	if len(b) <= cap(o.chunk)-len(o.chunk) {
		o.extend(len(b))
		return
	}
	o.append(b) // a long one: AppendMethod has moved it elsewhere
}

// wakeLocked tells those who wait for room that there is some. It releases mu
// while it does. Who has more to append than is good at a time is told again
// after the next write, if there is one.
func (o *Outbox) wakeLocked() {
	if len(o.waiting) == 0 || o.size.Load() > outboxLow {
		return
	}
	waiting := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	var again []Drainer
	err := guarded(func() error {
		for _, w := range waiting {
			for w.Drained(o) {
				if o.size.Load() > 0 {
					again = append(again, w)
					break
				}
			}
		}
		return nil
	})
	o.mu.Lock()
	o.waiting = append(o.waiting, again...)
	if err != nil {
		o.failLocked(err)
	}
}

// wait blocks the reader until at most limit bytes of its answers are pending,
// nothing can be sent any more, or somebody is in a hurry. What others have
// appended does not count: a client may take its time over deliveries.
func (o *Outbox) wait(limit int) {
	if o.size.Load() > int64(limit) {
		_ = o.hold(func() bool { return o.overLocked(limit) })
	}
}

func (o *Outbox) overLocked(limit int) bool { return o.answers+o.going > limit }

// over tells whether wait would block.
func (o *Outbox) over(limit int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err == nil && !o.hurried && o.overLocked(limit)
}

// hold blocks the reader while a condition is met, unless nothing can be sent
// any more, for the reason that it returns, or somebody is in a hurry.
func (o *Outbox) hold(while func() bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && !o.hurried && while() {
		o.idle.Wait()
	}
	return o.err
}

// wake has hold look at its condition again.
func (o *Outbox) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.idle.Broadcast()
}

// hurry ends hold, now and in future.
func (o *Outbox) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurried = true
	o.idle.Broadcast()
}

// drain blocks until all is written, or nothing can be sent any more.
func (o *Outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && o.size.Load() > 0 {
		o.idle.Wait()
	}
}
