package amqp

import (
	"errors"
	"strings"
	"testing"
)

// payloadOf returns what a method frame carries between its size and its end.
func payloadOf(m Method) []byte {
	frame := AppendMethod(nil, 0, m)
	return frame[frameHeaderSize : len(frame)-1]
}

func TestMalformedMethodsAreRefusedInRabbitMQsWords(t *testing.T) {
	open := "\x00\x14\x00\x0a" // channel.open
	declare := "\x00\x32\x00\x0a\x00\x00\x01q\x00"
	tests := []struct {
		name, payload string
		code          ReplyCode
		text          string
		noMethod      bool
	}{
		{"no id at all", "", FrameError, "type 1, all octets = <<>>: unknown_frame", true},
		{"half an id", "\x00\x32", FrameError, "type 1, all octets = <<0,50>>: unknown_frame", true},
		{"half an id, printable", "ab", FrameError, `type 1, all octets = <<"ab">>: unknown_frame`, true},
		{"unknown class", "\x00\x63\x00\x0a", NotImplemented, "", false},
		{"unknown method", "\x00\x0a\x00\x63", NotImplemented, "", false},
		{"an argument missing", open, FrameError, "cannot decode <<>>", false},
		{"a string cut short", open + "\x05abc", FrameError, "cannot decode <<5,97,98,99>>", false},
		{"printable bytes in numbers", open + "abc", FrameError, "cannot decode <<97,98,99>>", false},
		{"bytes left over", open + "\x00zz", FrameError, "cannot decode <<0,122,122>>", false},
		{"arguments of a method that has none", "\x00\x5a\x00\x0ax", FrameError, "cannot decode <<120>>", false},
		{"not UTF-8", open + "\x01\xff", FrameError, "Malformed UTF-8 in shortstr", true},
		{"not UTF-8 and bytes left over", open + "\x01\xffz", FrameError, "cannot decode <<1,255,122>>", false},
		{
			"a table of unknown type and bytes left over", declare + "\x00\x00\x00\x04\x01k?\x00!", FrameError,
			"cannot decode <<0,0,1,113,0,0,0,0,4,1,107,63,0,33>>", false,
		},
		{
			"a table longer than the frame", declare + "\x00\x00\x00\x05\x01k", FrameError,
			"cannot decode <<0,0,1,113,0,0,0,0,5,1,107>>", false,
		},
		{"a value without a type", declare + "\x00\x00\x00\x02\x01k", SyntaxError, "malformed field table", false},
		{"a value of unknown type", declare + "\x00\x00\x00\x04\x01k?\x00", SyntaxError, "malformed field table", false},
		{"a number that is none", declare + "\x00\x00\x00\x07\x01kf\x7f\x80\x00\x00", SyntaxError, "malformed field table", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := DecodeMethod([]byte(tt.payload))
			var e *Error
			if m != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v", m, err)
			}
			if e.Code != tt.code || e.Text != tt.text || e.NoMethod != tt.noMethod {
				t.Errorf("got %d %q, NoMethod %t", e.Code, e.Text, e.NoMethod)
			}
		})
	}
}

func TestUndecodableArgumentsAreCutInTheReplyText(t *testing.T) {
	_, err := DecodeMethod(append([]byte("\x00\x14\x00\x0a"), strings.Repeat("\xff", 300)...))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	text := e.ReplyText()
	if len(text) != 255 || !strings.HasPrefix(text, "FRAME_ERROR - cannot decode <<255,255,") || !strings.HasSuffix(text, ",25...") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestUnusedBitsAndReservedArgumentsAreIgnored(t *testing.T) {
	m, err := DecodeMethod([]byte("\x00\x0a\x00\x28\x01/\x03any\xfe"))
	if err != nil || *m.(*ConnectionOpen) != (ConnectionOpen{VirtualHost: "/"}) {
		t.Errorf("got %+v, %v", m, err)
	}
	m, err = DecodeMethod([]byte("\x00\x14\x00\x0b\x00\x00\x00\x02\xff\xff"))
	if err != nil {
		t.Errorf("channel.open-ok: %+v, %v", m, err)
	}
}

func TestNamesThatArePublishedToNeedNotBeUTF8(t *testing.T) {
	in := &BasicPublish{Exchange: "\xff", RoutingKey: "\xfe\x00", Mandatory: true}
	out := new(BasicPublish)
	if err := Decode(out, payloadOf(in)); err != nil || *out != *in {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestDecodeIntoReportsTheSameErrors(t *testing.T) {
	for _, payload := range []string{"\x00", "\x00\x3c\x00\x50\x00"} {
		var e *Error
		if err := Decode(new(BasicAck), []byte(payload)); !errors.As(err, &e) || e.Code != FrameError {
			t.Errorf("%q: %v", payload, err)
		}
	}
}

func TestDecodeIntoAnotherMethodIsABug(t *testing.T) {
	defer func() {
		if got := recover(); got != "BUG: amqp: basic.ack decoded as basic.nack" {
			t.Errorf("got %v", got)
		}
	}()
	_ = Decode(new(BasicNack), payloadOf(&BasicAck{}))
}

func TestDecodedMethodsDoNotReferToThePayload(t *testing.T) {
	in := &ConnectionStartOk{
		ClientProperties: Table{{"s", "text"}, {"x", []byte("bytes")}, {"A", Array{"text", []byte("bytes")}}},
		Mechanism:        "PLAIN", Response: []byte("secret"), Locale: "en_US",
	}
	payload := payloadOf(in)
	m, err := DecodeMethod(payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if out := m.(*ConnectionStartOk); string(out.Response) != "secret" || out.Mechanism != "PLAIN" ||
		out.ClientProperties.Canonical() != in.ClientProperties.Canonical() {
		t.Errorf("got %+v", out)
	}
}

func TestUnknownMethodsAreNamedByNumber(t *testing.T) {
	id, ok := PayloadID([]byte("\x00\x63\x01\x02args"))
	if !ok || id.Class() != 99 || id.Method() != 258 || id.String() != "99.258" || id.HasContent() || id.FromClient() {
		t.Errorf("got %d.%d %s, %t", id.Class(), id.Method(), id, ok)
	}
	if _, ok := PayloadID([]byte{0, 0, 0}); ok {
		t.Error("three bytes have an id")
	}
}

func TestAShortStringOfMoreThan255BytesIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	AppendMethod(nil, 1, &BasicCancel{ConsumerTag: strings.Repeat("x", 256)})
}
