package amqp

import "testing"

func TestFramesAreAsDrawnInTheSpec(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"body", AppendFrame(nil, FrameBody, 0x0102, []byte("abc")), "\x03\x01\x02\x00\x00\x00\x03abc\xce"},
		{"heartbeat", AppendFrame([]byte("x"), FrameHeartbeat, 0, nil), "x\x08\x00\x00\x00\x00\x00\x00\xce"},
		{
			"method", AppendMethod(nil, 3, &BasicAck{DeliveryTag: 5, Multiple: true}),
			"\x01\x00\x03\x00\x00\x00\x0d\x00\x3c\x00\x50\x00\x00\x00\x00\x00\x00\x00\x05\x01\xce",
		},
		{
			"content header", AppendContentHeader(nil, 1, 1<<40, Properties("\x10\x00\x02")),
			"\x02\x00\x01\x00\x00\x00\x0f\x00\x3c\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x02\xce",
		},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s:\n got % x\nwant % x", tt.name, tt.got, tt.want)
		}
	}
}
