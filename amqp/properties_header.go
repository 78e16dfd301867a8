package amqp

// Header returns the first header of that name, without a look at the values of
// others.
func (p Properties) Header(key string) (value any, ok bool) {
	r, ok := p.find(propHeaders)
	if !ok {
		return nil, false
	}
	for in := (reader{src: r.bytes(r.long())}); len(in.src) > 0 && in.err == nil; in.skipValue(0) {
		if string(in.shortbytes()) == key {
			value = in.value(0)
			return value, in.err == nil
		}
	}
	return nil, false
}
