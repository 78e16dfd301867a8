package perf

import (
	"bytes"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

func TestAMessageIsWhatTheBrokerDecodes(t *testing.T) {
	l := &Load{Topology: Topology{Exchange: "e", RoutingKey: "k", Queues: []string{"q"}}, Size: 10, Mandatory: true}
	l.Properties = amqp.BasicProperties{DeliveryMode: 2, Priority: 7}
	m := newMessage(l, 0, amqp.FrameOverhead+4, l.Properties) // bodies of 4, 4 and 2 bytes
	want := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{Exchange: "e", RoutingKey: "k", Mandatory: true})
	want = amqp.AppendContentHeader(want, 1, 10, l.Properties.Append(nil))
	if m.at != len(want)+frameHeaderSize {
		t.Errorf("the body is at %d, want %d", m.at, len(want)+frameHeaderSize)
	}
	for _, size := range []int{4, 4, 2} {
		want = amqp.AppendFrame(want, amqp.FrameBody, 1, make([]byte, size))
	}
	if !bytes.Equal(m.encoded, want) {
		t.Errorf("got  %q\nwant %q", m.encoded, want)
	}
}

func TestTheChecksumTellsAnyChange(t *testing.T) {
	l := &Load{Topology: Topology{Queues: []string{"q"}}, Size: 100}
	m := newMessage(l, 0, 4096, l.Properties)
	m.sign(stamp{sent: time.Now().UnixNano(), test: 1, producer: 2, number: 3})
	body := m.encoded[m.at : m.at+100]
	sum := func() bool {
		var d digest
		s, _ := readStamp(body)
		for _, piece := range [][]byte{body[:40], body[40:41], body[41:]} {
			d.add(piece)
		}
		return d.sum == s.sum
	}
	if !sum() {
		t.Fatal("the checksum is not that of the body")
	}
	for i := range body {
		body[i] ^= 0x10
		if sum() {
			t.Errorf("a change of byte %d is not seen", i)
		}
		body[i] ^= 0x10
	}
}

func TestURIsNameBrokers(t *testing.T) {
	for uri, want := range map[string]address{
		"amqp://":                      {host: "localhost:5672", user: "guest", password: "guest", vhost: "/"},
		"amqp://h/":                    {host: "h:5672", user: "guest", password: "guest", vhost: "/"},
		"amqp://u:p%40@h:1/a%2Fb":      {host: "h:1", user: "u", password: "p@", vhost: "a/b"},
		"amqp://guest:guest@[::1]/%2F": {host: "[::1]:5672", user: "guest", password: "guest", vhost: "/"},
	} {
		if got, err := parseURI(uri, nil); err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", uri, got, err, want)
		}
	}
	if a, err := parseURI("amqps://h", nil); err != nil || a.host != "h:5671" || a.tls.ServerName != "h" {
		t.Errorf("amqps://h is %+v (%v)", a, err)
	}
	for _, uri := range []string{"", "localhost", "http://h", "amqp://h/a/b", "amqp://h:x"} {
		if _, err := parseURI(uri, nil); err == nil {
			t.Errorf("%q is taken", uri)
		}
	}
}
