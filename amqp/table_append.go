package amqp

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendTable appends t with its four bytes of length. It panics if a value is
// of a type that [Table] does not list or a key is longer than 255 bytes.
func AppendTable(dst []byte, t Table) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = appendTableBody(dst, t)
	return putLength(dst, start)
}

func appendTableBody(dst []byte, t Table) []byte {
	for i := range t {
		dst = appendShortstr(dst, t[i].Key)
		dst = appendValue(dst, t[i].Value)
	}
	return dst
}

func appendArray(dst []byte, a Array) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for _, v := range a {
		dst = appendValue(dst, v)
	}
	return putLength(dst, start)
}

// putLength fills the four bytes at start with the length of what follows them.
func putLength(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// appendValue appends the type tag and the value.
func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(dst, 't', 1)
		}
		return append(dst, 't', 0)
	case int8:
		return append(dst, 'b', byte(v))
	case uint8:
		return append(dst, 'B', v)
	case int16:
		return binary.BigEndian.AppendUint16(append(dst, 's'), uint16(v))
	case uint16:
		return binary.BigEndian.AppendUint16(append(dst, 'u'), v)
	case int32:
		return binary.BigEndian.AppendUint32(append(dst, 'I'), uint32(v))
	case uint32:
		return binary.BigEndian.AppendUint32(append(dst, 'i'), v)
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, 'l'), uint64(v))
	case float32:
		return binary.BigEndian.AppendUint32(append(dst, 'f'), math.Float32bits(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(v))
	case Decimal:
		return binary.BigEndian.AppendUint32(append(dst, 'D', v.Scale), v.Value)
	case string:
		dst = binary.BigEndian.AppendUint32(append(dst, 'S'), uint32(len(v)))
		return append(dst, v...)
	case []byte:
		return appendLongstr(append(dst, 'x'), v)
	case Array:
		return appendArray(append(dst, 'A'), v)
	case Timestamp:
		return binary.BigEndian.AppendUint64(append(dst, 'T'), uint64(v))
	case Table:
		return AppendTable(append(dst, 'F'), v)
	case nil:
		return append(dst, 'V')
	}
	panic(badFieldValue(v))
}

func badFieldValue(v any) string {
	return fmt.Sprintf("BUG: amqp: %T is not the type of a field value", v)
}
