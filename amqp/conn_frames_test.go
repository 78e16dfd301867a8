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

// FRM-02 to FRM-06: the client is told and gets three seconds to read it.
// Nothing behind the fault is looked at.
func TestInputThatIsNoFrames(t *testing.T) {
	badEnd := func(frame []byte) []byte {
		frame[len(frame)-1] = 0
		return frame
	}
	for _, tt := range []struct {
		name string
		send []byte
		text string
	}{
		{
			"bad frame end", badEnd(amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("abc"))),
			`type 3, all octets = <<"abc">>: {invalid_frame_end_marker,0}`,
		},
		{
			"bad frame end, long", badEnd(amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("0123456789abcdefg"))),
			`type 3, first 16 octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,0}`,
		},
		{
			"too large, by its head",
			[]byte{3, 0, 1, 0, 2, 0, 1},
			`type 3, all octets = <<>>: {frame_too_large,131073,131064}`,
		},
		{
			"largest",
			[]byte{1, 0, 0, 0xff, 0xff, 0xff, 0xff},
			`type 1, all octets = <<>>: {frame_too_large,4294967295,131064}`,
		},
		{"unknown type", amqp.AppendFrame(nil, 4, 1, []byte("abc")), `type 4, all octets = <<"abc">>: unknown_frame`},
		{"unknown type on channel 0", amqp.AppendFrame(nil, 255, 0, nil), `type 255, all octets = <<>>: unknown_frame`},
		{"type 0", amqp.AppendFrame(nil, 0, 0, []byte{0}), `type 0, all octets = <<0>>: unknown_frame`},
		{"short method", amqp.AppendFrame(nil, amqp.FrameMethod, 1, []byte{0, 50}), `type 1, all octets = <<0,50>>: unknown_frame`},
		{"short header", amqp.AppendFrame(nil, amqp.FrameHeader, 1, make([]byte, 11)), `type 2, all octets = <<0,0,0,0,0,0,0,0,0,0,0>>: unknown_frame`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c := b.open(t, amqptest.Login{}, 1)
				b.took()
				begin := time.Now()
				c.Send(tt.send, amqp.AppendMethod(nil, 1, &amqp.BasicQos{}), amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}))
				c.ExpectClose(0, amqp.FrameError, "FRAME_ERROR - "+tt.text, 0)
				b.expect(t, "close channel 1", "close")
				c.ExpectEnd()
				since(t, begin, 3*time.Second)
			})
		})
	}
}

// FRM-03: eight bytes more than the frame size are taken.
func TestTheLargestFrame(t *testing.T) {
	for _, frameMax := range []uint32{4096, 5000, 131072} {
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			c := b.open(t, amqptest.Login{FrameMax: frameMax}, 1)
			b.took()
			body := []byte(strings.Repeat("m", int(frameMax)))
			c.Send(
				amqp.AppendMethod(nil, 1, &amqp.BasicPublish{}),
				amqp.AppendContentHeader(nil, 1, uint64(frameMax), amqp.Properties{0, 0}),
				amqp.AppendFrame(nil, amqp.FrameBody, 1, body),
			)
			roundTrip(c, 1)
			b.expect(t, fmt.Sprintf(`publish 1 "" "" %s "\x00\x00"`, summary(body)), "basic.qos 1")
			c.Send(amqp.AppendFrame(nil, amqp.FrameBody, 1, append(body, 'm'))[:7])
			c.ExpectClose(0, amqp.FrameError, fmt.Sprintf(
				"FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,%d,%d}", frameMax+1, frameMax-8), 0)
		})
	}
}

// FRM-07, FRM-08, FRM-11 to FRM-14, FRM-28, CONN-33: the connection is closed
// in order.
func TestFramesOutOfPlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		send []byte
		code amqp.ReplyCode
		text string
		id   amqp.MethodID
	}{
		{"unknown method", amqp.AppendFrame(nil, amqp.FrameMethod, 1, []byte{0, 50, 0, 99}), amqp.NotImplemented, "NOT_IMPLEMENTED", 50<<16 | 99},
		{"unknown method on channel 0", amqp.AppendFrame(nil, amqp.FrameMethod, 0, []byte{0, 50, 0, 99}), amqp.NotImplemented, "NOT_IMPLEMENTED", 50<<16 | 99},
		{
			"junk behind arguments", amqp.AppendFrame(nil, amqp.FrameMethod, 1, []byte{0, 85, 0, 10, 0, 9}), amqp.FrameError,
			`FRAME_ERROR - cannot decode <<0,9>>`, 85<<16 | 10,
		},
		{
			"connection method on a channel", amqp.AppendMethod(nil, 1, &amqp.ConnectionOpen{}), amqp.CommandInvalid,
			"COMMAND_INVALID - unimplemented method", id(&amqp.ConnectionOpen{}),
		},
		{
			"server's method", amqp.AppendMethod(nil, 1, &amqp.QueueDeclareOk{}), amqp.CommandInvalid,
			"COMMAND_INVALID - unimplemented method", id(&amqp.QueueDeclareOk{}),
		},
		{
			"channel method on channel 0", amqp.AppendMethod(nil, 0, &amqp.ChannelOpen{}), amqp.ChannelError,
			"CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.ChannelOpen{}),
		},
		{
			"publish on channel 0", amqp.AppendMethod(nil, 0, &amqp.BasicPublish{}), amqp.ChannelError,
			"CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.BasicPublish{}),
		},
		{
			"body on channel 0", amqp.AppendFrame(nil, amqp.FrameBody, 0, []byte("abc")), amqp.UnexpectedFrame,
			`UNEXPECTED_FRAME - type 3, all octets = <<"abc">>`, 0,
		},
		{
			"body without a method", amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("abc")), amqp.UnexpectedFrame,
			"UNEXPECTED_FRAME - expected method frame, got non method frame instead", 0,
		},
		{
			"header without a method", amqp.AppendContentHeader(nil, 1, 0, amqp.Properties{0, 0}), amqp.UnexpectedFrame,
			"UNEXPECTED_FRAME - expected method frame, got non method frame instead", 0,
		},
		{"start-ok again", amqp.AppendMethod(nil, 0, &amqp.ConnectionStartOk{}), amqp.ChannelError, "CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.ConnectionStartOk{})},
		{"tune-ok again", amqp.AppendMethod(nil, 0, &amqp.ConnectionTuneOk{}), amqp.ChannelError, "CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.ConnectionTuneOk{})},
		{"open again", amqp.AppendMethod(nil, 0, &amqp.ConnectionOpen{}), amqp.ChannelError, "CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.ConnectionOpen{})},
		{"close-ok out of the blue", amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}), amqp.ChannelError, "CHANNEL_ERROR - unexpected method in connection state running", id(&amqp.ConnectionCloseOk{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				c := newBackend().open(t, amqptest.Login{}, 1)
				c.Send(tt.send, amqp.AppendMethod(nil, 1, &amqp.BasicQos{}))
				c.ExpectClose(0, tt.code, tt.text, tt.id)
				c.SendMethods(0, &amqp.ConnectionCloseOk{})
				c.ExpectEnd()
				since(t, begin, 0)
			})
		})
	}
}
