package amqp

// publish takes a basic.publish. Mostly its content follows in the same read,
// not large, and is taken from the buffer as it stands.
func (c *Conn) publish(ch *channel, payload []byte) {
	p, err := ch.publish.decode(payload)
	if err != nil {
		c.fail(ch.id, idBasicPublish, err)
		return
	}
	b := c.in.unparsed()
	n := wholeContent(b, ch.id, c.frameMax)
	if n == 0 || c.server.alarms.on() { // blocked at its header
		ch.content.begin(p)
		return
	}
	c.in.r += n
	c.published(ch, p, Content{frames: b[:n:n]})
}

// published hands a complete message to the session.
func (c *Conn) published(ch *channel, p *BasicPublish, content Content) {
	if ch.acked > c.flushes {
		// An acknowledgement that came before it may still close the channel.
		if c.flush(); ch.state != channelOpen || c.state != connRunning {
			return
		}
	}
	if err := ch.session.Publish(p, content); err != nil {
		c.fail(ch.id, idBasicPublish, err)
	}
}

// contentFrame takes a frame where a header or body is due.
func (c *Conn) contentFrame(ch *channel, kind FrameType, payload []byte) {
	a := &ch.content
	id := a.method.ID()
	var turn uint64
	if a.state == wantHeader {
		if err := a.header(kind, payload, c.server.config().MaxMessageSize, c.open); err != nil {
			c.fail(ch.id, id, err)
			return
		}
		turn = c.blocking()
	} else {
		if kind != FrameBody { // FRM-18
			c.fail(ch.id, id, UnexpectedFrame.Errorf("expected content body, got non content body frame instead"))
			return
		}
		a.body(payload)
	}
	c.assembled(ch)
	c.awaitTurn(turn)
}

// assembled goes on when the content of a channel is complete.
func (c *Conn) assembled(ch *channel) {
	a := &ch.content
	content, ok := a.complete()
	if !ok {
		return
	}
	m, size := a.method, a.size
	*a = assembler{}
	p, ok := m.(*BasicPublish)
	switch limit := c.server.config().MaxMessageSize; {
	case !ok: // FRM-29
		c.fail(ch.id, m.ID(), unimplemented())
	case size > limit: // FRM-26
		c.fail(ch.id, m.ID(), PreconditionFailed.Errorf("message size %d is larger than configured max size %d", size, limit))
	default:
		c.published(ch, p, content)
	}
}

// direct is how much of a body frame must be missing for it to be worth a
// read of its own.
const direct = 32 << 10

// largeBody takes a body frame whose payload is not yet in the buffer: a
// large one is read straight to where it belongs. done is false if the frame
// is to be taken in the usual way.
func (c *Conn) largeBody(id uint16, size int) (done bool, err error) {
	ch := c.channels[id]
	have := c.in.unparsed()[frameHeaderSize:]
	if ch == nil || ch.state != channelOpen || size-len(have) < direct || !ch.content.fits(size) {
		return false, nil
	}
	space := ch.content.space(size)
	n := copy(space, have)
	c.in.r += frameHeaderSize + n
	c.flush()
	if err := c.in.full(space[n:]); err != nil {
		return false, err
	}
	end, err := c.in.octet()
	if err != nil {
		return false, err
	}
	if end != FrameEnd {
		return false, badFrameEnd(FrameBody, space, end)
	}
	c.assembled(ch)
	return true, nil
}
