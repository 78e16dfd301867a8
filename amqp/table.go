package amqp

import "slices"

// Table is a field table with the order and the duplicates of the wire. Every
// value is of one of these types (WIRE-01):
//
//	t bool       s int16    l int64    D Decimal      T Timestamp
//	b int8       u uint16   L int64    S string       F Table
//	B uint8      I int32    f float32  x []byte       V nil
//	             i uint32   d float64  A Array
//
// L is read as a signed number and written as l (WIRE-03). A nil and an empty
// table are the same on the wire.
type Table []Field

// Field is one entry of a table. Key is at most 255 bytes, of any content.
type Field struct {
	Key   string
	Value any
}

// Array is a list of field values.
type Array []any

// Timestamp is a field value that counts seconds since 1970, by the sender's
// word.
type Timestamp uint64

// Decimal is a field value that stands for Value divided by ten Scale times.
type Decimal struct {
	Scale uint8
	Value uint32
}

// Get returns the value of the first field of that key.
func (t Table) Get(key string) (any, bool) {
	for i := range t {
		if t[i].Key == key {
			return t[i].Value, true
		}
	}
	return nil, false
}

// Canonical returns an encoding that is equal for two tables exactly if a
// binding treats them as the same arguments: the order of the keys does not
// matter, the types of the values do (QOP-09).
func (t Table) Canonical() string {
	if len(t) == 0 {
		return ""
	}
	sorted := slices.Clone(t)
	slices.SortStableFunc(sorted, func(a, b Field) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
	return string(appendTableBody(nil, sorted))
}

// TypeName returns RabbitMQ's word for the type of a field value, as refusals
// of arguments quote it (QARG-02, QDEC-25).
func TypeName(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case int8:
		return "byte"
	case uint8:
		return "unsignedbyte"
	case int16:
		return "short"
	case uint16:
		return "unsignedshort"
	case int32:
		return "signedint"
	case uint32:
		return "unsignedint"
	case int64:
		return "long"
	case float32:
		return "float"
	case float64:
		return "double"
	case Decimal:
		return "decimal"
	case string:
		return "longstr"
	case []byte:
		return "binary"
	case Array:
		return "array"
	case Timestamp:
		return "timestamp"
	case Table:
		return "table"
	case nil:
		return "void"
	}
	panic(badFieldValue(v))
}
