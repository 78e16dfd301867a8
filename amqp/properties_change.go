package amqp

import (
	"encoding/binary"
	"math/bits"
)

// WithReplyTo returns the properties with another reply-to. All else keeps the
// bytes it has. p does not change, here and below.
func (p Properties) WithReplyTo(name string) Properties {
	return p.replace(propReplyTo, appendShortstr(nil, name))
}

// WithHeaders returns the properties with other headers, also if they had none.
func (p Properties) WithHeaders(t Table) Properties {
	return p.replace(propHeaders, AppendTable(nil, t))
}

// WithoutExpiration returns the properties without a time to live.
func (p Properties) WithoutExpiration() Properties {
	if _, ok := p.find(propExpiration); !ok {
		return p
	}
	return p.replace(propExpiration, nil)
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

// replace returns a copy in which property i has another value, or is absent
// if that is nil.
func (p Properties) replace(i int, value []byte) Properties {
	from, to := p.extent(i)
	changed := make(Properties, 0, from+len(value)+len(p)-to)
	changed = append(changed, p[:from]...)
	changed = append(changed, value...)
	changed = append(changed, p[to:]...)
	flags := p.flags() | flag(i)
	if value == nil {
		flags &^= flag(i)
	}
	binary.BigEndian.PutUint16(changed, flags)
	return changed
}

// extent is where property i stands, or would.
func (p Properties) extent(i int) (from, to int) {
	r := reader{src: p[2:]}
	for before := p.flags() &^ (flag(i)<<1 - 1); before != 0; {
		j := bits.LeadingZeros16(before)
		before &^= flag(j)
		r.skipProperty(j)
	}
	from = len(p) - len(r.src)
	if p.has(i) {
		r.skipProperty(i)
	}
	return from, len(p) - len(r.src)
}
