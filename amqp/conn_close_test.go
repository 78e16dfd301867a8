package amqp_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

func id(m amqp.Method) amqp.MethodID { return m.ID() }

// Methods that the backend refuses: one softly, one hard.
var (
	softError = &amqp.QueueDelete{Queue: "q"}
	hardError = &amqp.QueuePurge{Queue: "q"}
)

const (
	softText = "NOT_FOUND - no queue 'q' in vhost '/'"
	hardText = "NOT_ALLOWED - not now"
)

// closeTimes are how long an unanswered close keeps the socket (CTL-01,
// CTL-03).
var closeTimes = map[uint16]time.Duration{
	0: 30 * time.Second, 1: time.Second, 5: 5 * time.Second, 29: 29 * time.Second,
	30: 30 * time.Second, 31: 30 * time.Second, 600: 30 * time.Second,
}

// CTL-01, CTL-17
func TestTheClientCloses(t *testing.T) {
	for heartbeat, timeout := range closeTimes {
		t.Run(fmt.Sprint("heartbeat ", heartbeat), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c := b.open(t, amqptest.Login{Heartbeat: heartbeat}, 1)
				b.took()
				c.SendMethods(0, &amqp.ConnectionClose{ReplyCode: 200, ReplyText: "bye"})
				c.Expect(0, &amqp.ConnectionCloseOk{})
				b.expect(t, "close channel 1", "close") // before close-ok
				begin := time.Now()
				expectEndAmongHeartbeats(t, c)
				since(t, begin, timeout)
				synctest.Wait()
				if causes := b.causes(); len(causes) != 1 || causes[0] != nil {
					t.Errorf("ended with %v", causes)
				}
			})
		})
	}
}

func expectEndAmongHeartbeats(t *testing.T, c *amqptest.Client) {
	t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if !isHeartbeat(f) {
			t.Fatalf("got %v, want the end of the connection", f)
		}
	}
}

// CTL-01: the client that closes the socket, or says close-ok, is done with.
func TestTheClientIsDoneClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		c := b.open(t, amqptest.Login{})
		c.Quit()
		synctest.Wait()
		if len(b.server.Conns()) != 0 {
			t.Error("the connection is still there")
		}
		c = b.open(t, amqptest.Login{})
		c.SendMethods(0, &amqp.ConnectionClose{}, &amqp.ConnectionCloseOk{})
		c.Expect(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
	})
}

// What was sent before connection.close is done before it, also if it came in
// the same piece.
func TestTheClientClosesBehindItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		c.Send(
			amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "k"}, amqp.BasicProperties{}, []byte("m"), 4096),
			amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 3}),
			amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{}),
		)
		c.Expect(0, &amqp.ConnectionCloseOk{})
		b.expect(t, "ack 1 3 false", `publish 1 "" "k" "m" "\x00\x00"`, "close channel 1", "close")
	})
}

// CTL-05: so is what was sent before the end of the connection.
func TestTheConnectionEndsBehindItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1, 2)
		b.took()
		publish := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "k"}, amqp.BasicProperties{}, []byte("m"), 4096)
		c.Send(publish, publish[:len(publish)-1]) // the second one is never complete
		c.Close()
		synctest.Wait()
		got := b.took()
		if len(got) != 4 || got[0] != `publish 1 "" "k" "m" "\x00\x00"` || got[3] != "close" {
			t.Errorf("the session saw %q", got)
		}
		if causes := b.causes(); len(causes) != 1 || causes[0] == nil {
			t.Errorf("ended with %v", causes)
		}
	})
}

// CTL-02
func TestTheServerClosesAndTheClientAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		c.SendMethods(1, hardError)
		c.ExpectClose(0, amqp.NotAllowed, hardText, id(hardError))
		b.expect(t, "queue.purge 1", "close channel 1", "close")
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
	})
}

// CTL-03
func TestTheServerClosesAndTheClientDoesNotAnswer(t *testing.T) {
	for heartbeat, timeout := range closeTimes {
		t.Run(fmt.Sprint("heartbeat ", heartbeat), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newBackend().open(t, amqptest.Login{Heartbeat: heartbeat}, 1)
				c.SendMethods(1, hardError)
				c.ExpectClose(0, amqp.NotAllowed, hardText, id(hardError))
				begin := time.Now()
				expectEndAmongHeartbeats(t, c)
				since(t, begin, timeout)
			})
		})
	}
}

// CTL-01, CTL-03: the time is as bounded for a client that does not read what
// waits for it.
func TestTheEndOfAClientThatDoesNotRead(t *testing.T) {
	for _, m := range []amqp.Method{hardError, &amqp.ConnectionClose{}} {
		for _, pending := range []int{100, 1 << 20, 10 << 20} {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				b.method = func(ch *backendChannel, m amqp.Method) error {
					content := amqp.NewContent(amqp.Properties{0, 0}, make([]byte, pending))
					ch.conn.Outbox().SendContent(ch.id, &amqp.BasicGetOk{}, &content, ch.conn.FrameMax())
					if m.ID() == id(hardError) {
						return amqp.NotAllowed.Errorf("not now")
					}
					return nil
				}
				c := b.open(t, amqptest.Login{}, 1)
				begin := time.Now()
				var ended time.Duration
				b.server.Trace.Closed = func(*amqp.Conn, error) { ended = time.Since(begin) }
				if m == hardError {
					c.SendMethods(1, m)
				} else {
					c.Send(amqp.AppendMethod(amqp.AppendMethod(nil, 1, &amqp.BasicGet{}), 0, m))
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if ended < 30*time.Second || ended > 33*time.Second {
					t.Errorf("ended after %v", ended)
				}
			})
		}
	}
}

// CTL-04
func TestBothSidesClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		c := b.open(t, amqptest.Login{}, 1)
		c.Send(
			amqp.AppendMethod(nil, 1, hardError),
			amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{}),
		)
		c.ExpectClose(0, amqp.NotAllowed, hardText, id(hardError))
		c.Expect(0, &amqp.ConnectionCloseOk{})
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
	})
}

// FRM-30
func TestAClosingConnectionDiscardsEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		begin := time.Now()
		c := b.open(t, amqptest.Login{}, 1)
		c.SendMethods(1, hardError)
		c.ExpectClose(0, amqp.NotAllowed, hardText, id(hardError))
		b.took()
		c.Send(
			amqp.AppendMethod(nil, 1, &amqp.BasicQos{}),
			amqp.AppendMethod(nil, 1, hardError),
			amqp.AppendMethod(nil, 2, &amqp.ChannelOpen{}),
			amqptest.Publish(1, &amqp.BasicPublish{}, amqp.BasicProperties{}, make([]byte, 200000), 131072),
			amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("x")),
			amqp.AppendFrame(nil, amqp.FrameBody, 0, []byte("x")),
			amqp.AppendFrame(nil, amqp.FrameMethod, 1, []byte{1}),
			amqp.AppendFrame(nil, amqp.FrameMethod, 0, []byte{9, 9, 9, 9}),
			amqp.AppendMethod(nil, 0, &amqp.ConnectionOpen{}),
			amqp.AppendFrame(nil, amqp.FrameMethod, 7, []byte{0, 60, 0, 40}),
			amqp.AppendFrame(nil, 4, 1, []byte("x")),
			amqp.AppendFrame(nil, amqp.FrameHeartbeat, 1, nil),
			amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, []byte("x")),
			heartbeat,
			amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}),
		)
		c.ExpectEnd()
		since(t, begin, 0)
		b.expect(t)
	})
}

// CHAN-08, CHAN-11, CHAN-14
func TestChannelsCloseAndOpenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1, 2)
		b.took()
		c.SendMethods(1, &amqp.ChannelClose{}, &amqp.ChannelOpen{})
		c.Expect(1, &amqp.ChannelCloseOk{}, &amqp.ChannelOpenOk{})
		b.expect(t, "close channel 1", "channel 1")
		c.SendMethods(1, softError)
		c.ExpectClose(1, amqp.NotFound, softText, id(softError))
		roundTrip(c, 2)
		c.SendMethods(1, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{})
		c.Expect(1, &amqp.ChannelOpenOk{})
		b.expect(t, "queue.delete 1", "close channel 1", "basic.qos 2", "channel 1")
		roundTrip(c, 1)
	})
}

// CHAN-09
func TestAClosingChannelDiscardsEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1, 2)
		b.took()
		c.Send(
			amqp.AppendMethod(nil, 1, softError),
			amqp.AppendMethod(nil, 1, softError),
			amqp.AppendMethod(nil, 1, hardError),
			amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 1}),
			amqptest.Publish(1, &amqp.BasicPublish{}, amqp.BasicProperties{}, []byte("m"), 4096),
			amqptest.Publish(1, &amqp.BasicPublish{}, amqp.BasicProperties{}, make([]byte, 500000), 131072),
			amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("x")),
			amqp.AppendContentHeader(nil, 1, 5, amqp.Properties{0, 0}),
		)
		c.ExpectClose(1, amqp.NotFound, softText, id(softError))
		roundTrip(c, 2)
		b.expect(t, "queue.delete 1", "close channel 1", "basic.qos 2")
		c.SendMethods(1, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{})
		c.Expect(1, &amqp.ChannelOpenOk{})
		c.Quit()
	})
}

// CHAN-02, CHAN-11: only close-ok makes the number free.
func TestAClosingChannelCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBackend().open(t, amqptest.Login{}, 1)
		c.SendMethods(1, softError, &amqp.ChannelOpen{})
		c.ExpectClose(1, amqp.NotFound, softText, id(softError))
		c.ExpectClose(0, amqp.ChannelError, "CHANNEL_ERROR - second 'channel.open' seen", id(&amqp.ChannelOpen{}))
	})
}

// CHAN-10
func TestBothSidesCloseAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1, 2)
		c.SendMethods(1, softError, &amqp.ChannelClose{})
		c.ExpectClose(1, amqp.NotFound, softText, id(softError))
		c.Expect(1, &amqp.ChannelCloseOk{})
		c.SendMethods(1, &amqp.BasicQos{}) // still waiting for close-ok
		roundTrip(c, 2)
		c.SendMethods(1, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{})
		c.Expect(1, &amqp.ChannelOpenOk{})
	})
}

// CHAN-02, CHAN-03, CHAN-05, CHAN-12
func TestChannelsOutOfTurn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		channel uint16
		method  amqp.Method
		code    amqp.ReplyCode
		text    string
		id      amqp.MethodID
	}{
		{"opened twice", 1, &amqp.ChannelOpen{}, amqp.ChannelError, "CHANNEL_ERROR - second 'channel.open' seen", id(&amqp.ChannelOpen{})},
		{"never opened", 9, &amqp.BasicQos{}, amqp.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", id(&amqp.BasicQos{})},
		{"closed, never opened", 9, &amqp.ChannelClose{}, amqp.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", id(&amqp.ChannelClose{})},
		{"published to, never opened", 9, &amqp.BasicPublish{}, amqp.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", id(&amqp.BasicPublish{})},
		{"close-ok out of the blue", 1, &amqp.ChannelCloseOk{}, amqp.CommandInvalid, "COMMAND_INVALID - unimplemented method", id(&amqp.ChannelCloseOk{})},
		{"one too many", 3, &amqp.ChannelOpen{}, amqp.NotAllowed, "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newBackend().open(t, amqptest.Login{ChannelMax: 2}, 1, 65535) // CHAN-04
				c.SendMethods(tt.channel, tt.method)
				c.ExpectClose(0, tt.code, tt.text, tt.id)
				c.SendMethods(0, &amqp.ConnectionCloseOk{})
				c.ExpectEnd()
			})
		})
	}
}

// CHAN-05: a channel that is closing does not count, nor one that is closed.
func TestChannelMaxCountsOpenChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBackend().open(t, amqptest.Login{ChannelMax: 2}, 1, 2)
		c.SendMethods(1, &amqp.ChannelClose{})
		c.Expect(1, &amqp.ChannelCloseOk{})
		c.OpenChannel(3)
		c.SendMethods(2, softError)
		c.ExpectClose(2, amqp.NotFound, softText, id(softError))
		c.OpenChannel(4)
		c.SendMethods(2, &amqp.ChannelCloseOk{}, &amqp.ChannelOpen{})
		c.ExpectClose(0, amqp.NotAllowed,
			"NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)", 0)
	})
}

// Errors of gathered work close before the errors of what came behind it.
func TestAnErrorWaitsForWhatCameBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1, 2)
		b.took()
		publish := func(channel uint16, exchange string) []byte {
			return amqptest.Publish(channel, &amqp.BasicPublish{Exchange: exchange}, amqp.BasicProperties{}, []byte("m"), 4096)
		}
		c.Send(publish(1, "x"), publish(2, "x"), publish(1, "missing"), publish(1, "y"), publish(2, "y"))
		c.ExpectClose(1, amqp.NotFound, "NOT_FOUND - no exchange 'missing' in vhost '/'", id(&amqp.BasicPublish{}))
		roundTrip(c, 2)
		b.expect(t, `publish 1 "x" "" "m" "\x00\x00"`, `publish 2 "x" "" "m" "\x00\x00"`, "close channel 1",
			`publish 2 "y" "" "m" "\x00\x00"`, "basic.qos 2")
	})
}

// A panic of the session, wherever it happens, is answered with 541 where the
// client can still be told, and costs no other connection anything.
func TestAPanicOfTheSession(t *testing.T) {
	publish := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "k"}, amqp.BasicProperties{}, []byte("m"), 4096)
	for _, tt := range []struct {
		at   string // event
		send []byte
	}{
		{"channel 3", amqp.AppendMethod(nil, 3, &amqp.ChannelOpen{})},
		{"basic.qos 1", amqp.AppendMethod(nil, 1, &amqp.BasicQos{})},
		{"ack 1 1 false", amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 1})},
		{`publish 1 "" "k" "m" "\x00\x00"`, publish},
		{"close channel 1", amqp.AppendMethod(nil, 1, softError)},
		{"pause", publish},
	} {
		t.Run(tt.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				healthy := b.open(t, amqptest.Login{}, 9)
				c := b.open(t, amqptest.Login{}, 1, 2)
				synctest.Wait() // the reader has paused after what it read
				b.took()
				b.panicAt(tt.at, 1)
				c.Send(tt.send)
				c.ExpectClose(0, amqp.InternalError, "INTERNAL_ERROR", 0)
				c.ExpectEnd()
				synctest.Wait()
				if events := b.took(); len(events) == 0 || events[len(events)-1] != "close" {
					t.Errorf("the session saw %q", events)
				}
				roundTrip(healthy, 9)
			})
		})
	}
	t.Run("at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			healthy := b.open(t, amqptest.Login{}, 9)
			c := b.open(t, amqptest.Login{}, 1, 2)
			synctest.Wait()
			b.panicAt("close", 1)
			c.Close()
			synctest.Wait()
			if causes := b.causes(); len(causes) != 1 || !strings.Contains(causes[0].Error(), "BUG: close") {
				t.Errorf("ended with %v", causes)
			}
			roundTrip(healthy, 9)
		})
	})
}

// CHAN-06: why a channel is not opened, the backend says.
func TestAChannelThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.refused = 2
		c := b.open(t, amqptest.Login{}, 1)
		c.SendMethods(2, &amqp.ChannelOpen{})
		c.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - no such channel", 0)
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
	})
}
