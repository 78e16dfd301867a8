package amqp

import "encoding/binary"

// FrameType is the first octet of a frame (0-9-1 s. 4.2.3).
type FrameType byte

// The frame types of AMQP 0-9-1.
const (
	FrameMethod    FrameType = 1
	FrameHeader    FrameType = 2
	FrameBody      FrameType = 3
	FrameHeartbeat FrameType = 8
)

const (
	// FrameEnd is the octet that closes every frame.
	FrameEnd = 0xCE

	// FrameOverhead is what a frame adds to its payload, in bytes:
	// type, channel and size before it, the end octet behind it.
	FrameOverhead = frameHeaderSize + 1

	// MinFrameMax is the smallest frame-max that may be negotiated, in bytes
	// (0-9-1 s. 4.2.3, frame-min-size).
	MinFrameMax = 4096

	// ProtocolHeader is what a client sends first and what a server answers
	// to a header that it does not speak (0-9-1 s. 4.2.2).
	ProtocolHeader = "AMQP\x00\x00\x09\x01"

	frameHeaderSize = 7

	// classBasic is the only class whose methods carry content.
	classBasic = 60

	// contentHeaderSize is what precedes the properties in a content header:
	// class, weight and body size.
	contentHeaderSize = 12
)

// AppendFrame appends a whole frame around payload to dst.
func AppendFrame(dst []byte, t FrameType, channel uint16, payload []byte) []byte {
	dst = appendFrameHeader(dst, t, channel, uint32(len(payload)))
	dst = append(dst, payload...)
	return append(dst, FrameEnd)
}

// AppendContentHeader appends a whole content header frame of class basic:
// bodySize in bytes and the properties as they came.
func AppendContentHeader(dst []byte, channel uint16, bodySize uint64, p Properties) []byte {
	dst = appendFrameHeader(dst, FrameHeader, channel, uint32(contentHeaderSize+len(p)))
	dst = append(dst, 0, classBasic, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, bodySize)
	dst = append(dst, p...)
	return append(dst, FrameEnd)
}

func appendFrameHeader(dst []byte, t FrameType, channel uint16, size uint32) []byte {
	dst = append(dst, byte(t), byte(channel>>8), byte(channel))
	return binary.BigEndian.AppendUint32(dst, size)
}
