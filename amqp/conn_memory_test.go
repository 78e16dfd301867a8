package amqp_test

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// memory is what lives on the heap, in bytes.
func memory() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held on to in the first one
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// Before login a connection costs little, whatever it sends.
func TestMemoryOfAConnectionBeforeLogin(t *testing.T) {
	const connections, each = 100, 16 << 10
	for name, send := range map[string][]byte{
		"nothing":              nil,
		"a byte":               {'A'},
		"half a header":        []byte("AMQP"),
		"a header":             []byte(amqp.ProtocolHeader),
		"a frame's head":       append([]byte(amqp.ProtocolHeader), 1, 0, 0, 0, 0, 0x10, 0),
		"a head that is huge":  append([]byte(amqp.ProtocolHeader), 1, 0, 0, 0xff, 0xff, 0xff, 0xff),
		"most of a long frame": append([]byte(amqp.ProtocolHeader+"\x01\x00\x00\x00\x00\x10\x00"), make([]byte, 4096)...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				before := memory()
				clients := make([]*amqptest.Client, connections)
				for i := range clients {
					clients[i] = b.connect(t)
					go clients[i].Conn.Write(send) // may not be taken
				}
				if len(send) >= len(amqp.ProtocolHeader) {
					for _, c := range clients {
						c.Next() // connection.start: the kernel would have taken it
					}
				}
				synctest.Wait()
				// The client's end has a read buffer of 4 KiB.
				if n := (memory()-before)/connections - 4096; n > each {
					t.Errorf("%d bytes a connection, want at most %d", n, each)
				}
				for _, c := range clients {
					c.Close()
				}
			})
		})
	}
}

// Bodies that are declared and do not come cost next to nothing, on however
// many channels.
func TestMemoryOfDeclaredBodies(t *testing.T) {
	const channels = 300
	for name, tt := range map[string]struct {
		size uint64
		body int // bytes of it that come
		most int
	}{
		"declared":                  {1<<63 + 5, 0, 2 << 20},
		"declared within the limit": {128 << 20, 0, 2 << 20},
		"a little of it comes":      {128 << 20, 100, 48 << 20},
		"too large for a message":   {1 << 40, 100000, 2 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				b.server.Config.MaxMessageSize = 128 << 20
				c := b.open(t, amqptest.Login{}, 0xffff)
				before := memory()
				for id := range uint16(channels) {
					c.OpenChannel(id + 1)
					c.Send(
						amqp.AppendMethod(nil, id+1, &amqp.BasicPublish{}),
						amqp.AppendContentHeader(nil, id+1, tt.size, amqp.Properties{0, 0}),
						amqp.AppendFrame(nil, amqp.FrameBody, id+1, make([]byte, tt.body)),
					)
				}
				roundTrip(c, 0xffff)
				if n := memory() - before; n > tt.most {
					t.Errorf("%d KiB for %d contents, want at most %d", n>>10, channels, tt.most>>10)
				}
			})
		})
	}
}

// A channel that is open and does nothing costs next to nothing.
func TestMemoryOfChannels(t *testing.T) {
	const channels = 2000
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{})
		before := memory()
		for id := range uint16(channels) {
			c.OpenChannel(id + 1)
		}
		if n := (memory() - before) / channels; n > 1024 {
			t.Errorf("%d bytes a channel", n)
		}
	})
}

// The read buffer that a flood has filled is given back.
func TestMemoryOfAConnectionAtRest(t *testing.T) {
	const connections = 50
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		flood := bytes.Repeat(frames(1, make([]byte, 1000)), 1000)
		before := memory()
		var clients []*amqptest.Client
		for range connections {
			c := b.open(t, amqptest.Login{}, 1)
			c.Send(flood)
			roundTrip(c, 1)
			roundTrip(c, 1)
			b.took()
			clients = append(clients, c)
		}
		if n := (memory()-before)/connections - 4096; n > 16<<10 {
			t.Errorf("%d bytes a connection at rest", n)
		}
		runtime.KeepAlive(clients)
		runtime.KeepAlive(flood)
	})
}
