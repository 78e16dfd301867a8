package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// storedMessage is a message as a publish makes it.
func storedMessage(exchange, key string, p amqp.BasicProperties, size int) *message {
	r := &run{origin: &origin{exchange: exchange, key: key}, contents: []amqp.Content{
		amqp.NewContent(p.Append(nil), bytes.Repeat([]byte("b"), size)),
	}}
	r.note(1, p.DeliveryMode == persistentMode)
	return r.keep(0)
}

func TestAStoredMessageComesBackAsItWas(t *testing.T) {
	long := strings.Repeat("k", 255)
	var d decoder
	for _, o := range []origin{{}, {exchange: "x", key: "k"}, {long, long, ""}, {exchange: "x", key: "k"}, {"x", "k", hide([]string{"a", ""})}} {
		for mode := range uint8(3) {
			for _, size := range []int{0, 10, 100_000} {
				m := storedMessage(o.exchange, o.key, amqp.BasicProperties{DeliveryMode: mode, MessageID: "m"}, size)
				m.origin = &o
				b := m.AppendTo(nil)
				if len(b) != m.Size() {
					t.Errorf("%d bytes, Size is %d", len(b), m.Size())
				}
				got, err := d.message(b)
				if err != nil {
					t.Fatal(err)
				}
				if *got.origin != o || !bytes.Equal(got.content.Body(), m.content.Body()) ||
					!bytes.Equal(got.content.Properties(), m.content.Properties()) {
					t.Errorf("%d bytes from %.10v came back as %d from %.10v", size, o, len(got.content.Body()), *got.origin)
				}
				if got.persistent() != (mode == 2) || got.persistent() != m.persistent() {
					t.Errorf("delivery mode %d: persistent is %t, and was %t", mode, got.persistent(), m.persistent())
				}
			}
		}
	}
}

// A backlog has the strings of its few origins once, and not those of very many.
func TestLoadedMessagesShareTheirOrigins(t *testing.T) {
	var d decoder
	load := func(key string) *message {
		m, err := d.message(storedMessage("x", key, amqp.BasicProperties{}, 1).AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if a := load("a").origin; a != load("a").origin || a == load("b").origin {
		t.Error("messages share an origin that is not theirs, or do not share theirs")
	}
	for i := range 3 * mostOrigins {
		load(fmt.Sprint(i))
	}
	if len(d.origins) > mostOrigins {
		t.Errorf("%d origins are remembered", len(d.origins))
	}
}

// FuzzStoredMessage: what decodes is stored as the same bytes.
func FuzzStoredMessage(f *testing.F) {
	for _, size := range []int{0, 10, 5000} {
		f.Add(storedMessage("x", "k", amqp.BasicProperties{DeliveryMode: 2}, size).AppendTo(nil))
	}
	f.Add([]byte{})
	f.Add([]byte{3, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := new(decoder).message(b)
		if err != nil {
			return
		}
		if again := m.AppendTo(nil); !bytes.Equal(again, b) || m.Size() != len(b) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}
