package amqp

import (
	"encoding/binary"
)

// reader takes values off the front of a slice. The first thing that is not
// there sets err; from then on every value is zero, so that a decoder checks
// once, at its end. A string or a table that is there and not well-formed only
// sets bad: RabbitMQ, too, looks into arguments after it found all of them.
type reader struct {
	src []byte
	err error
	bad error
}

func (r *reader) octet() uint8 {
	if len(r.src) < 1 {
		r.fail(errTruncated)
		return 0
	}
	v := r.src[0]
	r.src = r.src[1:]
	return v
}

func (r *reader) short() uint16 {
	if len(r.src) < 2 {
		r.fail(errTruncated)
		return 0
	}
	v := binary.BigEndian.Uint16(r.src)
	r.src = r.src[2:]
	return v
}

func (r *reader) long() uint32 {
	if len(r.src) < 4 {
		r.fail(errTruncated)
		return 0
	}
	v := binary.BigEndian.Uint32(r.src)
	r.src = r.src[4:]
	return v
}

func (r *reader) longlong() uint64 {
	if len(r.src) < 8 {
		r.fail(errTruncated)
		return 0
	}
	v := binary.BigEndian.Uint64(r.src)
	r.src = r.src[8:]
	return v
}

// bytes returns the next n bytes in place.
func (r *reader) bytes(n uint32) []byte {
	if uint64(len(r.src)) < uint64(n) {
		r.fail(errTruncated)
		return nil
	}
	v := r.src[:n:n]
	r.src = r.src[n:]
	return v
}

// shortbytes returns a short string in place, of any bytes.
func (r *reader) shortbytes() []byte { return r.bytes(uint32(r.octet())) }

// shortstr returns a short string, which must be UTF-8 (FRM-10): old if that is
// the same text, so that a method decoded into again and again need not copy
// what did not change, a copy otherwise.
func (r *reader) shortstr(old string) string {
	b := r.shortbytes()
	switch {
	case string(b) == old:
		return old
	case !wellFormed(b):
		r.reject(errMalformedUTF8)
		return ""
	}
	return string(b)
}

// rawstr is shortstr for any bytes.
func (r *reader) rawstr(old string) string {
	b := r.shortbytes()
	if string(b) == old {
		return old
	}
	return string(b)
}

// longstr returns a copy of a long string, of any bytes.
func (r *reader) longstr() []byte {
	b := r.bytes(r.long())
	if r.err != nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (r *reader) table() Table {
	body := r.bytes(r.long())
	if r.err != nil {
		return nil
	}
	t, err := decodeTableBody(body, 0)
	if err != nil {
		r.reject(tableError(err))
	}
	return t
}

// end returns what went wrong, bytes left over included.
func (r *reader) end() error {
	switch {
	case r.err != nil:
		return r.err
	case len(r.src) > 0:
		return errTruncated
	}
	return r.bad
}

// fail keeps the first error and hides the rest of the input.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.src = nil
}

// reject keeps the first argument that is not well-formed.
func (r *reader) reject(err error) {
	if r.bad == nil {
		r.bad = err
	}
}

func appendShortstr(dst []byte, s string) []byte {
	if len(s) > maxShortstr {
		panic("BUG: amqp: short string of more than 255 bytes")
	}
	dst = append(dst, byte(len(s)))
	return append(dst, s...)
}

func appendLongstr(dst, b []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}

// bit returns v as the i-th bit of an octet.
func bit(v bool, i uint) byte {
	if v {
		return 1 << i
	}
	return 0
}
