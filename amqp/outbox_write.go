package amqp

import (
	"errors"
	"net"
)

// flushLocked ends a sequence of appends: it has a writer running while
// anything is pending.
func (o *Outbox) flushLocked() {
	o.size.Add(int64(o.grown))
	o.grown = 0
	if o.writing || o.size.Load() == 0 {
		return
	}
	if o.err != nil {
		o.discardLocked()
		return
	}
	o.writing = true
	go o.write()
}

// discardLocked forgets what is pending when nothing can be sent any more.
func (o *Outbox) discardLocked() {
	o.chunk, o.from, o.vec, o.spent = nil, 0, nil, nil
	o.size.Store(outboxBroken)
}

// write sends what has gathered until nothing is left, then ends. What is
// appended meanwhile gathers for its next turn.
func (o *Outbox) write() {
	var vec, spent [][]byte
	o.mu.Lock()
	for o.err == nil && o.size.Load() > 0 {
		o.seal()
		if o.chunk != nil {
			o.spent = append(o.spent, o.chunk)
		}
		vec, o.vec = o.vec, vec[:0]
		spent, o.spent = o.spent, spent[:0]
		o.chunk, o.from = nil, 0
		o.going, o.answers = o.answers, 0
		o.mu.Unlock()

		n, err := o.transmit(vec)
		for i, b := range spent {
			if cap(b) == chunkSize {
				chunks.Put((*[chunkSize]byte)(b[:chunkSize]))
			}
			spent[i] = nil
		}
		o.mu.Lock()
		o.size.Add(-n)
		o.going = 0
		if err != nil {
			o.failLocked(err)
		}
		o.idle.Broadcast()
		o.wakeLocked()
	}
	if o.err != nil {
		o.discardLocked()
	}
	o.writing = false
	o.idle.Broadcast()
	o.mu.Unlock()
}

// transmit writes the pieces, some at a time in one call where the connection
// allows it.
func (o *Outbox) transmit(vec [][]byte) (written int64, err error) {
	defer clear(vec)
	for len(vec) > 0 && err == nil {
		n, size := 0, 0
		for ; n < len(vec) && size < transmitSize; n++ {
			size += len(vec[n])
		}
		var done int64
		switch {
		case n == 1:
			m, e := o.conn.Write(vec[0])
			done, err = int64(m), e
		case o.gather:
			done, err = o.writeGathered(vec[:n])
		default:
			pieces := net.Buffers(vec[:n])
			done, err = pieces.WriteTo(o.conn)
		}
		written += done
		o.written.Add(uint64(done))
		vec = vec[n:]
	}
	return written, err
}

// failLocked notes that nothing can be sent any more. The reader notices that
// the connection is closed, and ends it.
func (o *Outbox) failLocked(err error) {
	o.err = err
	o.discardLocked()
	cut(o.conn)
}

// fault is the bug of ours that made the outbox fail, if one did.
func (o *Outbox) fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var bug *panicked
	if errors.As(o.err, &bug) {
		return o.err
	}
	return nil
}

// close makes everything that is appended from now on vanish and waits for
// the writer to end.
func (o *Outbox) close() {
	o.mu.Lock()
	if o.err == nil {
		o.err = net.ErrClosed
	}
	for o.writing {
		o.idle.Wait()
	}
	o.discardLocked()
	o.waiting = nil
	o.mu.Unlock()
}
