package amqp

import (
	"math"
	"strings"
	"testing"
)

// The expectations of this file were printed by Erlang/OTP 25 or by RabbitMQ
// 3.10.8, which runs on it.

func TestBinariesLookAsInErlang(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `<<>>`},
		{"abc", `<<"abc">>`},
		{"\x00", `<<0>>`},
		{"a\x00", `<<97,0>>`},
		{"a\tb\"\\", `<<"a\tb\"\\">>`},
		{"\b\f\v\r\n\x1b", `<<"\b\f\v\r\n\e">>`},
		{"\x7f", `<<127>>`},
		{"\x80", `<<128>>`},
		{"\x9f", `<<159>>`},
		{"\xa0\xe9\xff", "<<\"\xa0\xe9\xff\">>"},
		{"\xe2\x82\xac", `<<226,130,172>>`},
	}
	for _, tt := range tests {
		if got := FormatBinary([]byte(tt.in)); got != tt.want {
			t.Errorf("%q: %s", tt.in, got)
		}
	}
}

func TestFrameErrorsShowTheFrameBrokenWhereErlangBreaks(t *testing.T) {
	rep := strings.Repeat
	tests := []struct {
		frame   FrameType
		payload string
		end     byte
		want    string // after the end marker's text, if end is not the right one
	}{
		{1, "\x00\x32", FrameEnd, "type 1, all octets = <<0,50>>"},
		{3, "abc", 0, `type 3, all octets = <<"abc">>: {invalid_frame_end_marker,0}`},
		{4, rep("a", 16), FrameEnd, `type 4, all octets = <<"aaaaaaaaaaaaaaaa">>`},
		{4, rep("a", 17), FrameEnd, `type 4, first 16 octets = <<"aaaaaaaaaaaaaaaa">>`},
		{4, rep("\x80", 14), FrameEnd, "type 4, all octets = <<" + rep("128,", 13) + "128>>"},
		{4, rep("\x80", 16), FrameEnd, "type 4, all octets = <<" + rep("128,", 14) + "\n" + rep(" ", 23) + "128,128>>"},
		{4, rep("\x80", 17), FrameEnd, "type 4, first 16 octets = <<" + rep("128,", 12) + "\n" + rep(" ", 28) + "128,128,128,128>>"},
		{200, rep("\x80", 16), FrameEnd, "type 200, all octets = <<" + rep("128,", 13) + "\n" + rep(" ", 25) + "128,128,128>>"},
		{1, rep("\x80", 15), 1, "type 1, all octets = <<" + rep("128,", 14) + "\n" + rep(" ", 23) + "128>>: {invalid_frame_end_marker,1}"},
		{1, rep("\x80", 14), 1, "type 1, all octets = <<" + rep("128,", 13) + "128>>: {invalid_frame_end_marker,\n" + rep(" ", 83) + "1}"},
		{
			1, "\x00\x32\x00\x0a" + rep("a", 30), 0,
			"type 1, first 16 octets = <<0,50,0,10" + rep(",97", 12) + ">>: {invalid_frame_end_marker,\n" + rep(" ", 78) + "0}",
		},
		{
			58, "\xeb\xab\xaa\x18\xf0\xce", 165,
			"type 58, all octets = <<235,171,170,24,240,206>>: {invalid_frame_end_marker,\n" + rep(" ", 51) + "165}",
		},
	}
	for _, tt := range tests {
		got := describeFrame(tt.frame, []byte(tt.payload))
		if tt.end != FrameEnd {
			got = describeBadEnd(tt.frame, []byte(tt.payload), tt.end)
		}
		if got != tt.want {
			t.Errorf("type %d, %q:\n got %q\nwant %q", tt.frame, tt.payload, got, tt.want)
		}
	}
}

func TestValuesLookAsInRefusalsOfArguments(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{true, "true"},
		{int8(-5), "-5"},
		{uint32(5), "5"},
		{int64(-1 << 63), "-9223372036854775808"},
		{Timestamp(1<<64 - 1), "18446744073709551615"},
		{Decimal{1, 50}, "{1,50}"},
		{"ab'c", "ab'c"},
		{[]byte("\xff\x00"), "\xff\x00"},
		{nil, "undefined"},
		{Array{}, "[]"},
		{Array{int8(5), "a", Array{nil}, []byte{0}}, `[{byte,5},{longstr,<<"a">>},{array,[{void,undefined}]},{binary,<<0>>}]`},
		{Table{{"k", int8(5)}, {"b", true}}, `[{<<"k">>,byte,5},{<<"b">>,bool,true}]`},
		{5.0, "5.0"},
		{float32(0.1), "0.10000000149011612"},
		{0.1, "0.1"},
		{math.Copysign(0, -1), "-0.0"},
		{-2.5, "-2.5"},
		{100.0, "100.0"},
		{1000.0, "1.0e3"},
		{1200.0, "1.2e3"},
		{99999.0, "99999.0"},
		{123456.0, "123456.0"},
		{1e22, "1.0e22"},
		{1.5e300, "1.5e300"},
		{0.0001, "0.0001"},
		{0.00123, "0.00123"},
		{0.000123, "1.23e-4"},
		{0.00001, "1.0e-5"},
		{9007199254740991.0, "9007199254740991.0"},
		{9007199254740992.0, "9.007199254740992e15"},
		{5e-324, "5.0e-324"},
	}
	for _, tt := range tests {
		if got := FormatValue(tt.value); got != tt.want {
			t.Errorf("%T %v: %s, want %s", tt.value, tt.value, got, tt.want)
		}
	}
}
