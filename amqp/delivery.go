package amqp

import "encoding/binary"

// referBody is the size from which a body is sent by reference if it stays
// where it is.
const referBody = 4 << 10

// Deliver is a prepared basic.deliver for messages that share a channel, a
// consumer tag, an exchange and a routing key: only delivery tag and
// redelivered flag differ. The zero Deliver is ready for Prepare.
type Deliver struct {
	method  BasicDeliver
	frame   []byte
	tagAt   int
	channel uint16
}

// Prepare makes d the basic.deliver for the given arguments.
func (d *Deliver) Prepare(channel uint16, consumerTag, exchange, routingKey string) {
	d.method = BasicDeliver{ConsumerTag: consumerTag, Exchange: exchange, RoutingKey: routingKey}
	d.frame = AppendMethod(d.frame[:0], channel, &d.method)
	d.tagAt = frameHeaderSize + 4 + 1 + len(consumerTag)
	d.channel = channel
}

// Batch appends a run of deliveries to an outbox under one lock. The zero
// Batch is not usable: see Outbox.Batch.
type Batch struct{ o *Outbox }

// Batch locks the outbox until End. It must be short, and no other lock may
// be taken meanwhile.
func (o *Outbox) Batch() Batch {
	o.mu.Lock()
	return Batch{o}
}

// Deliver appends one delivery. frameMax is the consumer's. A large body of a
// content that is kept is sent by reference.
func (b Batch) Deliver(d *Deliver, tag uint64, redelivered bool, c *Content, kept bool, frameMax int) {
	o := b.o
	if body := c.framed(); c.large != nil || body > frameMax-FrameOverhead || (kept && body >= referBody) {
		o.append(d.frame)
		d.patch(o.chunk[len(o.chunk)-len(d.frame):], tag, redelivered)
		o.appendContentLocked(d.channel, c, kept, frameMax)
		return
	}
	n := len(d.frame) + len(c.frames)
	room := o.room(n)
	d.patch(room[:copy(room, d.frame)], tag, redelivered)
	copyWhole(room[len(d.frame):n], d.channel, c)
	o.extend(n)
}

// End sees to it that the batch is written and unlocks the outbox.
func (b Batch) End() {
	b.o.flushLocked()
	b.o.mu.Unlock()
}

func (d *Deliver) patch(frame []byte, tag uint64, redelivered bool) {
	binary.BigEndian.PutUint64(frame[d.tagAt:], tag)
	if redelivered {
		frame[d.tagAt+8] = 1
	}
}

// framed is the size of a body that stands behind its header.
func (c *Content) framed() int { return max(0, len(c.frames)-c.header()-FrameOverhead) }

// copyWhole copies the frames of a content and gives them a channel.
func copyWhole(dst []byte, channel uint16, c *Content) {
	copy(dst, c.frames)
	putChannel(dst, c.header(), channel)
}

// putChannel gives a header frame of a length, and the body frame if one
// follows, a channel.
func putChannel(frames []byte, header int, channel uint16) {
	binary.BigEndian.PutUint16(frames[1:], channel)
	if len(frames) > header {
		binary.BigEndian.PutUint16(frames[header+1:], channel)
	}
}

// appendContentLocked appends header and body frames. Header frames are never
// split (FRM-23), bodies at frameMax (FRM-22).
func (o *Outbox) appendContentLocked(channel uint16, c *Content, kept bool, frameMax int) {
	h := c.header()
	o.append(c.frames[:h])
	binary.BigEndian.PutUint16(o.chunk[len(o.chunk)-h+1:], channel)
	for body := c.Body(); len(body) > 0; {
		n := min(len(body), frameMax-FrameOverhead)
		head := o.room(frameHeaderSize)
		head[0] = byte(FrameBody)
		binary.BigEndian.PutUint16(head[1:], channel)
		binary.BigEndian.PutUint32(head[3:], uint32(n))
		o.extend(frameHeaderSize)
		if n >= referBody && (kept || c.large != nil) {
			o.refer(body[:n:n])
		} else {
			o.append(body[:n])
		}
		o.room(1)[0] = FrameEnd
		o.extend(1)
		body = body[n:]
	}
}
