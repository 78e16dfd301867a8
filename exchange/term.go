package exchange

import (
	"math"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// appendTerm appends a field value as Erlang prints it, since RabbitMQ's reply
// texts quote values that way.
//
// Deviates: RabbitMQ breaks the lines of a table or array that is too long for
// one.
func appendTerm(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "undefined"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case float32:
		return appendFloat(dst, float64(v))
	case float64:
		return appendFloat(dst, v)
	case amqp.Decimal:
		dst = strconv.AppendUint(append(dst, '{'), uint64(v.Scale), 10)
		dst = strconv.AppendUint(append(dst, ','), uint64(v.Value), 10)
		return append(dst, '}')
	case string:
		return append(dst, amqp.FormatBinary([]byte(v))...)
	case []byte:
		return append(dst, amqp.FormatBinary(v)...)
	case amqp.Array:
		return appendArray(dst, v)
	case amqp.Table:
		return appendTable(dst, v)
	}
	return appendInteger(dst, v)
}

func appendInteger(dst []byte, v any) []byte {
	switch v := v.(type) {
	case int8:
		return strconv.AppendInt(dst, int64(v), 10)
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10)
	case int16:
		return strconv.AppendInt(dst, int64(v), 10)
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10)
	case int32:
		return strconv.AppendInt(dst, int64(v), 10)
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case amqp.Timestamp:
		return strconv.AppendUint(dst, uint64(v), 10)
	}
	panic("BUG: no type of field value")
}

func appendArray(dst []byte, a amqp.Array) []byte {
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '{'), amqp.TypeName(v)...), ',')
		dst = append(appendTerm(dst, v), '}')
	}
	return append(dst, ']')
}

func appendTable(dst []byte, t amqp.Table) []byte {
	dst = append(dst, '[')
	for i, f := range t {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, '{'), amqp.FormatBinary([]byte(f.Key))...)
		dst = append(append(append(dst, ','), amqp.TypeName(f.Value)...), ',')
		dst = append(appendTerm(dst, f.Value), '}')
	}
	return append(dst, ']')
}

// exactIntegers is up to where floats hold every integer. From there on Erlang
// prints no digits that the float does not tell apart.
const exactIntegers = 1 << 53

// appendFloat appends the shorter of 1200.0 and 1.2e3, the former if they are
// of one length.
func appendFloat(dst []byte, f float64) []byte {
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	mantissa, exponent, ok := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !ok {
		return append(dst, plain...) // NaN or infinite
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	power, _ := strconv.Atoi(exponent)
	short := mantissa + "e" + strconv.Itoa(power)
	if math.Abs(f) >= exactIntegers || len(short) < len(plain) {
		return append(dst, short...)
	}
	return append(dst, plain...)
}
