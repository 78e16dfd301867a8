package amqp

import "encoding/binary"

const (
	// smallBody is the largest body that fits into one frame whatever
	// frame_max has been negotiated.
	smallBody = MinFrameMax - FrameOverhead

	// wholeBody is the largest body that is taken from the read buffer as the
	// frame it came in. It has to fit into a chunk of an outbox.
	wholeBody = 32 << 10
)

// Content is the content of one message: the header frame as it was received
// and the body. A body that came whole, in one frame that is not large, stands
// behind the header as that frame, so that both are copied at once on the way
// in and out; any other one has memory of its own. Content is immutable.
//
// A content whose frames still lie in a connection's read buffer is valid
// until the next Flush; Keep makes one that stays.
//
// It is as small as can be: there is one for each message that waits.
type Content struct {
	frames []byte     // header frame, then the body frame of a body that came whole
	large  *largeBody // nil unless frames and body have memory of their own
}

// largeBody is a body that does not stand behind its header.
type largeBody []byte

// header is the length of the header frame.
func (c *Content) header() int {
	return int(binary.BigEndian.Uint32(c.frames[3:])) + FrameOverhead
}

// Properties are the property flags and list, raw.
func (c *Content) Properties() Properties {
	return Properties(c.frames[7+12 : c.header()-1])
}

// Body is the message body.
func (c *Content) Body() []byte {
	if c.large != nil {
		return *c.large
	}
	if h := c.header(); len(c.frames) > h {
		return c.frames[h+7 : len(c.frames)-1]
	}
	return nil
}

// BodySize is the number of bytes of the body.
func (c *Content) BodySize() int { return int(binary.BigEndian.Uint64(c.frames[7+4:])) }

// Size is the memory that the content occupies, in bytes.
func (c *Content) Size() int {
	if c.large != nil {
		return len(c.frames) + len(*c.large)
	}
	return len(c.frames)
}

// KeepSize is the number of bytes that Keep copies.
func (c *Content) KeepSize() int {
	if c.large != nil {
		return 0
	}
	return len(c.frames)
}

// Keep returns a content that stays valid. It copies to the end of dst, which
// must have room for KeepSize bytes, and returns dst with what it appended.
func (c *Content) Keep(dst []byte) (Content, []byte) {
	if c.large != nil {
		return *c, dst
	}
	n := len(dst)
	dst = append(dst, c.frames...)
	return Content{frames: dst[n:len(dst):len(dst)]}, dst
}

// NewContent makes a content from properties and a body, both of which must
// not change afterwards. It is for messages that a program puts in, not a
// connection.
func NewContent(p Properties, body []byte) Content {
	frames := AppendContentHeader(nil, 0, uint64(len(body)), p)
	if len(body) > smallBody {
		return newLarge(frames, body)
	}
	if len(body) > 0 {
		frames = AppendFrame(frames, FrameBody, 0, body)
	}
	return Content{frames: frames}
}

// WithProperties returns a content with the same body and other properties,
// which must not change afterwards.
func (c *Content) WithProperties(p Properties) Content {
	body := c.frames[c.header():]
	frames := make([]byte, 0, frameHeaderSize+12+len(p)+1+len(body))
	frames = AppendContentHeader(frames, 0, uint64(len(c.Body())), p)
	return Content{frames: append(frames, body...), large: c.large}
}

// newLarge returns a content whose header frame and body have memory of their own.
func newLarge(header, body []byte) Content {
	large := largeBody(body)
	return Content{frames: header, large: &large}
}

// wholeContent recognises a whole content of the given channel at the start
// of b, as the two frames that a client writes in one go. It returns their
// length, or 0: then the frames are taken one by one. largest is the limit of
// a frame's payload.
func wholeContent(b []byte, channel uint16, largest int) int {
	if len(b) < 7+14+1 || b[0] != byte(FrameHeader) || binary.BigEndian.Uint16(b[1:]) != channel {
		return 0
	}
	n := uint64(binary.BigEndian.Uint32(b[3:])) + FrameOverhead
	if n < 7+14+1 || n > uint64(min(len(b), MinFrameMax)) || b[n-1] != FrameEnd {
		return 0
	}
	if binary.BigEndian.Uint32(b[7:]) != 60<<16 { // class basic, weight 0
		return 0
	}
	size := binary.BigEndian.Uint64(b[11:])
	if size == 0 {
		return int(n)
	}
	end := n + size + FrameOverhead
	if size > uint64(min(wholeBody, largest)) || end > uint64(len(b)) {
		return 0
	}
	f := b[n:end]
	if f[0] != byte(FrameBody) || binary.BigEndian.Uint16(f[1:]) != channel ||
		uint64(binary.BigEndian.Uint32(f[3:])) != size || f[len(f)-1] != FrameEnd {
		return 0
	}
	return int(end)
}
