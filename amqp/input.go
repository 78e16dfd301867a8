package amqp

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

const (
	restingBuffer = 2 << 10   // of a connection that has little to read
	loadedBuffer  = 256 << 10 // of one that has logged in and fills its buffer
)

// Buffers are lent to connections: a loaded one while their input fills it.
var (
	restingBuffers = sync.Pool{New: func() any { return new([restingBuffer]byte) }}
	loadedBuffers  = sync.Pool{New: func() any { return new([loadedBuffer]byte) }}
)

// input is the receiving side of a connection: one buffer in which frames
// are parsed in place. Everything but received belongs to the connection's
// reader goroutine.
type input struct {
	conn     net.Conn
	buf      []byte
	r, w     int           // buf[r:w] is read from the connection and not yet parsed
	trusted  bool          // buf may become a loaded buffer: the client has logged in
	missing  int           // bytes still to come of a frame that does not go through buf
	received atomic.Uint64 // bytes, for the heartbeat monitor (HB-04)
}

func (in *input) unparsed() []byte { return in.buf[in.r:in.w] }

// fill reads more, having made room so that need bytes can stand in one
// piece. Slices of the buffer are invalid afterwards.
func (in *input) fill(need int) error {
	left := in.w - in.r
	switch {
	case need > len(in.buf) || (in.w == len(in.buf) && len(in.buf) < loadedBuffer && in.trusted):
		in.resize(need)
	case left == 0 && len(in.buf) > restingBuffer && in.w < restingBuffer:
		in.resize(restingBuffer)
	case in.r > 0:
		copy(in.buf, in.buf[in.r:in.w])
	}
	in.r, in.w = 0, left
	n, err := in.conn.Read(in.buf[in.w:])
	in.w += n
	in.received.Add(uint64(n))
	if n > 0 {
		return nil
	}
	return err
}

// full reads the rest of a frame's payload into memory outside the buffer,
// until b is full. The frame's end is left for octet.
func (in *input) full(b []byte) error {
	in.missing = len(b) + 1
	for len(b) > 0 {
		n, err := in.conn.Read(b)
		in.received.Add(uint64(n))
		in.missing -= n
		b = b[n:]
		if err != nil && len(b) > 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// octet reads the octet behind what full has read, and of what follows only
// so much that the next frame's head is there.
func (in *input) octet() (byte, error) {
	for in.r, in.w = 0, 0; in.w == 0; {
		n, err := in.conn.Read(in.buf[:frameHeaderSize+1])
		in.received.Add(uint64(n))
		if in.w = n; n == 0 && err != nil {
			return 0, err
		}
	}
	in.r, in.missing = 1, 0
	return in.buf[0], nil
}

// discard reads what is missing of a frame that full or octet could not read
// to its end, so that frames can be parsed again.
func (in *input) discard() error {
	for in.missing > 0 {
		in.r, in.w = 0, 0
		n, err := in.conn.Read(in.buf[:min(len(in.buf), in.missing)])
		in.received.Add(uint64(n))
		if in.missing -= n; in.missing > 0 && err != nil {
			return err
		}
	}
	return nil
}

// resize moves what is not yet parsed to another buffer that holds at least
// size bytes: a resting one where that is enough and the old one is not one. A
// stranger gets no more than he needs.
func (in *input) resize(size int) {
	old := in.buf
	switch {
	case size <= restingBuffer && len(old) != restingBuffer:
		in.buf = restingBuffers.Get().(*[restingBuffer]byte)[:]
	case size <= loadedBuffer && in.trusted:
		in.buf = loadedBuffers.Get().(*[loadedBuffer]byte)[:]
	default:
		in.buf = make([]byte, size)
	}
	copy(in.buf, old[in.r:in.w])
	giveBack(old)
}

// release gives the buffer back.
func (in *input) release() {
	in.r, in.w = 0, 0
	giveBack(in.buf)
	in.buf = nil
}

func giveBack(buf []byte) {
	switch len(buf) {
	case restingBuffer:
		restingBuffers.Put((*[restingBuffer]byte)(buf))
	case loadedBuffer:
		loadedBuffers.Put((*[loadedBuffer]byte)(buf))
	}
}
