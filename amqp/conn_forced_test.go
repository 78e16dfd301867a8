package amqp_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// forced is what Conn.Close is called with, and forcedText what comes of it.
var forced = amqp.ConnectionForced.Errorf("enough")

const forcedText = "CONNECTION_FORCED - enough"

// closeAll calls Conn.Close for all connections of the server.
func (b *backend) closeAll() {
	for _, conn := range b.server.Conns() {
		conn.Close(forced)
	}
}

// CTL-06, CTL-07: before open-ok a connection that is closed just ends.
func TestCloseInEveryPhaseOfTheHandshake(t *testing.T) {
	for _, phase := range amqptest.Phases {
		for _, sent := range []int{0, 1, 7, 15} { // bytes of what is due
			t.Run(fmt.Sprint(phase, " and ", sent, " bytes"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBackend()
					begin := time.Now()
					c := b.connect(t)
					c.Reach(phase, amqptest.Login{})
					if phase != amqptest.Connected {
						c.Send(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{})[:sent])
					} else {
						c.Send([]byte(amqp.ProtocolHeader)[:sent/2])
					}
					synctest.Wait()
					b.closeAll()
					if phase == amqptest.Opened {
						c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
						b.expect(t, "login", "open / as guest", "close")
						if sent > 0 {
							c.Send(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{})[sent:])
							c.Expect(0, &amqp.ConnectionCloseOk{})
						}
						c.SendMethods(0, &amqp.ConnectionCloseOk{})
					}
					c.ExpectEnd()
					since(t, begin, 0)
				})
			})
		}
	}
}

// Close from within what the reader is busy with: no deadline that the reader
// sets afterwards makes it wait.
func TestCloseWhileTheReaderIsBusy(t *testing.T) {
	for _, tt := range []struct {
		at   string // event
		send []byte // on an open connection
	}{
		{at: "login"},
		{at: "open / as guest"},
		{"channel 2", amqp.AppendMethod(nil, 2, &amqp.ChannelOpen{})},
		{"ack 1 1 false", amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 1})},
		{"queue.purge 1", amqp.AppendMethod(nil, 1, hardError)}, // it is closing already, or nearly
		{"close", amqp.AppendMethod(nil, 1, hardError)},
		{"close", amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{})},
	} {
		t.Run(tt.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				begin := time.Now()
				b.forces = tt.at
				c := b.connect(t)
				if tt.send != nil {
					c.Open(amqptest.Login{})
					c.OpenChannel(1)
					c.Send(tt.send)
				} else {
					c.Send(amqptest.Login{}.Bytes())
				}
				for {
					f, err := c.ReadFrame()
					if err != nil {
						break
					}
					if m, _ := amqp.DecodeMethod(f.Payload); id(m) == id(&amqp.ConnectionClose{}) && b.forces != "close" {
						c.Conn.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{})) // unless it has ended
					}
				}
				since(t, begin, 0)
			})
		})
	}
}

// The first instant of a connection counts as well.
func TestCloseOfAConnectionThatHasJustCome(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			begin := time.Now()
			go func() {
				for len(b.server.Conns()) == 0 {
					runtime.Gosched()
				}
				b.closeAll()
			}()
			b.connect(t).ExpectEnd()
			since(t, begin, 0)
		})
	}
}

// Close at any moment, from any goroutine, ends a connection whose client
// answers at once: no deadline of the handshake or of a close comes in its way.
func TestCloseAtAnyMoment(t *testing.T) {
	script := amqp.AppendMethod(amqptest.Login{}.Bytes(), 1, &amqp.ChannelOpen{})
	script = append(script, frames(1, pattern(60000))...)
	script = amqp.AppendMethod(script, 1, hardError)
	script = amqp.AppendMethod(script, 0, &amqp.ConnectionClose{})
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			begin := time.Now()
			c := b.connect(t)
			after := rand.New(rand.NewPCG(seed, 1)).IntN(8)
			go func() {
				random := rand.New(rand.NewPCG(seed, 2))
				rest := script
				for len(rest) > 0 {
					n := min(1+random.IntN(300), len(rest))
					if len(rest) < 70000 {
						n = min(1+random.IntN(70000), len(rest))
					}
					if _, err := c.Conn.Write(rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			}()
			for i := 0; ; i++ {
				if i == after {
					go b.closeAll()
				}
				f, err := c.ReadFrame()
				if err != nil {
					break
				}
				if m, _ := amqp.DecodeMethod(f.Payload); f.Type == amqp.FrameMethod && m.ID() == id(&amqp.ConnectionClose{}) {
					go c.Conn.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}))
				}
				if i >= 6 { // close-ok came: after it the client is to end the connection
					c.Close()
				}
			}
			if d := time.Since(begin); d > 0 {
				t.Fatalf("with a close after %d frames: ended after %v", after, d)
			}
		})
	}
}

// A client that is within a large frame when it is closed can finish it, and
// answer.
func TestCloseWithinALargeBody(t *testing.T) {
	body := pattern(100000)
	script := frames(1, body)
	for _, cut := range []int{len(script) - 99000, len(script) - 50000, len(script) - 2, len(script) - 1} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				begin := time.Now()
				c := b.open(t, amqptest.Login{}, 1)
				b.took()
				c.Send(script[:cut])
				synctest.Wait()
				b.closeAll()
				c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
				b.expect(t, "close channel 1", "close")
				c.Send(script[cut:], amqp.AppendMethod(nil, 1, &amqp.BasicQos{}))
				c.SendMethods(0, &amqp.ConnectionClose{})
				c.Expect(0, &amqp.ConnectionCloseOk{})
				c.SendMethods(0, &amqp.ConnectionCloseOk{})
				c.ExpectEnd()
				since(t, begin, 0)
			})
		})
	}
}

// CTL-03 holds for it too, also when the client never ends its frame.
func TestCloseOfAClientThatDoesNotAnswer(t *testing.T) {
	for _, sent := range []int{0, 3, 20, 40, 50000} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{}, 1)
			c.Send(frames(1, pattern(100000))[:sent])
			synctest.Wait()
			begin := time.Now()
			b.closeAll()
			c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
			c.ExpectEnd()
			since(t, begin, 30*time.Second)
			synctest.Wait()
			if causes := b.causes(); len(causes) != 1 || !errors.Is(causes[0], forced) {
				t.Errorf("ended with %v", causes)
			}
		})
	}
}

// The first of several calls counts; the others do not cut its handshake.
func TestCloseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		conn := b.server.Conns()[0]
		conn.Close(forced)
		conn.Close(amqp.ConnectionForced.Errorf("again"))
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		conn.Close(amqp.ConnectionForced.Errorf("and again"))
		synctest.Wait()
		c.SendMethods(0, &amqp.ConnectionClose{})
		c.Expect(0, &amqp.ConnectionCloseOk{})
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		synctest.Wait()
		conn.Close(forced) // of what is gone
	})
}

// A connection that is already closing ends at once.
func TestCloseOfAClosingConnection(t *testing.T) {
	for _, m := range []amqp.Method{hardError, &amqp.ConnectionClose{}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			begin := time.Now()
			c := b.open(t, amqptest.Login{}, 1)
			channel := uint16(1)
			if m != hardError {
				channel = 0
			}
			c.SendMethods(channel, m)
			c.Next()
			b.closeAll()
			c.ExpectEnd()
			since(t, begin, 0)
		})
	}
}

// What was published before the close is not lost.
func TestCloseBehindWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		c.Send(frames(1, []byte("m")))
		b.closeAll()
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		b.expect(t, publishEvent(1, []byte("m")), "close channel 1", "close")
	})
}

// A client that is not read, because it does not read itself, can be closed
// all the same. When it reads again it learns of it.
func TestCloseOfAClientThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.method = answerWith(10 << 20)
		begin := time.Now()
		c := b.open(t, amqptest.Login{}, 1)
		c.SendMethods(1, &amqp.BasicGet{})
		synctest.Wait()
		b.took()
		b.closeAll()
		synctest.Wait()
		b.expect(t, "close channel 1", "close")
		c.ExpectContent(1, &amqp.BasicGetOk{})
		c.ExpectClose(0, amqp.ConnectionForced, forcedText, 0)
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
	})
}
