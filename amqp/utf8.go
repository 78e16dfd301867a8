package amqp

import (
	"math"
	"math/bits"
	"unicode/utf8"
)

// CheckName is the error for a name or a routing key that no client could use: one
// that is no short string (QDEC-34, FRM-10).
func CheckName(s string) error {
	switch {
	case len(s) > math.MaxUint8:
		return PreconditionFailed.Errorf("a name of %d bytes is longer than %d", len(s), math.MaxUint8)
	case !wellFormed([]byte(s)):
		return PreconditionFailed.Errorf("name %q is not UTF-8", s)
	}
	return nil
}

// wellFormed tells whether b looks like UTF-8 to RabbitMQ, which asks for the
// shape of the original definition: sequences of up to six bytes, as short as
// they can be, with any value (FRM-10).
func wellFormed(b []byte) bool {
	if utf8.Valid(b) {
		return true
	}
	for len(b) > 0 {
		n := sequence(b)
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// least is the smallest value that needs a sequence of that many bytes.
var least = [...]uint32{2: 0x80, 3: 0x800, 4: 0x10000, 5: 0x200000, 6: 0x4000000}

// sequence is the length of the well-formed sequence at the start of b, 0 if
// there is none.
func sequence(b []byte) int {
	if b[0] < 0x80 {
		return 1
	}
	n := bits.LeadingZeros8(^b[0])
	if n < 2 || n > 6 || n > len(b) {
		return 0
	}
	value := uint32(b[0]) & (0x7F >> n)
	for _, c := range b[1:n] {
		if c&0xC0 != 0x80 {
			return 0
		}
		value = value<<6 | uint32(c&0x3F)
	}
	if value < least[n] {
		return 0
	}
	return n
}
