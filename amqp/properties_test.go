package amqp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// every has all properties, each with a value of its own.
var every = BasicProperties{
	ContentType: "text/plain", ContentEncoding: "gzip", Headers: oneOfEach, DeliveryMode: 2, Priority: 7,
	CorrelationID: "correlation", ReplyTo: "reply", Expiration: "60000", MessageID: "message",
	Timestamp: 1<<64 - 2, Type: "type", UserID: "user", AppID: "app", ClusterID: "cluster \xff",
}

// read returns a property by the spec's name, as an accessor reports it.
func read(p Properties, name string) (value any, ok bool) {
	switch name {
	case "content-type":
		value, ok = p.ContentType()
	case "content-encoding":
		value, ok = p.ContentEncoding()
	case "headers":
		value, ok, _ = p.Headers()
	case "delivery-mode":
		value, ok = p.DeliveryMode()
	case "priority":
		value, ok = p.Priority()
	case "correlation-id":
		value, ok = p.CorrelationID()
	case "reply-to":
		value, ok = p.ReplyTo()
	case "expiration":
		value, ok = p.Expiration()
	case "message-id":
		value, ok = p.MessageID()
	case "timestamp":
		value, ok = p.Timestamp()
	case "type":
		value, ok = p.Type()
	case "user-id":
		value, ok = p.UserID()
	case "app-id":
		value, ok = p.AppID()
	case "cluster-id":
		value, ok = p.ClusterID()
	default:
		panic(name)
	}
	return value, ok
}

// encodeProperties is a second encoder, driven by the spec's table: the
// properties whose flags are set, with the values of every.
func encodeProperties(spec []specArg, flags uint16) Properties {
	p := binary.BigEndian.AppendUint16(nil, flags)
	for i, a := range spec {
		if flags&(1<<(15-i)) == 0 {
			continue
		}
		value := reflect.ValueOf(every).FieldByName(goName(a.name))
		switch a.kind {
		case "shortstr":
			p = append(append(p, byte(value.Len())), value.String()...)
		case "octet":
			p = append(p, byte(value.Uint()))
		case "timestamp":
			p = binary.BigEndian.AppendUint64(p, value.Uint())
		case "table":
			p = AppendTable(p, oneOfEach)
		}
	}
	return p
}

func TestEachPropertyIsReadWhateverIsBeforeIt(t *testing.T) {
	_, spec := readSpec(t)
	if len(spec) != 14 {
		t.Fatalf("%d properties in the spec's table", len(spec))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		flags := uint16(random.Uint32()) &^ 3
		p := encodeProperties(spec, flags)
		if err := p.Check(); err != nil {
			t.Fatalf("%016b: %v", flags, err)
		}
		for i, a := range spec {
			got, ok := read(p, a.name)
			want := reflect.Zero(reflect.TypeOf(got)).Interface()
			present := flags&(1<<(15-i)) != 0
			if present {
				want = reflect.ValueOf(every).FieldByName(goName(a.name)).Interface()
			}
			if ok != present || !reflect.DeepEqual(got, want) {
				t.Fatalf("%016b %s: %v, %t", flags, a.name, got, ok)
			}
		}
		all, err := p.Decode()
		if again := all.Append([]byte{}); err != nil || string(again) != string(p) {
			t.Fatalf("%016b: % x became % x, %v", flags, p, again, err)
		}
	}
}

func TestPropertiesThatAreZeroAreAbsent(t *testing.T) {
	if got := (&BasicProperties{}).Append(nil); string(got) != "\x00\x00" {
		t.Errorf("nothing: % x", got)
	}
	if got := (&BasicProperties{Headers: Table{}}).Append(nil); string(got) != "\x20\x00\x00\x00\x00\x00" {
		t.Errorf("empty headers: % x", got)
	}
	p := Properties("\x18\x00\x00\x00") // delivery-mode and priority, both 0
	if mode, ok := p.DeliveryMode(); mode != 0 || !ok {
		t.Errorf("delivery-mode %d, %t", mode, ok)
	}
	if priority, ok := p.Priority(); priority != 0 || !ok {
		t.Errorf("priority %d, %t", priority, ok)
	}
}

func TestMalformedPropertiesAreInternalErrors(t *testing.T) {
	tests := map[string]Properties{
		"nothing":                      {},
		"half of the flags":            {0x80},
		"a further word of flags":      Properties("\x00\x01\x00\x00"),
		"a further word, missing":      Properties("\x00\x01"),
		"a property missing":           Properties("\x80\x00"),
		"a string cut short":           Properties("\x80\x00\x05ab"),
		"half a timestamp":             Properties("\x00\x40\x00\x00\x00\x00"),
		"bytes left over":              Properties("\x80\x00\x02abx"),
		"headers longer than the rest": Properties("\x20\x00\x00\x00\x00\x64\x01k"),
		"headers of unknown type":      append(Properties("\x20\x00"), tableOf("k", "?")...),
		"headers with half a number":   append(Properties("\x20\x00"), tableOf("k", "I\x00")...),
		"headers with no number":       append(Properties("\x20\x00"), tableOf("k", "f\x7f\xff\xff\xff")...),
	}
	for name, p := range tests {
		err := p.Check()
		var e *Error
		if !errors.As(err, &e) || e.Code != InternalError || e.Text != "" || !e.NoMethod || e.Err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := p.Decode(); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func TestUnusualPropertiesAreLeftAlone(t *testing.T) {
	for name, p := range map[string]Properties{
		"the flag without a meaning": Properties("\x80\x02\x01a"),
		"strings that are not UTF-8": Properties("\x80\x00\x01\xff"),
		"keys that are not UTF-8":    append(Properties("\x20\x00"), tableOf("\xff", "t\x02")...),
		"any delivery-mode":          Properties("\x10\x00\x07"),
	} {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAccessorsOfUncheckedPropertiesDoNotPanic(t *testing.T) {
	_, spec := readSpec(t)
	whole := encodeProperties(spec, 0xFFFC)
	for n := range whole {
		for _, a := range spec {
			if value, ok := read(whole[:n], a.name); ok && fmt.Sprint(value) == "" {
				t.Errorf("%d bytes: %s is there and empty", n, a.name)
			}
		}
	}
}

func TestPropertiesAreReadWithoutAllocation(t *testing.T) {
	_, spec := readSpec(t)
	p := encodeProperties(spec, 0xFFFC&^(1<<(15-propExpiration)))
	allocs := testing.AllocsPerRun(100, func() {
		_ = p.Check()
		_, _ = p.DeliveryMode()
		_, _ = p.Priority()
		_, _ = p.Timestamp()
		_, _ = p.Expiration()
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestAPropertyIsReplacedAndTheOthersStay(t *testing.T) {
	p := Properties(every.Append(nil))
	before := string(p)
	want := every
	want.ReplyTo = "another"
	if got := p.WithReplyTo("another"); string(got) != string(want.Append(nil)) {
		t.Errorf("% x", got)
	}
	for _, f := range oneOfEach {
		i := slices.IndexFunc(oneOfEach, func(g Field) bool { return g.Key == f.Key }) // the first of that name
		want := every
		want.Headers = append(slices.Clone(oneOfEach[:i]), oneOfEach[i+1:]...)
		if got := p.WithoutHeader(f.Key); string(got) != string(want.Append(nil)) {
			t.Errorf("without %s: % x", f.Key, got)
		}
	}
	if got := p.WithoutHeader("none of this name"); string(got) != before {
		t.Errorf("% x", got)
	}
	if string(p) != before {
		t.Error("the properties themselves have changed")
	}
}

func TestOnlyTheFirstHeaderOfANameGoes(t *testing.T) {
	b := BasicProperties{Headers: Table{{"BCC", "1"}, {"k", "2"}, {"BCC", "3"}}}
	b.Headers, _, _ = Properties(b.Append(nil)).WithoutHeader("BCC").Headers()
	if want := (Table{{"k", "2"}, {"BCC", "3"}}); !reflect.DeepEqual(b.Headers, want) {
		t.Errorf("%v", b.Headers)
	}
	alone := (&BasicProperties{Headers: Table{{"BCC", "1"}}, MessageID: "m"}).Append(nil)
	empty := (&BasicProperties{Headers: Table{}, MessageID: "m"}).Append(nil)
	if got := Properties(alone).WithoutHeader("BCC"); string(got) != string(empty) {
		t.Errorf("% x", got)
	}
	if none := Properties("\x00\x00"); string(none.WithoutHeader("BCC")) != string(none) {
		t.Error("no headers have become some")
	}
}
