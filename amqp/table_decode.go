package amqp

import "math"

// maxTableDepth is how deep tables and arrays may nest, the outermost table
// included. Deviates: RabbitMQ has no limit but the frame's size; ours keeps
// whatever walks a table, here or in a client's debugger, from deep recursion.
const maxTableDepth = 64

// DecodeTable reads a table with its four bytes of length off the front of src
// and returns what follows it. Nothing in t refers to src. No length is
// believed before the bytes are there. The error is an [*Error] with
// [SyntaxError].
func DecodeTable(src []byte) (t Table, rest []byte, err error) {
	r := reader{src: src}
	body := r.bytes(r.long())
	if r.err != nil {
		return nil, nil, tableError(r.err)
	}
	if t, err = decodeTableBody(body, 0); err != nil {
		return nil, nil, tableError(err)
	}
	return t, r.src, nil
}

func decodeTableBody(body []byte, depth int) (Table, error) {
	if depth >= maxTableDepth {
		return nil, errTooDeep
	}
	t := Table{}
	r := reader{src: body}
	for len(r.src) > 0 {
		key := string(r.shortbytes())
		value := r.value(depth)
		if r.err != nil {
			return nil, r.err
		}
		t = append(t, Field{Key: key, Value: value})
	}
	return t, nil
}

func decodeArrayBody(body []byte, depth int) (Array, error) {
	if depth >= maxTableDepth {
		return nil, errTooDeep
	}
	a := Array{}
	r := reader{src: body}
	for len(r.src) > 0 {
		value := r.value(depth)
		if r.err != nil {
			return nil, r.err
		}
		a = append(a, value)
	}
	return a, nil
}

// value reads a type tag and its value.
func (r *reader) value(depth int) any {
	switch tag := r.octet(); tag {
	case 't':
		return r.octet() != 0
	case 'b':
		return int8(r.octet())
	case 'B':
		return r.octet()
	case 's':
		return int16(r.short())
	case 'u':
		return r.short()
	case 'I':
		return int32(r.long())
	case 'i':
		return r.long()
	case 'l', 'L':
		return int64(r.longlong())
	case 'f':
		return math.Float32frombits(r.float32bits())
	case 'd':
		return math.Float64frombits(r.float64bits())
	case 'D':
		return Decimal{Scale: r.octet(), Value: r.long()}
	case 'S':
		return string(r.bytes(r.long()))
	case 'x':
		return r.longstr()
	case 'A':
		a, err := decodeArrayBody(r.bytes(r.long()), depth+1)
		if err != nil {
			r.fail(err)
		}
		return a
	case 'T':
		return Timestamp(r.longlong())
	case 'F':
		t, err := decodeTableBody(r.bytes(r.long()), depth+1)
		if err != nil {
			r.fail(err)
		}
		return t
	case 'V':
		return nil
	default:
		r.fail(errUnknownTag)
		return nil
	}
}

// float32bits and float64bits take an IEEE number. RabbitMQ has no NaN and no
// infinity and treats them as malformed, in arguments and in headers.

func (r *reader) float32bits() uint32 {
	v := r.long()
	if v>>23&0xFF == 0xFF {
		r.fail(errNotFinite)
	}
	return v
}

func (r *reader) float64bits() uint64 {
	v := r.longlong()
	if v>>52&0x7FF == 0x7FF {
		r.fail(errNotFinite)
	}
	return v
}
