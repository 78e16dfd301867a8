package main

import (
	"encoding/binary"
	"fmt"
)

const (
	frameMethod = 1
	frameHeader = 2
	frameBody   = 3
	frameEnd    = 0xCE

	frameHeaderSize = 7
	frameOverhead   = frameHeaderSize + 1
)

// method is a class id and a method id.
type method uint32

const (
	connectionStart   method = 10<<16 | 10
	connectionStartOk method = 10<<16 | 11
	connectionTune    method = 10<<16 | 30
	connectionTuneOk  method = 10<<16 | 31
	connectionOpen    method = 10<<16 | 40
	connectionOpenOk  method = 10<<16 | 41
	connectionClose   method = 10<<16 | 50
	connectionCloseOk method = 10<<16 | 51
	channelOpen       method = 20<<16 | 10
	channelOpenOk     method = 20<<16 | 11
	channelClose      method = 20<<16 | 40
	exchangeDeclare   method = 40<<16 | 10
	exchangeDeclareOk method = 40<<16 | 11
	exchangeDelete    method = 40<<16 | 20
	exchangeDeleteOk  method = 40<<16 | 21
	queueDeclare      method = 50<<16 | 10
	queueDeclareOk    method = 50<<16 | 11
	queueBind         method = 50<<16 | 20
	queueBindOk       method = 50<<16 | 21
	queueDelete       method = 50<<16 | 40
	queueDeleteOk     method = 50<<16 | 41
	basicQos          method = 60<<16 | 10
	basicQosOk        method = 60<<16 | 11
	basicConsume      method = 60<<16 | 20
	basicConsumeOk    method = 60<<16 | 21
	basicPublish      method = 60<<16 | 40
	basicReturn       method = 60<<16 | 50
	basicDeliver      method = 60<<16 | 60
	basicAck          method = 60<<16 | 80
	basicNack         method = 60<<16 | 120
	confirmSelect     method = 85<<16 | 10
	confirmSelectOk   method = 85<<16 | 11
)

func appendFrame(b []byte, typ byte, channel uint16, payload []byte) []byte {
	b = append(b, typ)
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return append(b, frameEnd)
}

func appendMethod(b []byte, channel uint16, m method, args []byte) []byte {
	b = append(b, frameMethod)
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(4+len(args)))
	b = binary.BigEndian.AppendUint32(b, uint32(m))
	b = append(b, args...)
	return append(b, frameEnd)
}

// publish is a message on channel 1.
type publish struct {
	exchange, key string
	body          []byte
	persistent    bool
	priority      int // negative: none
}

// append appends the method, the header and the body in frames of at most
// frameMax bytes, and returns where the body's first byte is.
func (p *publish) append(b []byte, frameMax int) (_ []byte, at int) {
	a := appendShort([]byte{0, 0}, p.exchange)
	a = appendShort(a, p.key)
	b = appendMethod(b, 1, basicPublish, append(a, 0))

	h := binary.BigEndian.AppendUint32(nil, 60<<16)
	h = binary.BigEndian.AppendUint64(h, uint64(len(p.body)))
	h = append(h, bit(4, p.persistent)|bit(3, p.priority >= 0), 0) // property flags
	if p.persistent {
		h = append(h, 2)
	}
	if p.priority >= 0 {
		h = append(h, byte(p.priority))
	}
	b = appendFrame(b, frameHeader, 1, h)

	at = len(b) + frameHeaderSize
	for body := p.body; len(body) > 0; {
		n := min(len(body), frameMax-frameOverhead)
		b = appendFrame(b, frameBody, 1, body[:n])
		body = body[n:]
	}
	return b, at
}

func appendShort(b []byte, s string) []byte {
	b = append(b, byte(len(s)))
	return append(b, s...)
}

func appendLong(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// table holds the few argument types that the scenarios need.
type table map[string]any

func appendTable(b []byte, t table) []byte {
	var body []byte
	for k, v := range t {
		body = appendShort(body, k)
		switch v := v.(type) {
		case int:
			body = append(body, 'I')
			body = binary.BigEndian.AppendUint32(body, uint32(v))
		case string:
			body = append(body, 'S')
			body = appendLong(body, v)
		default:
			panic(fmt.Sprintf("BUG: table value %T", v))
		}
	}
	return appendLong(b, string(body))
}
