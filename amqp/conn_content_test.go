package amqp_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// pattern is a body that tells where each of its bytes belongs.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// textType are the properties of the contents below.
var textType = amqp.Properties("\x80\x00\x01t")

// frames is a publish whose body is cut into frames of the given payloads;
// what is left follows in one.
func frames(channel uint16, body []byte, payloads ...int) []byte {
	b := amqp.AppendMethod(nil, channel, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"})
	b = amqp.AppendContentHeader(b, channel, uint64(len(body)), textType)
	for _, n := range payloads {
		b = amqp.AppendFrame(b, amqp.FrameBody, channel, body[:n])
		body = body[n:]
	}
	if len(body) > 0 {
		b = amqp.AppendFrame(b, amqp.FrameBody, channel, body)
	}
	return b
}

func publishEvent(channel uint16, body []byte) string {
	return fmt.Sprintf("publish %d %q %q %s %q", channel, "x", "k", summary(body), textType)
}

// Small contents in every two pieces, each alone and behind others.
func TestSmallContentsInEverySplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		for _, body := range [][]byte{nil, []byte("m"), []byte("message")} {
			var cuts [][]int
			for n := range len(body) {
				cuts = append(cuts, []int{n})
			}
			for _, cut := range append(cuts, nil, []int{0, 0}) {
				if len(body) == 0 && cut != nil {
					continue
				}
				one := frames(1, body, cut...)
				three := bytes.Repeat(one, 3)
				event := publishEvent(1, body)
				for n := range len(one) + 1 {
					c.Send(one[:n])
					c.Send(one[n:])
					c.Send(three[:len(one)+n])
					c.Send(three[len(one)+n:])
					roundTrip(c, 1)
					b.expect(t, event, event, event, event, "basic.qos 1")
				}
			}
		}
	})
}

// sizes are where small and large bodies, frames and buffers meet.
var sizes = []int{
	0, 1, 4087, 4088, 4089, 4095, 4096, 4104, 8176, 32767, 32768, 32769, 65536,
	131063, 131064, 131065, 131072, 262143, 262144, 3 * 131064, 1<<20 - 1, 1 << 20,
}

// FRM-20 to FRM-22: bodies of all sizes, in frames of all sizes, in reads of
// all sizes.
func TestBodiesOfAllSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		for _, size := range sizes {
			body := pattern(size)
			for _, frameMax := range []int{4096, 50000, 131072} {
				script := amqptest.Publish(1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"},
					amqp.BasicProperties{ContentType: "t"}, body, frameMax)
				for _, piece := range []int{1 << 30, 100000, 4096, 1000} {
					if size/piece > 300 {
						continue
					}
					for rest := script; len(rest) > 0; {
						n := min(piece, len(rest))
						c.Send(rest[:n])
						rest = rest[n:]
					}
					roundTrip(c, 1)
					b.expect(t, publishEvent(1, body), "basic.qos 1")
				}
			}
		}
	})
}

// A large body that is cut off and continued at each byte near the seams.
func TestLargeBodiesSplitAtTheirSeams(t *testing.T) {
	const size = 100000
	body := pattern(size)
	script := frames(1, body, 60000, 0)
	head := len(amqp.AppendMethod(nil, 1, &amqp.BasicPublish{Exchange: "x", RoutingKey: "k"})) +
		len(amqp.AppendContentHeader(nil, 1, size, textType))
	seam := head + 7 + 60000
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		c := b.open(t, amqptest.Login{}, 1)
		b.took()
		for _, at := range []int{head, seam, len(script)} {
			for n := at - 18; n <= min(at+18, len(script)); n++ {
				for _, then := range []int{1, 7, 8, 20000, 1 << 30} {
					c.Send(script[:n])
					if end := min(n+then, len(script)); n < len(script) {
						c.Send(script[n:end])
						c.Send(script[end:], script, amqp.AppendMethod(nil, 1, &amqp.BasicQos{}))
						b.pop(c, t, publishEvent(1, body), publishEvent(1, body), "basic.qos 1")
					} else {
						roundTrip(c, 1)
						b.expect(t, publishEvent(1, body), "basic.qos 1")
					}
				}
			}
		}
	})
}

// pop awaits the answer to a basic.qos and compares what happened.
func (b *backend) pop(c *amqptest.Client, t *testing.T, want ...string) {
	t.Helper()
	c.Expect(1, &amqp.BasicQosOk{})
	b.expect(t, want...)
}

// FRM-24: contents of several channels frame by frame in turn.
func TestContentsOfSeveralChannelsInterleave(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		channels := []uint16{1, 2, 3, 2047}
		c := b.open(t, amqptest.Login{}, channels...)
		b.took()
		for range 50 {
			pending := map[uint16][][]byte{}
			want := map[string]bool{}
			for _, id := range channels {
				body := pattern(random.IntN(100000))
				b := frames(id, body, random.IntN(len(body)/2+1), random.IntN(len(body)/2+1))
				for len(b) > 0 {
					n := int(b[3])<<24 | int(b[4])<<16 | int(b[5])<<8 | int(b[6]) + amqp.FrameOverhead
					pending[id] = append(pending[id], b[:n])
					b = b[n:]
				}
				want[publishEvent(id, body)] = true
			}
			var script []byte
			for len(pending) > 0 {
				id := channels[random.IntN(len(channels))]
				if len(pending[id]) == 0 {
					delete(pending, id)
					continue
				}
				script = append(script, pending[id][0]...)
				pending[id] = pending[id][1:]
			}
			for len(script) > 0 {
				n := min(1+random.IntN(50000), len(script))
				c.Send(script[:n])
				script = script[n:]
			}
			for _, id := range channels {
				roundTrip(c, id)
			}
			events := b.took()
			for _, e := range events {
				delete(want, e)
			}
			if len(events) != 2*len(channels) || len(want) > 0 {
				t.Fatalf("the session saw %q and not %v", events, want)
			}
		}
	})
}

// FRM-15 to FRM-20, FRM-29
func TestContentsThatAreNone(t *testing.T) {
	publish := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{})
	header := func(class, weight uint16, size uint64) []byte {
		f := amqp.AppendContentHeader(nil, 1, size, amqp.Properties{0, 0})
		f[7], f[8], f[9], f[10] = byte(class>>8), byte(class), byte(weight>>8), byte(weight)
		return f
	}
	body := amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("body"))
	qos := amqp.AppendMethod(nil, 1, &amqp.BasicQos{})
	const (
		noHeader = "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead"
		noBody   = "UNEXPECTED_FRAME - expected content body, got non content body frame instead"
		noMethod = "UNEXPECTED_FRAME - expected method frame, got non method frame instead"
		at       = amqp.MethodID(60<<16 | 40)
	)
	for _, tt := range []struct {
		name string
		send [][]byte
		code amqp.ReplyCode
		text string
		id   amqp.MethodID
	}{
		{"method for header", [][]byte{publish, qos}, amqp.UnexpectedFrame, noHeader, at},
		{"publish for header", [][]byte{publish, publish}, amqp.UnexpectedFrame, noHeader, at},
		{"body for header", [][]byte{publish, body}, amqp.UnexpectedFrame, noHeader, at},
		{
			"header of another class",
			[][]byte{publish, header(50, 0, 4), body},
			amqp.UnexpectedFrame,
			"UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead", at,
		},
		{"weight", [][]byte{publish, header(60, 1, 4), body}, amqp.UnexpectedFrame, noHeader, at},
		{"method for body", [][]byte{publish, header(60, 0, 4), qos}, amqp.UnexpectedFrame, noBody, at},
		{"header for body", [][]byte{publish, header(60, 0, 4), header(60, 0, 4)}, amqp.UnexpectedFrame, noBody, at},
		{"method within a body of any size", [][]byte{publish, header(60, 0, 1<<63), body, qos}, amqp.UnexpectedFrame, noBody, at}, // FRM-25
		{"method within a body", [][]byte{publish, header(60, 0, 5), body, qos}, amqp.UnexpectedFrame, noBody, at},
		{"body behind an empty one", [][]byte{publish, header(60, 0, 0), body}, amqp.UnexpectedFrame, noMethod, 0},
		{"empty body behind an empty one", [][]byte{publish, header(60, 0, 0), amqp.AppendFrame(nil, amqp.FrameBody, 1, nil)}, amqp.UnexpectedFrame, noMethod, 0},
		{"body behind a complete one", [][]byte{publish, header(60, 0, 4), body, body}, amqp.UnexpectedFrame, noMethod, 0},
		{"too much body, then a method", [][]byte{publish, header(60, 0, 3), body, qos}, amqp.UnexpectedFrame, noBody, at},
		{"too much body twice, then a method", [][]byte{publish, header(60, 0, 5), body, body, body, qos}, amqp.UnexpectedFrame, noBody, at},
		{
			"too much large body, then a method",
			[][]byte{publish, header(60, 0, 50000), amqp.AppendFrame(nil, amqp.FrameBody, 1, make([]byte, 49000)), amqp.AppendFrame(nil, amqp.FrameBody, 1, make([]byte, 49000)), qos},
			amqp.UnexpectedFrame, noBody, at,
		},
		{"deliver", [][]byte{amqp.AppendMethod(nil, 1, &amqp.BasicDeliver{}), header(60, 0, 4), body}, amqp.CommandInvalid, "COMMAND_INVALID - unimplemented method", id(&amqp.BasicDeliver{})},
		{"return", [][]byte{amqp.AppendMethod(nil, 1, &amqp.BasicReturn{}), header(60, 0, 0)}, amqp.CommandInvalid, "COMMAND_INVALID - unimplemented method", id(&amqp.BasicReturn{})},
		{"get-ok, then a method", [][]byte{amqp.AppendMethod(nil, 1, &amqp.BasicGetOk{}), qos}, amqp.UnexpectedFrame, noHeader, id(&amqp.BasicGetOk{})},
	} {
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in one piece %t", tt.name, whole), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBackend()
					c := b.open(t, amqptest.Login{}, 1)
					b.took()
					if whole {
						c.Send(tt.send...)
					} else {
						for _, f := range tt.send {
							c.Send(f[:len(f)-1])
							c.Send(f[len(f)-1:])
						}
					}
					c.ExpectClose(0, tt.code, tt.text, tt.id)
					c.SendMethods(0, &amqp.ConnectionCloseOk{})
					c.ExpectEnd()
					if got := b.took(); tt.id != 0 && len(got) != 2 {
						t.Errorf("the session saw %q", got)
					}
				})
			})
		}
	}
}

// FRM-26: the channel is closed when all of the body has come, none of which
// was kept; the connection goes on.
func TestABodyLargerThanAMessageMayBe(t *testing.T) {
	const limit = 200_000
	for _, size := range []int{limit, limit + 1, 5 * limit} {
		for _, frameMax := range []int{4096, 131072} {
			for _, piece := range []int{3000, 70000, 1 << 30} {
				t.Run(fmt.Sprint(size, " in frames of ", frameMax, " and reads of ", piece), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := newBackend()
						b.server.Config.MaxMessageSize = limit
						c := b.open(t, amqptest.Login{}, 1, 2)
						b.took()
						script := amqptest.Publish(1, &amqp.BasicPublish{}, amqp.BasicProperties{}, make([]byte, size), frameMax)
						for len(script) > 0 {
							n := min(piece, len(script))
							c.Send(script[:n])
							script = script[n:]
						}
						if size == limit {
							roundTrip(c, 1)
							return
						}
						c.ExpectClose(1, amqp.PreconditionFailed, fmt.Sprintf(
							"PRECONDITION_FAILED - message size %d is larger than configured max size %d", size, limit), 60<<16|40)
						roundTrip(c, 2)
						b.expect(t, "close channel 1", "basic.qos 2")
					})
				})
			}
		}
	}
}

// FRM-02 holds for bodies that are read to their own memory as well.
func TestALargeBodyWithABadFrameEnd(t *testing.T) {
	body := bytes.Repeat([]byte{'m'}, 100000)
	for _, cut := range []int{1, 50000, 99990} { // bytes from the end
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			begin := time.Now()
			c := b.open(t, amqptest.Login{}, 1)
			b.took()
			script := frames(1, body)
			script[len(script)-1] = 0
			c.Send(script[:len(script)-cut])
			c.Send(script[len(script)-cut:], amqp.AppendMethod(nil, 1, &amqp.BasicQos{})[:4]) // no more is taken
			c.ExpectClose(0, amqp.FrameError,
				`FRAME_ERROR - type 3, first 16 octets = <<"mmmmmmmmmmmmmmmm">>: {invalid_frame_end_marker,0}`, 0)
			c.ExpectEnd()
			since(t, begin, 3*time.Second)
			b.expect(t, "close channel 1", "close")
		})
	}
}

// A channel or connection that ends within a content takes it along.
func TestAnEndWithinAContent(t *testing.T) {
	for _, size := range []int{100, 200000} {
		for _, close := range []amqp.Method{&amqp.ConnectionClose{}, nil} {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c := b.open(t, amqptest.Login{}, 1)
				b.took()
				script := frames(1, pattern(size), size/2)
				c.Send(script[:len(script)-size/2-1-7])
				if close != nil {
					c.SendMethods(0, close)
					c.Expect(0, &amqp.ConnectionCloseOk{})
				}
				c.Close()
				synctest.Wait()
				b.expect(t, "close channel 1", "close")
			})
		}
	}
}
