package amqp

import "strconv"

//go:generate go run ./internal/gen

// Method is a method with its arguments, such as [*QueueDeclare].
type Method interface {
	// ID returns the class and the method, whatever the arguments.
	ID() MethodID

	// append appends the arguments, without the ids.
	append(dst []byte) []byte

	// decode reads the arguments. They must fill src exactly.
	decode(src []byte) error
}

// MethodID names a method: the class in the upper 16 bits, the method in the
// lower ones.
type MethodID uint32

// Class returns the number of the class.
func (id MethodID) Class() uint16 { return uint16(id >> 16) }

// Method returns the number of the method within its class.
func (id MethodID) Method() uint16 { return uint16(id) }

// AppendMethod appends a whole method frame.
func AppendMethod(dst []byte, channel uint16, m Method) []byte {
	start := len(dst) + frameHeaderSize - 4
	dst = appendFrameHeader(dst, FrameMethod, channel, 0)
	id := m.ID()
	dst = append(dst, byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
	dst = m.append(dst)
	dst = putLength(dst, start)
	return append(dst, FrameEnd)
}

// PayloadID returns the id at the front of a method frame's payload; false if
// there are fewer than four bytes.
func PayloadID(payload []byte) (MethodID, bool) {
	if len(payload) < 4 {
		return 0, false
	}
	return MethodID(payload[0])<<24 | MethodID(payload[1])<<16 | MethodID(payload[2])<<8 | MethodID(payload[3]), true
}

// DecodeMethod reads the payload of a method frame. Nothing in the method
// refers to payload. The error is an [*Error]: see [Decode] and, for a method
// that AMQP 0-9-1 does not have, [NotImplemented] without a text (FRM-07).
func DecodeMethod(payload []byte) (Method, error) {
	id, ok := PayloadID(payload)
	if !ok {
		return nil, errShortMethod(payload)
	}
	m := newMethod(id)
	if m == nil {
		return nil, &Error{Code: NotImplemented}
	}
	if err := m.decode(payload[4:]); err != nil {
		return nil, methodError(payload, err)
	}
	return m, nil
}

// Decode reads the payload of a method frame, ids included, into m, whose
// earlier arguments are all replaced. The payload must be of m's method. The
// error is an [*Error], of code
//
//   - [FrameError] if there are too few bytes or too many (FRM-06, FRM-08) or a
//     short string is not UTF-8 (FRM-10),
//   - [SyntaxError] if a field table is malformed (FRM-09).
//
// After an error m's arguments mean nothing.
func Decode(m Method, payload []byte) error {
	id, ok := PayloadID(payload)
	if !ok {
		return errShortMethod(payload)
	}
	if id != m.ID() {
		panic("BUG: amqp: " + id.String() + " decoded as " + m.ID().String())
	}
	if err := m.decode(payload[4:]); err != nil {
		return methodError(payload, err)
	}
	return nil
}

// endOf is the decoder of methods without arguments.
func endOf(src []byte) error {
	if len(src) > 0 {
		return errTruncated
	}
	return nil
}

func unknownMethodName(id MethodID) string {
	return strconv.Itoa(int(id.Class())) + "." + strconv.Itoa(int(id.Method()))
}
