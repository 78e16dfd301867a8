package amqp

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// Equal compares two field values as a headers exchange does: by value and not
// by type, so that integers of all widths, timestamps and floats are equal if
// the numbers are, and a string equals the same bytes (XTYP-21). Of the values
// within arrays and tables the types must be the same too.
func Equal(a, b any) bool {
	x, isNumber := number(a)
	y, alsoNumber := number(b)
	if isNumber && alsoNumber {
		return x.equal(y)
	}
	switch a := a.(type) {
	case string:
		return equalText(a, b)
	case []byte:
		return equalText(string(a), b)
	case Array, Table:
		return isEmptyList(a) && isEmptyList(b) || sameTyped(a, b)
	}
	return !isNumber && sameTyped(a, b)
}

// Equivalent compares the argument of a declaration with that of an earlier one
// (QDEC-27, QDEC-28): as Equal does, except that no integer equals a float.
func Equivalent(a, b any) bool {
	x, _ := number(a)
	y, _ := number(b)
	return x.isFloat == y.isFloat && Equal(a, b)
}

func equalText(a string, b any) bool {
	switch b := b.(type) {
	case string:
		return a == b
	case []byte:
		return a == string(b)
	}
	return false
}

func isEmptyList(v any) bool {
	switch v := v.(type) {
	case Array:
		return len(v) == 0
	case Table:
		return len(v) == 0
	}
	return false
}

// sameTyped compares type and value, and the order of tables.
func sameTyped(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	case Array:
		y, ok := b.(Array)
		return ok && slices.EqualFunc(x, y, sameTyped)
	case Table:
		y, ok := b.(Table)
		return ok && slices.EqualFunc(x, y, func(f, g Field) bool {
			return f.Key == g.Key && sameTyped(f.Value, g.Value)
		})
	}
	return a == b
}

// num is the number in a field value: an integer or, if isFloat, f. The integer
// is i, or u if that is not zero: what is too large for i.
type num struct {
	i       int64
	u       uint64
	f       float64
	isFloat bool
}

func number(v any) (num, bool) {
	switch v := v.(type) {
	case int8:
		return num{i: int64(v)}, true
	case uint8:
		return num{i: int64(v)}, true
	case int16:
		return num{i: int64(v)}, true
	case uint16:
		return num{i: int64(v)}, true
	case int32:
		return num{i: int64(v)}, true
	case uint32:
		return num{i: int64(v)}, true
	case int64:
		return num{i: v}, true
	case float32:
		return num{f: float64(v), isFloat: true}, true
	case float64:
		return num{f: v, isFloat: true}, true
	case Timestamp:
		if v > math.MaxInt64 {
			return num{u: uint64(v)}, true
		}
		return num{i: int64(v)}, true
	}
	return num{}, false
}

func (n num) equal(other num) bool {
	switch {
	case n.isFloat == other.isFloat:
		return n == other
	case n.isFloat:
		return other.equalFloat(n.f)
	}
	return n.equalFloat(other.f)
}

// equalFloat compares exactly: a conversion to float64 would round.
func (n num) equalFloat(f float64) bool {
	if math.IsNaN(f) {
		return false
	}
	return n.big().Cmp(big.NewFloat(f)) == 0
}

func (n num) big() *big.Float {
	if n.u != 0 {
		return new(big.Float).SetUint64(n.u)
	}
	return new(big.Float).SetInt64(n.i)
}

// String prints the number as Erlang does.
func (n num) String() string {
	switch {
	case n.isFloat:
		return formatFloat(n.f)
	case n.u != 0:
		return strconv.FormatUint(n.u, 10)
	}
	return strconv.FormatInt(n.i, 10)
}
