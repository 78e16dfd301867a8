package amqp

import (
	"encoding/binary"

	"github.com/leveretmq/leveret/internal/raw"
)

// What a header declares is not believed: when the first bytes of a large body
// come it gets at most firstPiece bytes of memory, and all the channels of a
// connection together not much more than firstPieces.
const (
	firstPiece  = 1 << 20
	firstPieces = 8 << 20
)

// assembler gathers the content of one channel: method, header, body.
type assembler struct {
	state  assemblerState
	method Method // the method that carries the content
	frames []byte // of the content: its header, and the frame of a small body
	large  bool   // the body has memory of its own
	memory []byte // what has come of such a body
	size   uint64 // body size as declared
	got    uint64 // body bytes so far
	first  uint64 // how much memory a large body begins with
	drop   bool   // the body is larger than a message may be: it is only counted
}

type assemblerState int

const (
	wantMethod assemblerState = iota
	wantHeader
	wantBody
)

func (a *assembler) begin(m Method) { *a = assembler{state: wantHeader, method: m} }

// header takes the content header that was due. maxSize is the largest body
// of a message, channels how many the connection has.
func (a *assembler) header(kind FrameType, payload []byte, maxSize uint64, channels int) error {
	class := a.method.ID().Class()
	if kind != FrameHeader || len(payload) < 12 || binary.BigEndian.Uint16(payload[2:]) != 0 { // FRM-15, FRM-17
		return UnexpectedFrame.Errorf("expected content header for class %d, got non content header frame instead", class)
	}
	if got := binary.BigEndian.Uint16(payload); got != class { // FRM-16
		return UnexpectedFrame.Errorf("expected content header for class %d, got one for class %d instead", class, got)
	}
	a.size = binary.BigEndian.Uint64(payload[4:])
	a.state = wantBody
	a.drop = a.size > maxSize
	a.large = a.size > smallBody
	frames := make([]byte, 0, len(payload)+FrameOverhead+a.smallFrame())
	a.frames = AppendFrame(frames, FrameHeader, 0, payload)
	switch {
	case a.drop || a.size == 0:
	case a.large:
		a.first = min(firstPiece, uint64(firstPieces/max(channels, 1)))
	default:
		a.frames = append(a.frames, byte(FrameBody), 0, 0)
		a.frames = binary.BigEndian.AppendUint32(a.frames, uint32(a.size))
	}
	return nil
}

// smallFrame is the size of the body frame that a small body is kept in.
func (a *assembler) smallFrame() int {
	if a.large || a.size == 0 {
		return 0
	}
	return int(a.size) + FrameOverhead
}

// body takes a piece of the body.
func (a *assembler) body(payload []byte) {
	if a.large && a.got == 0 && uint64(len(payload)) == a.size && !a.drop {
		a.memory = append([]byte(nil), payload...) // not zeroed first
		a.got = a.size
		return
	}
	if space := a.space(len(payload)); space != nil {
		copy(space, payload)
	}
}

// fits tells whether n more bytes of the body are to be kept.
func (a *assembler) fits(n int) bool {
	return a.state == wantBody && !a.drop && a.got+uint64(n) <= a.size
}

// space counts n bytes of the body as come and returns where they belong; nil
// if they are not to be kept. A body longer than declared is never complete
// (FRM-19).
func (a *assembler) space(n int) []byte {
	fits := a.fits(n)
	a.got += uint64(n)
	if !fits {
		a.drop = true
		return nil
	}
	if !a.large {
		a.frames = a.frames[:len(a.frames)+n]
		return a.frames[len(a.frames)-n:]
	}
	b := a.memory
	if cap(b)-len(b) < n { // grow towards the declared size as the bytes come
		grown := raw.Bytes(int(min(max(uint64(2*cap(b)), uint64(len(b)+n), a.first), a.size)))
		b = grown[:copy(grown, b)]
	}
	a.memory = b[:len(b)+n]
	return a.memory[len(b):]
}

// complete returns the content when all of the body has come.
func (a *assembler) complete() (Content, bool) {
	if a.state != wantBody || a.got != a.size {
		return Content{}, false
	}
	if a.large {
		return newLarge(a.frames, a.memory), true
	}
	if a.size > 0 && !a.drop {
		a.frames = append(a.frames, FrameEnd)
	}
	return Content{frames: a.frames}, true
}
