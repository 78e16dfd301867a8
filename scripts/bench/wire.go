package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// client is a deliberately small AMQP 0-9-1 client: a publish is encoded once
// and many are written in one system call, and only what is counted is parsed,
// so that the broker and not the load generator is what saturates. Beside
// connection methods everything happens on channel 1.
type client struct {
	nc       net.Conn
	r        *bufio.Reader
	frameMax int
	buf      []byte // of the frame read last
}

// frame is valid until the next one is read.
type frame struct {
	typ     byte
	payload []byte
}

// connect opens a connection to b and its channel 1.
func connect(b broker) (*client, error) {
	nc, err := net.DialTimeout("tcp", b.addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{nc: nc, r: bufio.NewReaderSize(nc, 256<<10)}
	if err := c.open("guest", "guest", "/"); err != nil {
		c.close()
		return nil, fmt.Errorf("connect to %s: %w", b.name, err)
	}
	return c, nil
}

func (c *client) open(user, password, vhost string) error {
	if _, err := c.nc.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	if _, err := c.expect(connectionStart); err != nil {
		return err
	}
	a := appendTable(nil, nil) // client-properties
	a = appendShort(a, "PLAIN")
	a = appendLong(a, "\x00"+user+"\x00"+password)
	a = appendShort(a, "en_US")
	if err := c.sendMethod(0, connectionStartOk, a); err != nil {
		return err
	}
	tune, err := c.expect(connectionTune)
	if err != nil {
		return err
	}
	c.frameMax = int(binary.BigEndian.Uint32(tune[2:]))
	if c.frameMax == 0 || c.frameMax > 131072 {
		c.frameMax = 131072
	}
	a = append(a[:0], tune[:2]...) // channel-max as offered
	a = binary.BigEndian.AppendUint32(a, uint32(c.frameMax))
	a = append(a, 0, 0) // no heartbeats
	if err := c.sendMethod(0, connectionTuneOk, a); err != nil {
		return err
	}
	a = appendShort(a[:0], vhost)
	if err := c.sendMethod(0, connectionOpen, append(a, 0, 0)); err != nil {
		return err
	}
	if _, err := c.expect(connectionOpenOk); err != nil {
		return err
	}
	return c.call(channelOpen, []byte{0}, channelOpenOk)
}

// close ends the connection without a word. Whether that fails tells nothing
// about the broker.
func (c *client) close() { _ = c.nc.Close() }

func (c *client) setDeadline(d time.Duration) { _ = c.nc.SetDeadline(time.Now().Add(d)) }

// call sends a synchronous method on channel 1 and waits for its reply.
func (c *client) call(m method, args []byte, reply method) error {
	if err := c.sendMethod(1, m, args); err != nil {
		return err
	}
	_, err := c.expect(reply)
	return err
}

func (c *client) sendMethod(channel uint16, m method, args []byte) error {
	_, err := c.nc.Write(appendMethod(nil, channel, m, args))
	return err
}

func (c *client) readFrame() (frame, error) {
	var h [frameHeaderSize]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return frame{}, err
	}
	n := int(binary.BigEndian.Uint32(h[3:]))
	if cap(c.buf) < n+1 {
		c.buf = make([]byte, n+1)
	}
	b := c.buf[:n+1]
	if _, err := io.ReadFull(c.r, b); err != nil {
		return frame{}, err
	}
	if b[n] != frameEnd {
		return frame{}, errors.New("bad frame end")
	}
	return frame{h[0], b[:n]}, nil
}

func (f frame) method() method { return method(binary.BigEndian.Uint32(f.payload)) }

// expect reads until a certain method and returns its arguments.
func (c *client) expect(want method) ([]byte, error) {
	for {
		f, err := c.readFrame()
		if err != nil {
			return nil, err
		}
		if f.typ != frameMethod {
			continue
		}
		switch f.method() {
		case want:
			return f.payload[4:], nil
		case connectionClose, channelClose:
			return nil, closeError(f.payload[4:])
		}
	}
}

func closeError(args []byte) error {
	n := int(args[2])
	return fmt.Errorf("closed by broker: %d %s", binary.BigEndian.Uint16(args), args[3:3+n])
}
