package amqp

import (
	"encoding/binary"
	"fmt"
)

// StoredSize is the number of bytes that AppendStored appends.
func (c *Content) StoredSize() int { return c.Size() }

// AppendStored appends the content in the form that LoadContent reads: the
// header frame, then the body as it is kept, in its frame or bare. The frames
// are those of channel 0, so that the same content has the same bytes whatever
// channel it came on.
func (c *Content) AppendStored(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, c.frames...)
	putChannel(dst[n:], c.header(), 0)
	if c.large != nil {
		dst = append(dst, *c.large...)
	}
	return dst
}

// LoadContent returns the content that AppendStored made b of. It refers to b,
// which must not change any more. Whatever else b may be is an error.
func LoadContent(b []byte) (Content, error) {
	h, size, err := storedHeader(b)
	if err != nil {
		return Content{}, err
	}
	switch rest := uint64(len(b) - h); {
	case size == 0 && rest == 0:
		return Content{frames: b[:h:h]}, nil
	case size > smallBody && rest == size:
		return newLarge(b[:h:h], b[h:len(b):len(b)]), nil
	case size > 0 && rest > FrameOverhead && rest-FrameOverhead == size:
		if !isStoredFrame(b[h:], FrameBody) {
			return Content{}, fmt.Errorf("stored content: no body frame")
		}
		return Content{frames: b[:len(b):len(b)]}, nil
	default:
		return Content{}, fmt.Errorf("stored content: %d bytes after the header of a body of %d", rest, size)
	}
}

// storedHeader checks the header frame at the start of b and returns its length
// and the size of the body.
func storedHeader(b []byte) (length int, size uint64, err error) {
	const least = frameHeaderSize + 14 + 1 // without any property
	if len(b) < least {
		return 0, 0, fmt.Errorf("stored content: %d bytes", len(b))
	}
	n := uint64(binary.BigEndian.Uint32(b[3:])) + FrameOverhead
	if n < least || n > uint64(len(b)) || !isStoredFrame(b[:n], FrameHeader) {
		return 0, 0, fmt.Errorf("stored content: no header frame")
	}
	if binary.BigEndian.Uint32(b[frameHeaderSize:]) != 60<<16 { // class basic, weight 0
		return 0, 0, fmt.Errorf("stored content: not of class basic")
	}
	if err := Properties(b[frameHeaderSize+12 : n-1]).Check(); err != nil {
		return 0, 0, fmt.Errorf("stored content: %w", err)
	}
	return int(n), binary.BigEndian.Uint64(b[frameHeaderSize+4:]), nil
}

// isStoredFrame tells whether b is one whole frame of a type on channel 0.
func isStoredFrame(b []byte, kind FrameType) bool {
	return b[0] == byte(kind) && binary.BigEndian.Uint16(b[1:]) == 0 &&
		uint64(binary.BigEndian.Uint32(b[3:]))+FrameOverhead == uint64(len(b)) && b[len(b)-1] == FrameEnd
}
