package amqp

import (
	"reflect"
	"testing"
)

func TestOneHeaderIsFoundAmongOthers(t *testing.T) {
	p := (&BasicProperties{ContentType: "text/plain", DeliveryMode: 2, Headers: Table{
		{Key: "a", Value: Table{{Key: "b", Value: int32(1)}}},
		{Key: "b", Value: "two"},
		{Key: "c", Value: Array{true, nil}},
		{Key: "b", Value: "again"},
		{Key: "v", Value: nil},
	}}).Append(nil)
	for key, want := range map[string]any{
		"a": Table{{Key: "b", Value: int32(1)}}, "b": "two", "c": Array{true, nil}, "v": nil,
	} {
		if got, ok := Properties(p).Header(key); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, %t, want %v", key, got, ok, want)
		}
	}
	for _, key := range []string{"", "d", "two"} {
		if got, ok := Properties(p).Header(key); ok {
			t.Errorf("there is a header %q: %v", key, got)
		}
	}
	none := Properties((&BasicProperties{ContentType: "b"}).Append(nil))
	if got, ok := none.Header("b"); ok {
		t.Errorf("without headers there is %v", got)
	}
}

// What was not checked has no headers, rather than wrong ones.
func TestAHeaderThatIsCutOffIsAbsent(t *testing.T) {
	p := (&BasicProperties{Headers: Table{{Key: "a", Value: "text"}, {Key: "b", Value: "text"}}}).Append(nil)
	for n := range p {
		if got, ok := Properties(p[:n]).Header("b"); ok {
			t.Errorf("%d of %d bytes have %v", n, len(p), got)
		}
	}
}
