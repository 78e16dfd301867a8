package perf

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// A body begins with the time when it was sent, in nanoseconds since 1970. One
// that is verified goes on with the test, the producer, its number among the
// producer's from 1 up, and a checksum of all but itself.
const (
	timeSize  = 8
	sumAt     = 24
	stampSize = 28
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp is the beginning of a body.
type stamp struct {
	sent     int64
	test     uint32
	producer uint32
	number   uint64
	sum      uint32
}

func (s stamp) put(b []byte) {
	binary.BigEndian.PutUint64(b, uint64(s.sent))
	binary.BigEndian.PutUint32(b[8:], s.test)
	binary.BigEndian.PutUint32(b[12:], s.producer)
	binary.BigEndian.PutUint64(b[16:], s.number)
}

// readStamp reads one, if the body is not shorter.
func readStamp(b []byte) (s stamp, ok bool) {
	if len(b) < stampSize {
		return stamp{}, false
	}
	return stamp{
		sent: int64(binary.BigEndian.Uint64(b)), test: binary.BigEndian.Uint32(b[8:]),
		producer: binary.BigEndian.Uint32(b[12:]), number: binary.BigEndian.Uint64(b[16:]),
		sum: binary.BigEndian.Uint32(b[sumAt:]),
	}, true
}

// message is one that is encoded once and published often.
type message struct {
	body    []byte
	encoded []byte
	at      int // where the body begins in encoded
}

func newMessage(l *Load, queue, frameMax int, p amqp.BasicProperties) *message {
	m := &message{body: make([]byte, l.Size)}
	for i := stampSize; i < len(m.body); i++ {
		m.body[i] = byte(i)
	}
	m.encode(&amqp.BasicPublish{Exchange: l.Exchange, RoutingKey: l.key(queue), Mandatory: l.Mandatory}, p, frameMax)
	return m
}

// encode makes the frames: the method, the header, the body in pieces.
func (m *message) encode(route *amqp.BasicPublish, p amqp.BasicProperties, frameMax int) {
	b := amqp.AppendMethod(nil, 1, route)
	b = amqp.AppendContentHeader(b, 1, uint64(len(m.body)), p.Append(nil))
	m.at = len(b) + frameHeaderSize
	for rest := m.body; len(rest) > 0; {
		n := min(len(rest), frameMax-amqp.FrameOverhead)
		b = amqp.AppendFrame(b, amqp.FrameBody, 1, rest[:n])
		rest = rest[n:]
	}
	m.encoded = b
}

// move has the frames, which are for channel 1, be for another one.
func (m *message) move(channel uint16) {
	for b := m.encoded; len(b) > 0; b = b[amqp.FrameOverhead+binary.BigEndian.Uint32(b[3:]):] {
		binary.BigEndian.PutUint16(b[1:], channel)
	}
}

// mark writes when it is sent.
func (m *message) mark(at time.Time) {
	binary.BigEndian.PutUint64(m.encoded[m.at:], uint64(at.UnixNano()))
}

// sign writes all of a stamp, with the checksum. The stamp lies in the first
// frame of the body: none is shorter than 4096 bytes.
func (m *message) sign(s stamp) {
	s.put(m.body)
	sum := crc32.Update(crc32.Checksum(m.body[:sumAt], castagnoli), castagnoli, m.body[stampSize:])
	binary.BigEndian.PutUint32(m.body[sumAt:], sum)
	copy(m.encoded[m.at:], m.body[:stampSize])
}

// digest is the checksum of a body that comes in pieces.
type digest struct {
	sum uint32
	at  int // bytes that have come
}

func (d *digest) add(piece []byte) {
	if d.at == 0 && len(piece) >= stampSize {
		d.sum = crc32.Checksum(piece[:sumAt], castagnoli)
		d.at, piece = stampSize, piece[stampSize:]
	}
	d.sum = crc32.Update(d.sum, castagnoli, piece)
	d.at += len(piece)
}
