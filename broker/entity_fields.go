package broker

import (
	"encoding/binary"
	"fmt"

	"github.com/leveretmq/leveret/amqp"
)

// fields takes fields off a value, until one is not there.
type fields struct {
	rest []byte
	err  error
}

// cut takes n bytes.
func (f *fields) cut(n uint64) []byte {
	if f.err != nil || n > uint64(len(f.rest)) {
		f.fail(errEntityShort)
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err, f.rest = err, nil
	}
}

func (f *fields) byte() byte {
	if b := f.cut(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.rest)
	if size <= 0 {
		f.fail(errEntityShort)
		return 0
	}
	f.cut(uint64(size))
	return n
}

func (f *fields) text() string { return string(f.cut(f.number())) }

func (f *fields) flags(flags ...*bool) {
	bits := f.byte()
	for i, on := range flags {
		*on = bits&(1<<i) != 0
	}
	if bits>>len(flags) != 0 {
		f.fail(errEntityFlags)
	}
}

func (f *fields) table() amqp.Table {
	if f.err != nil {
		return nil
	}
	t, rest, err := amqp.DecodeTable(f.rest)
	if err != nil {
		f.fail(fmt.Errorf("arguments: %w", err))
		return nil
	}
	f.rest = rest
	return t
}
