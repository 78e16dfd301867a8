package amqp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// CONN-01, CONN-16, CONN-23
func TestHandshakeOffersWhatIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.connect(t)
		c.Send([]byte(amqp.ProtocolHeader))
		c.Expect(0, &amqp.ConnectionStart{
			VersionMajor: 0, VersionMinor: 9, ServerProperties: b.server.Config.Properties,
			Mechanisms: []byte("PLAIN AMQPLAIN"), Locales: []byte("en_US"),
		})
		c.SendMethods(0, &amqp.ConnectionStartOk{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest"), Locale: "en_US"})
		c.Expect(0, &amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60})
		c.SendMethods(0, &amqp.ConnectionTuneOk{ChannelMax: 9, FrameMax: 4096, Heartbeat: 600}, &amqp.ConnectionOpen{VirtualHost: "/"})
		c.Expect(0, &amqp.ConnectionOpenOk{})
		synctest.Wait()
		conn := b.server.Conns()[0]
		if conn.User() != "guest" || conn.Vhost() != "/" || conn.FrameMax() != 4096 {
			t.Errorf("user %q, vhost %q, frame-max %d", conn.User(), conn.Vhost(), conn.FrameMax())
		}
		b.expect(t, "login", "open / as guest")
		c.Quit()
	})
}

// HDR-01 to HDR-07
func TestProtocolHeaders(t *testing.T) {
	start := func(major, minor uint8) []byte {
		return amqp.AppendMethod(nil, 0, &amqp.ConnectionStart{
			VersionMajor: major, VersionMinor: minor, ServerProperties: newBackend().server.Config.Properties,
			Mechanisms: []byte("PLAIN AMQPLAIN"), Locales: []byte("en_US"),
		})
	}
	for header, want := range map[string][]byte{
		"AMQP\x00\x00\x09\x01":             start(0, 9),
		"AMQP\x01\x01\x00\x09":             start(0, 9),
		"AMQP\x01\x01\x08\x00":             start(8, 0),
		"AMQP\x01\x01\x09\x01":             start(8, 0),
		"AMQP\x00\x00\x09\x00":             nil,
		"AMQP\x00\x00\x08\x00":             nil,
		"AMQP\x00\x00\x0a\x00":             nil,
		"AMQP\x01\x01\x00\x0a":             nil,
		"AMQP\x00\x01\x00\x00":             nil, // 1.0
		"AMQP\x03\x01\x00\x00":             nil, // 1.0 with SASL
		"GET / HT":                         nil,
		"\x16\x03\x01\x02\x00\x01\x00\x01": nil, // TLS
		"\x00\x00\x00\x00\x00\x00\x00\x00": nil,
		"amqp\x00\x00\x09\x01":             nil,
	} {
		t.Run(fmt.Sprintf("%q", header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				c := newBackend().connect(t)
				c.Send([]byte(header))
				if want != nil {
					c.ExpectBytes(string(want))
					return
				}
				c.ExpectBytes(amqp.ProtocolHeader)
				c.ExpectEnd()
				since(t, begin, 0)
			})
		})
	}
}

// HDR-09
func TestAHealthCheckIsNotAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		for _, sent := range []string{"", "A", "AMQP\x00\x00\x09"} {
			c := b.connect(t)
			if sent != "" {
				c.Send([]byte(sent))
			}
			c.Close()
		}
		synctest.Wait()
		if n := len(b.causes()); n != 0 || len(b.server.Conns()) != 0 {
			t.Errorf("%d connections ended, %d are there", n, len(b.server.Conns()))
		}
	})
}

// HDR-10, CONN-35: in every two pieces, and byte by byte.
func TestHandshakeMayBePipelinedAndSplitAnywhere(t *testing.T) {
	whole := amqp.AppendMethod(amqptest.Login{}.Bytes(), 1, &amqp.ChannelOpen{})
	answers := func(c *amqptest.Client) {
		for _, want := range []amqp.Method{&amqp.ConnectionStart{}, &amqp.ConnectionTune{}, &amqp.ConnectionOpenOk{}, &amqp.ChannelOpenOk{}} {
			if _, m := c.NextMethod(); m.ID() != want.ID() {
				t.Fatalf("got %s, want %s", m.ID(), want.ID())
			}
		}
		c.Quit()
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		for n := range len(whole) {
			c := b.connect(t)
			c.Send(whole[:n])
			c.Send(whole[n:])
			answers(c)
		}
		c := b.connect(t)
		for i := range whole {
			c.Send(whole[i : i+1])
		}
		answers(c)
	})
}

// HDR-08, CONN-34: ten seconds from accept to open-ok, in every phase, however
// busy the client looks; nothing is sent.
func TestHandshakeHasADeadline(t *testing.T) {
	login := amqptest.Login{}.Bytes()
	for _, phase := range amqptest.Phases {
		t.Run(phase.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				begin := time.Now()
				c := b.connect(t)
				c.Reach(phase, amqptest.Login{})
				if phase == amqptest.Opened {
					<-time.After(time.Hour)
					c.OpenChannel(1)
					c.Quit()
					return
				}
				c.ExpectEnd()
				since(t, begin, 10*time.Second)
			})
		})
	}
	t.Run("a byte every second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			c := newBackend().connect(t)
			for i := range 9 {
				<-time.After(time.Second)
				c.Send(login[i : i+1])
			}
			c.Expect(0, &amqp.ConnectionStart{
				VersionMinor: 9, ServerProperties: newBackend().server.Config.Properties,
				Mechanisms: []byte("PLAIN AMQPLAIN"), Locales: []byte("en_US"),
			})
			c.ExpectEnd()
			since(t, begin, 10*time.Second)
		})
	})
	t.Run("heartbeats", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			c := newBackend().connect(t)
			c.Reach(amqptest.TuneOked, amqptest.Login{})
			for range 3 {
				<-time.After(3 * time.Second)
				c.Send(amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, nil))
			}
			c.ExpectEnd()
			since(t, begin, 10*time.Second)
		})
	})
}

// CONN-05, CONN-07, CONN-10, CONN-11, CONN-14
func TestARefusedLogin(t *testing.T) {
	able := func(v any) amqp.Table {
		return amqp.Table{{Key: "capabilities", Value: v}}
	}
	yes := able(amqp.Table{{Key: "authentication_failure_close", Value: true}})
	for _, tt := range []struct {
		name  string
		login amqptest.Login
		told  bool
	}{
		{"told", amqptest.Login{Properties: yes, Response: "\x00guest\x00wrong"}, true},
		{"not capable", amqptest.Login{Response: "\x00guest\x00wrong"}, false},
		{"capability false", amqptest.Login{
			Properties: able(amqp.Table{{Key: "authentication_failure_close", Value: false}}), Response: "\x00guest\x00wrong",
		}, false},
		{"capability not a boolean", amqptest.Login{
			Properties: able(amqp.Table{{Key: "authentication_failure_close", Value: "true"}}), Response: "\x00guest\x00wrong",
		}, false},
		{"capabilities not a table", amqptest.Login{
			Properties: able("authentication_failure_close"), Response: "\x00guest\x00wrong",
		}, false},
		{"mechanism not offered", amqptest.Login{Properties: yes, Mechanism: "EXTERNAL"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				begin := time.Now()
				c := b.connect(t)
				c.Reach(amqptest.Started, tt.login)
				c.Send(tt.login.Bytes()[len(amqp.ProtocolHeader):])
				if tt.told {
					c.ExpectClose(0, amqp.AccessRefused, "ACCESS_REFUSED - Login was refused using authentication "+
						"mechanism PLAIN. For details see the broker logfile.", 0)
					c.SendMethods(0, &amqp.ConnectionCloseOk{})
					c.ExpectEnd()
					since(t, begin, 0)
				} else {
					c.ExpectEnd()
					since(t, begin, 3*time.Second)
				}
				synctest.Wait()
				if len(b.causes()) != 1 || b.causes()[0] == nil {
					t.Errorf("ended with %v", b.causes())
				}
				if tt.login.Mechanism == "" {
					b.expect(t, "login")
				} else {
					b.expect(t) // CONN-07: nobody is asked
				}
			})
		})
	}
}

// CONN-11, CONN-12: the pause does not tell how long there was to think.
func TestARefusalTakesAsLongWhateverTheLoginTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.slow = 2 * time.Second
		l := amqptest.Login{Response: "\x00guest\x00wrong"}
		begin := time.Now()
		c := b.connect(t)
		c.Reach(amqptest.Started, l)
		c.Send(l.Bytes()[len(amqp.ProtocolHeader):])
		c.ExpectEnd()
		since(t, begin, 3*time.Second)
	})
}

func TestARefusedLoginThatIsNotAnsweredEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := amqptest.Login{Response: "wrong", Properties: amqp.Table{
			{Key: "capabilities", Value: amqp.Table{{Key: "authentication_failure_close", Value: true}}},
		}}
		begin := time.Now()
		c := newBackend().connect(t)
		c.Reach(amqptest.Started, l)
		c.Send(l.Bytes()[len(amqp.ProtocolHeader):])
		c.Next()
		c.ExpectEnd()
		since(t, begin, 30*time.Second)
	})
}

// CONN-17 to CONN-21
func TestTuneOkIsHeldToTheOffer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tuneOk amqp.ConnectionTuneOk
		ok     bool
	}{
		{"as offered", amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60}, true},
		{"lowest", amqp.ConnectionTuneOk{ChannelMax: 1, FrameMax: 4096}, true},
		{"any heartbeat", amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 65535}, true},
		{"frame-max too high", amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131073}, false},
		{"frame-max highest", amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 1<<32 - 1}, false},
		{"frame-max unlimited", amqp.ConnectionTuneOk{ChannelMax: 2047}, false},
		{"frame-max too low", amqp.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 4095}, false},
		{"channel-max too high", amqp.ConnectionTuneOk{ChannelMax: 2048, FrameMax: 4096}, false},
		{"channel-max unlimited", amqp.ConnectionTuneOk{FrameMax: 4096}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				c := newBackend().connect(t)
				c.Reach(amqptest.Tuned, amqptest.Login{})
				c.SendMethods(0, &tt.tuneOk, &amqp.ConnectionOpen{VirtualHost: "/"})
				if tt.ok {
					c.Expect(0, &amqp.ConnectionOpenOk{})
					c.Quit()
					return
				}
				c.ExpectEnd()
				since(t, begin, 3*time.Second)
			})
		})
	}
}

// CONN-22
func TestFramesBeforeTuneAreShort(t *testing.T) {
	startOk := func(payload int) []byte {
		m := &amqp.ConnectionStartOk{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest")}
		filler := payload + amqp.FrameOverhead - len(amqp.AppendMethod(nil, 0, m))
		m.ClientProperties = amqp.Table{{Key: "k", Value: ""}}
		filler -= len(amqp.AppendTable(nil, m.ClientProperties)) - 4
		m.ClientProperties[0].Value = string(bytes.Repeat([]byte{'x'}, filler))
		return amqp.AppendMethod(nil, 0, m)
	}
	synctest.Test(t, func(t *testing.T) {
		c := newBackend().connect(t)
		c.Reach(amqptest.Started, amqptest.Login{})
		c.Send(startOk(4096))
		c.Expect(0, &amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60})
	})
	for _, head := range [][]byte{
		startOk(4097)[:7],
		{1, 0, 0, 0x7f, 0xff, 0xff, 0xff},
		{1, 0, 0, 0xff, 0xff, 0xff, 0xff},
		{1, 0, 0, 0xff, 0xff, 0xff, 0xf8},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			c := newBackend().connect(t)
			c.Reach(amqptest.Started, amqptest.Login{})
			c.Send(head)
			c.ExpectEnd()
			since(t, begin, 3*time.Second)
		})
	}
}

// CONN-25
func TestAVhostThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c := newBackend().connect(t)
		c.Reach(amqptest.TuneOked, amqptest.Login{})
		c.SendMethods(0, &amqp.ConnectionOpen{})
		c.ExpectClose(0, amqp.NotAllowed, "NOT_ALLOWED - vhost  not found", (&amqp.ConnectionOpen{}).ID())
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
		c.ExpectEnd()
		since(t, begin, 0)
	})
}

// openingCloses are what clients are told of frames before connection.open, as
// recorded (CONN-31, CONN-33). Of methods on channel 0 it is always the same.
var openingCloses = map[string]string{
	"channel.open":           "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>",
	"short method":           "FRAME_ERROR - type 1, all octets = <<0,10,0>>: unknown_frame",
	"empty method":           "FRAME_ERROR - type 1, all octets = <<>>: unknown_frame",
	"header":                 "UNEXPECTED_FRAME - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>",
	"body":                   `UNEXPECTED_FRAME - type 3, all octets = <<"x">>`,
	"type 4":                 "FRAME_ERROR - type 4, all octets = <<>>: unknown_frame",
	"heartbeat with payload": `FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame`,
	"bad frame end":          "FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,207}",
}

// expectOpeningClose expects what is said of a frame before connection.open,
// and answers.
func expectOpeningClose(c *amqptest.Client, name string, frame []byte) {
	code, text := amqp.ChannelError, "CHANNEL_ERROR - unexpected method in connection state opening"
	id := amqp.MethodID(binary.BigEndian.Uint32(append(frame, 0, 0, 0, 0)[7:]))
	if other := openingCloses[name]; other != "" {
		text, id = other, 0
		if code = amqp.FrameError; strings.HasPrefix(text, "UNEXPECTED") {
			code = amqp.UnexpectedFrame
		}
	}
	c.ExpectClose(0, code, text, id)
	if name != "bad frame end" { // behind it nothing is read
		c.SendMethods(0, &amqp.ConnectionCloseOk{})
	}
}

// CONN-29 to CONN-33: in each phase only the method that is due is taken, and
// heartbeats.
func TestFramesOutOfTurn(t *testing.T) {
	method := func(channel uint16, m amqp.Method) []byte { return amqp.AppendMethod(nil, channel, m) }
	due := map[amqptest.Phase]amqp.Method{
		amqptest.Started:  &amqp.ConnectionStartOk{},
		amqptest.Tuned:    &amqp.ConnectionTuneOk{},
		amqptest.TuneOked: &amqp.ConnectionOpen{},
	}
	frames := map[string][]byte{
		"start-ok":               method(0, &amqp.ConnectionStartOk{}),
		"secure-ok":              method(0, &amqp.ConnectionSecureOk{}),
		"tune-ok":                method(0, &amqp.ConnectionTuneOk{}),
		"open":                   method(0, &amqp.ConnectionOpen{}),
		"close":                  method(0, &amqp.ConnectionClose{}),
		"close-ok":               method(0, &amqp.ConnectionCloseOk{}),
		"start":                  method(0, &amqp.ConnectionStart{}),
		"channel.open":           method(1, &amqp.ChannelOpen{}),
		"channel.open on 0":      method(0, &amqp.ChannelOpen{}),
		"unknown method":         amqp.AppendFrame(nil, amqp.FrameMethod, 0, []byte{9, 9, 9, 9}),
		"short method":           amqp.AppendFrame(nil, amqp.FrameMethod, 0, []byte{0, 10, 0}),
		"empty method":           amqp.AppendFrame(nil, amqp.FrameMethod, 0, nil),
		"header":                 amqp.AppendContentHeader(nil, 0, 0, amqp.Properties{0, 0}),
		"body":                   amqp.AppendFrame(nil, amqp.FrameBody, 0, []byte("x")),
		"type 4":                 amqp.AppendFrame(nil, 4, 0, nil),
		"heartbeat with payload": amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, []byte("x")),
		"bad frame end":          append(method(0, &amqp.ChannelOpen{})[:7], 0, 20, 0, 10, 0, 0xcf),
	}
	for phase, m := range due {
		for name, frame := range frames {
			if bytes.Equal(frame, method(0, m)) {
				continue
			}
			t.Run(phase.String()+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBackend()
					begin := time.Now()
					c := b.connect(t)
					c.Reach(phase, amqptest.Login{})
					c.Send(frame)
					pause := 3 * time.Second
					if phase == amqptest.TuneOked && name != "unknown method" {
						expectOpeningClose(c, name, frame)
						if name != "bad frame end" {
							pause = 0
						}
					}
					c.ExpectEnd()
					since(t, begin, pause)
				})
			})
		}
		t.Run(phase.String()+"/heartbeat", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newBackend().connect(t)
				c.Reach(phase, amqptest.Login{})
				c.Send(amqp.AppendFrame(nil, amqp.FrameHeartbeat, 0, nil))
				switch phase {
				case amqptest.Started:
					c.SendMethods(0, &amqp.ConnectionStartOk{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest")})
					c.Expect(0, &amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60})
				case amqptest.Tuned:
					c.SendMethods(0, &amqp.ConnectionTuneOk{ChannelMax: 1, FrameMax: 4096}, &amqp.ConnectionOpen{VirtualHost: "/"})
					c.Expect(0, &amqp.ConnectionOpenOk{})
				default:
					c.SendMethods(0, &amqp.ConnectionOpen{VirtualHost: "/"})
					c.Expect(0, &amqp.ConnectionOpenOk{})
				}
			})
		})
	}
}

// A login or an open that panics costs its own connection only.
func TestAPanicInTheHandshake(t *testing.T) {
	for _, at := range []string{"login", "open / as guest"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				healthy := b.open(t, amqptest.Login{}, 1)
				b.panicAt(at, 1)
				begin := time.Now()
				c := b.connect(t)
				c.Send(amqptest.Login{}.Bytes())
				c.Next()
				if at != "login" {
					c.Next()
				}
				c.ExpectClose(0, amqp.InternalError, "INTERNAL_ERROR", 0) // CTL-18
				c.SendMethods(0, &amqp.ConnectionCloseOk{})
				c.ExpectEnd()
				since(t, begin, 0)
				roundTrip(healthy, 1)
			})
		})
	}
}
