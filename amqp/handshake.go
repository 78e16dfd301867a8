package amqp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Why a handshake ends without a connection.
var (
	errNoHeader  = errors.New("peer left before it sent a protocol header")
	errProtocol  = errors.New("not a protocol header of AMQP 0-9-1")
	errHandshake = errors.New("handshake violated")
)

// handshake runs from the protocol header to connection.open-ok, each step
// reading exactly the method that is due, all within HandshakeTimeout.
func (c *Conn) handshake() error {
	cfg := c.server.config()
	c.readUntil(time.Now().Add(cfg.HandshakeTimeout))
	c.frameMax = MinFrameMax // until tuned: CONN-22
	if err := c.shakeHands(); err != nil {
		return err
	}
	mechanisms := c.mechanisms(cfg.Mechanisms)
	start := &ConnectionStart{
		VersionMajor: 0, VersionMinor: 9,
		ServerProperties: cfg.Properties,
		Mechanisms:       []byte(strings.Join(mechanisms, " ")),
		Locales:          []byte("en_US"),
	}
	if err := c.protocolHeader(start); err != nil {
		return err
	}
	c.accepted = true
	c.out.Send(0, start)
	var startOk ConnectionStartOk
	if err := c.expect(&startOk); err != nil {
		return err
	}
	if err := c.login(&startOk, mechanisms); err != nil {
		return err
	}
	c.out.Send(0, &ConnectionTune{
		ChannelMax: cfg.ChannelMax, FrameMax: cfg.FrameMax, Heartbeat: uint16(cfg.Heartbeat / time.Second),
	})
	var tuneOk ConnectionTuneOk
	if err := c.expect(&tuneOk); err != nil {
		return err
	}
	if err := c.tune(&tuneOk); err != nil {
		return err
	}
	var open ConnectionOpen
	if err := c.expect(&open); err != nil {
		return err
	}
	return c.openVhost(&open)
}

// protocolHeader reads the first eight octets and answers a wrong header with
// ours (HDR-04..07).
func (c *Conn) protocolHeader(start *ConnectionStart) error {
	for len(c.in.unparsed()) < len(ProtocolHeader) {
		if err := c.in.fill(len(ProtocolHeader)); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			return errNoHeader
		}
	}
	switch header := string(c.in.unparsed()[:len(ProtocolHeader)]); header {
	case ProtocolHeader, "AMQP\x01\x01\x00\x09": // HDR-01, HDR-02
	case "AMQP\x01\x01\x08\x00", "AMQP\x01\x01\x09\x01": // HDR-03
		start.VersionMajor, start.VersionMinor = 8, 0
		start.ServerProperties = withoutCapabilities(start.ServerProperties)
	default:
		c.out.mu.Lock()
		c.out.append([]byte(ProtocolHeader))
		c.out.flushLocked()
		c.out.mu.Unlock()
		c.accepted = true
		return foreign(header)
	}
	c.in.r += len(ProtocolHeader)
	return nil
}

// withoutCapabilities is what a client of AMQP 0-8 gets to see (HDR-03).
func withoutCapabilities(properties Table) Table {
	shown := slices.Clone(properties)
	for i := range shown {
		if shown[i].Key == "capabilities" {
			shown[i].Value = Table{}
		}
	}
	return shown
}

// expect reads the method that is due on channel 0.
func (c *Conn) expect(m Method) error {
	for {
		c.handshaking = 0
		b := c.in.unparsed()
		need := 7
		if len(b) >= 7 {
			size := binary.BigEndian.Uint32(b[3:])
			if uint64(size) > uint64(c.frameMax) {
				return outOfTurn(m, c.tooLarge(FrameType(b[0]), size))
			}
			if need = int(size) + FrameOverhead; len(b) >= need {
				again, err := c.expected(m, b[:need])
				if !again {
					return err
				}
				continue
			}
		}
		if err := c.in.fill(need); err != nil {
			return err
		}
	}
}

// expected takes one frame of the handshake; again means that it was a
// heartbeat, which may come at any time (CONN-32).
func (c *Conn) expected(m Method, frame []byte) (again bool, err error) {
	kind, channel, payload := FrameType(frame[0]), binary.BigEndian.Uint16(frame[1:]), frame[7:len(frame)-1]
	if end := frame[len(frame)-1]; end != FrameEnd {
		return false, outOfTurn(m, badFrameEnd(kind, payload, end))
	}
	c.in.r += len(frame)
	known := kind >= FrameMethod && kind <= FrameBody && len(payload) >= leastPayload[kind]
	switch {
	case kind == FrameHeartbeat && channel == 0 && len(payload) == 0:
		return true, nil
	case channel == 0 && !known:
		return false, outOfTurn(m, unknownFrame(kind, payload))
	case channel != 0 || kind != FrameMethod:
		return false, outOfTurn(m, unexpectedFrame(kind, payload)) // CONN-30, CONN-31
	}
	c.handshaking = methodID(payload)
	if c.handshaking == m.ID() {
		err = Decode(m, payload)
	} else if _, err = DecodeMethod(payload); err == nil { // CONN-29, CONN-33
		return false, outOfTurn(m, ChannelError.Errorf("unexpected method in connection state opening"))
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errHandshake, err)
	}
	return false, err
}

// outOfTurn is for what is not the method due. The client is told only when it
// has logged in and agreed on limits.
func outOfTurn(due Method, e *Error) error {
	if due.ID() == idConnectionOpen {
		return e
	}
	return fmt.Errorf("%w: %s where %s is due", errHandshake, e.Text, due.ID())
}

// login asks the backend whether it knows the client.
func (c *Conn) login(m *ConnectionStartOk, offered []string) error {
	c.properties = m.ClientProperties
	if !slices.Contains(offered, m.Mechanism) { // CONN-07
		return &SilentError{Reason: "authentication mechanism '" + m.Mechanism + "' is not offered"}
	}
	began := time.Now()
	user, err := c.server.Backend.Login(LoginRequest{
		Mechanism: m.Mechanism, Response: m.Response, Peer: c.conn.RemoteAddr(), TLS: c.tls,
	})
	c.thought = time.Since(began)
	if err == nil {
		c.thought = 0
		c.user, c.mechanism, c.in.trusted = user, m.Mechanism, true
		return nil
	}
	if !c.Capable("authentication_failure_close") { // CONN-11
		return err
	}
	refused := &refusedLogin{m.Mechanism}
	var silent *SilentError
	if errors.As(err, &silent) { // CONN-05..07
		return err
	}
	return &Error{Code: AccessRefused, Text: refused.Error(), Hard: true, NoMethod: true, Err: err}
}

// tune takes the limits that the client wants (CONN-17..21).
func (c *Conn) tune(m *ConnectionTuneOk) error {
	cfg := c.server.config()
	switch {
	case m.FrameMax < MinFrameMax || (cfg.FrameMax != 0 && m.FrameMax > cfg.FrameMax):
		return fmt.Errorf("%w: frame_max = %d is not within %d and %d", errHandshake, m.FrameMax, MinFrameMax, cfg.FrameMax)
	case cfg.ChannelMax != 0 && (m.ChannelMax == 0 || m.ChannelMax > cfg.ChannelMax):
		return fmt.Errorf("%w: channel_max = %d is higher than %d", errHandshake, m.ChannelMax, cfg.ChannelMax)
	}
	c.frameMax = int(m.FrameMax)
	c.channelMax = int(m.ChannelMax)
	if c.channelMax == 0 {
		c.channelMax = 65535
	}
	c.heartbeat = time.Duration(m.Heartbeat) * time.Second
	return nil
}

// openVhost starts the session that connection.open asks for.
func (c *Conn) openVhost(m *ConnectionOpen) error {
	c.vhost = m.VirtualHost
	session, err := c.server.Backend.Open(c.user, m.VirtualHost, c)
	if err != nil {
		return err
	}
	c.session = session
	c.out.Send(0, &ConnectionOpenOk{})
	c.readUntil(time.Time{})
	if t := c.server.Trace.Opened; t != nil {
		t(c)
	}
	return nil
}
