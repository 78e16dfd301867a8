package amqp

// skipTable passes over a table with its length, checks its form as
// [DecodeTable] would and builds nothing.
func (r *reader) skipTable(depth int) {
	inner := reader{src: r.bytes(r.long())}
	if depth >= maxTableDepth {
		inner.fail(errTooDeep)
	}
	for len(inner.src) > 0 {
		inner.shortbytes()
		inner.skipValue(depth)
	}
	if inner.err != nil {
		r.fail(inner.err)
	}
}

func (r *reader) skipArray(depth int) {
	inner := reader{src: r.bytes(r.long())}
	if depth >= maxTableDepth {
		inner.fail(errTooDeep)
	}
	for len(inner.src) > 0 {
		inner.skipValue(depth)
	}
	if inner.err != nil {
		r.fail(inner.err)
	}
}

func (r *reader) skipValue(depth int) {
	switch tag := r.octet(); tag {
	case 't', 'b', 'B':
		r.octet()
	case 's', 'u':
		r.short()
	case 'I', 'i':
		r.long()
	case 'l', 'L', 'T':
		r.longlong()
	case 'f':
		r.float32bits()
	case 'd':
		r.float64bits()
	case 'D':
		r.bytes(5)
	case 'S', 'x':
		r.bytes(r.long())
	case 'A':
		r.skipArray(depth + 1)
	case 'F':
		r.skipTable(depth + 1)
	case 'V':
	default:
		r.fail(errUnknownTag)
	}
}
