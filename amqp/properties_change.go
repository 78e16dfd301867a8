package amqp

import "encoding/binary"

// WithReplyTo returns the properties with another reply-to, which must have
// been there. All else keeps the bytes it has. p does not change.
func (p Properties) WithReplyTo(name string) Properties {
	return p.replace(propReplyTo, appendShortstr(nil, name))
}

// WithoutHeader returns the properties without the first header of that name;
// p itself if there is none. All else keeps the bytes it has.
func (p Properties) WithoutHeader(key string) Properties {
	r, ok := p.find(propHeaders)
	if !ok {
		return p
	}
	fields := r.bytes(r.long())
	for in := (reader{src: fields}); len(in.src) > 0; {
		from := len(fields) - len(in.src)
		found := string(in.shortbytes()) == key
		in.skipValue(0)
		if found && in.err == nil {
			to := len(fields) - len(in.src)
			table := binary.BigEndian.AppendUint32(nil, uint32(from+len(fields)-to))
			table = append(table, fields[:from]...)
			return p.replace(propHeaders, append(table, fields[to:]...))
		}
	}
	return p
}

// replace returns a copy in which property i, which is there, has another
// value.
func (p Properties) replace(i int, value []byte) Properties {
	r, _ := p.find(i)
	from := len(p) - len(r.src)
	r.skipProperty(i)
	to := len(p) - len(r.src)
	changed := make(Properties, 0, from+len(value)+len(p)-to)
	changed = append(changed, p[:from]...)
	changed = append(changed, value...)
	return append(changed, p[to:]...)
}
