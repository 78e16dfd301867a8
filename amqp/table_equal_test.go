package amqp

import (
	"math"
	"testing"
)

// TestValuesAreEqualAsInAHeadersExchange has groups of equal values. No value
// of one group equals one of another.
func TestValuesAreEqualAsInAHeadersExchange(t *testing.T) {
	five := int8(5)
	groups := [][]any{
		{true},
		{false},
		{int8(1)},
		{five, uint8(5), int16(5), uint16(5), int32(5), uint32(5), int64(5), float32(5), 5.0, Timestamp(5)},
		{int64(-1), -1.0},
		{float32(0.1)},
		{0.1},
		{0.0, math.Copysign(0, -1), uint8(0)},
		{int64(1<<53 + 1)},
		{int64(1 << 53), float64(1 << 53)},
		{Timestamp(1 << 63), float64(1 << 63)},
		{Timestamp(1<<64 - 1)},
		{float64(1 << 64)},
		{Decimal{0, 5}},
		{Decimal{1, 50}},
		{"5", []byte("5")},
		{"", []byte{}, []byte(nil)},
		{"true"},
		{Array{}, Table{}, Array(nil), Table(nil)},
		{Array{five}},
		{Array{int64(5)}},
		{Array{5.0}},
		{Array{float32(5)}},
		{Array{"5"}},
		{Array{[]byte("5")}},
		{Array{Array{}}},
		{Array{Table{}}},
		{Array{nil}},
		{Array{nil, nil}},
		{Table{{"a", five}, {"b", five}}},
		{Table{{"b", five}, {"a", five}}},
		{Table{{"a", five}}},
		{Table{{"a", int16(5)}}},
		{nil},
	}
	for i, group := range groups {
		for j, other := range groups {
			for _, a := range group {
				for _, b := range other {
					if got := Equal(a, b); got != (i == j) {
						t.Errorf("%T %v, %T %v: %t", a, a, b, b, got)
					}
				}
			}
		}
	}
}

func TestNoNumberEqualsWhatIsNone(t *testing.T) {
	for _, v := range []any{math.NaN(), int64(0), 0.0} {
		if Equal(v, math.NaN()) || Equal(math.NaN(), v) {
			t.Errorf("%v", v)
		}
	}
}

func TestArgumentsAreEquivalentAsInADeclaration(t *testing.T) {
	tests := []struct {
		a, b any
		want bool
	}{
		{int64(5), int8(5), true},
		{int64(5), Timestamp(5), true},
		{int64(5), int64(6), false},
		{int64(5), 5.0, false},
		{float32(5), 5.0, true},
		{"5", int64(5), false},
		{"5", []byte("5"), true},
		{"a", "b", false},
		{true, true, true},
		{nil, nil, true},
		{nil, int64(0), false},
	}
	for _, tt := range tests {
		if Equivalent(tt.a, tt.b) != tt.want || Equivalent(tt.b, tt.a) != tt.want {
			t.Errorf("%T %v, %T %v: not %t", tt.a, tt.a, tt.b, tt.b, tt.want)
		}
	}
}
