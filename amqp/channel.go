package amqp

import "encoding/binary"

// channel is the protocol's own bookkeeping of a channel number: whether it
// is open, and what content is being received on it.
type channel struct {
	id      uint16
	state   channelState
	session Channel
	content assembler
	publish publishCache
	acked   uint64 // Conn.flushes+1 when an ack was last gathered
}

// channelState is the state of a channel number. A number without a channel
// struct is free.
type channelState int

const (
	channelOpen    channelState = iota
	channelClosing              // channel.close was sent: all but close-ok is dropped (CHAN-09)
)

// end closes the channel of the session, once.
func (ch *channel) end() {
	ch.content, ch.publish = assembler{}, publishCache{}
	if s := ch.session; s != nil {
		ch.session = nil
		s.Close()
	}
}

// publishCache holds the basic.publish methods that a channel has lately
// seen, so that one which comes again is not decoded again.
type publishCache struct {
	last    *BasicPublish
	payload []byte // of last
	known   map[string]*BasicPublish
}

// publishCacheSize bounds the methods that are remembered for a channel.
const publishCacheSize = 64

// decode returns the method for the payload of a method frame. Equal payloads
// give the same *BasicPublish as long as it is remembered.
func (pc *publishCache) decode(payload []byte) (*BasicPublish, error) {
	if pc.last != nil && string(payload) == string(pc.payload) {
		return pc.last, nil
	}
	p := pc.known[string(payload)]
	if p == nil {
		p = new(BasicPublish)
		if err := Decode(p, payload); err != nil {
			return nil, err
		}
		if pc.known == nil || len(pc.known) >= publishCacheSize {
			pc.known = make(map[string]*BasicPublish)
		}
		pc.known[string(payload)] = p
	}
	pc.last, pc.payload = p, append(pc.payload[:0], payload...)
	return p, nil
}

// channelFrame takes a frame on a channel other than 0.
func (c *Conn) channelFrame(kind FrameType, id uint16, payload []byte) {
	ch := c.last
	if ch == nil || ch.id != id {
		if ch = c.channels[id]; ch == nil {
			c.unopened(kind, id, payload)
			return
		}
		c.last = ch
	}
	switch {
	case ch.state == channelClosing:
		c.closingMethod(ch, kind, payload)
	case ch.content.state != wantMethod:
		c.contentFrame(ch, kind, payload)
	case kind != FrameMethod:
		c.fail(0, 0, UnexpectedFrame.Errorf("expected method frame, got non method frame instead")) // FRM-14
	default:
		c.method(ch, payload)
	}
}

// method takes a method on an open channel.
func (c *Conn) method(ch *channel, payload []byte) {
	id := methodID(payload)
	switch id {
	case idBasicPublish:
		c.publish(ch, payload)
		return
	case idBasicAck:
		if len(payload) == 4+8+1 {
			ch.acked = c.flushes + 1
			ch.session.Ack(binary.BigEndian.Uint64(payload[4:]), payload[12]&1 != 0)
			return
		}
	}
	m, err := DecodeMethod(payload)
	if err != nil {
		c.fail(ch.id, id, err)
		return
	}
	if id.HasContent() { // only servers send it: refused when complete (FRM-29)
		ch.content.begin(m)
		return
	}
	c.flush()
	switch { // the flush may have ended it
	case c.state != connRunning:
		return
	case ch.state == channelClosing:
		c.closingMethod(ch, FrameMethod, payload)
		return
	}
	c.awaitAnswers()
	c.fail(ch.id, id, c.carryOut(ch, id, m))
}

// carryOut does what a method on an open channel asks for.
func (c *Conn) carryOut(ch *channel, id MethodID, m Method) error {
	switch m.(type) {
	case *ChannelOpen:
		return secondOpen()
	case *ChannelClose:
		ch.end()
		c.forget(ch)
		c.open--
		c.out.Send(ch.id, &ChannelCloseOk{})
		return nil
	case *ChannelCloseOk:
		return unimplemented() // CHAN-12
	}
	if !id.FromClient() || id.Class() == idConnectionStart.Class() {
		return unimplemented() // FRM-11, FRM-28
	}
	return ch.session.Method(m)
}

// secondOpen is CHAN-02, also while a close is outstanding.
func secondOpen() *Error { return ChannelError.Errorf("second 'channel.open' seen") }

func unimplemented() *Error { return CommandInvalid.Errorf("unimplemented method") }

// unopened takes a frame on a number that is not open.
func (c *Conn) unopened(kind FrameType, id uint16, payload []byte) {
	if kind != FrameMethod {
		c.fail(0, 0, UnexpectedFrame.Errorf("expected method frame, got non method frame instead"))
		return
	}
	mid := methodID(payload)
	m, err := DecodeMethod(payload)
	if err != nil {
		c.fail(0, mid, err)
		return
	}
	if _, ok := m.(*ChannelOpen); !ok {
		c.fail(0, mid, ChannelError.Errorf("expected 'channel.open'")) // CHAN-03
		return
	}
	if c.open >= c.channelMax { // CHAN-04, CHAN-05
		c.fail(0, 0, NotAllowed.Errorf("number of channels opened (%d) has reached the negotiated channel_max (%d)",
			c.open, c.channelMax))
		return
	}
	c.flush()
	if c.state != connRunning {
		return
	}
	session, err := c.session.OpenChannel(id)
	if err != nil {
		c.fail(0, 0, err)
		return
	}
	c.open++
	c.channels[id] = &channel{id: id, session: session}
	c.out.Send(id, &ChannelOpenOk{})
}

// closingMethod takes a frame on a channel whose close-ok is awaited.
func (c *Conn) closingMethod(ch *channel, kind FrameType, payload []byte) {
	if kind == FrameHeader {
		c.awaitTurn(c.blocking())
	}
	if kind != FrameMethod {
		return
	}
	id := methodID(payload)
	m, err := DecodeMethod(payload)
	if err != nil {
		c.fail(0, id, err)
		return
	}
	switch m.(type) {
	case *ChannelCloseOk:
		c.forget(ch)
	case *ChannelClose: // crossing: CHAN-10
		c.out.Send(ch.id, &ChannelCloseOk{})
	case *ChannelOpen:
		c.fail(0, id, secondOpen())
	}
}

func (c *Conn) forget(ch *channel) {
	delete(c.channels, ch.id)
	if c.last == ch {
		c.last = nil
	}
}
